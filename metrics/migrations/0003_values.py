"""The rollups of numbers: sums, averages and extremes of `props.value` by hour and day."""

from django.db import migrations

from config.lib.engine import Level
from config.lib.engine_migration import EngineScript
from config.lib.sqlfile import script

_TABLES = script(__file__, "0003_value_tables.sql")
_NO_TABLES = script(__file__, "0003_value_tables_reverse.sql")


class Migration(migrations.Migration):
    dependencies = [("metrics", "0002_engines")]
    operations = [
        EngineScript(
            {
                Level.POSTGRES: _TABLES,
                Level.APACHE: _TABLES,
                Level.COMMUNITY: script(__file__, "0003_value_aggregates.sql"),
            },
            {
                Level.POSTGRES: _NO_TABLES,
                Level.APACHE: _NO_TABLES,
                Level.COMMUNITY: script(__file__, "0003_value_aggregates_reverse.sql"),
            },
        ),
    ]
