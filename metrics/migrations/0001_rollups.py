"""The rollups that questions read: tables kept in the processor's transaction, or continuous aggregates."""

from django.db import migrations

from config.lib.engine import Level
from config.lib.engine_migration import EngineScript
from config.lib.sqlfile import script

_TABLES = script(__file__, "0001_rollup_tables.sql")
_NO_TABLES = script(__file__, "0001_rollup_tables_reverse.sql")


class Migration(migrations.Migration):
    dependencies = [("events", "0002_pipeline")]
    operations = [
        EngineScript(
            {
                Level.POSTGRES: _TABLES,
                Level.APACHE: _TABLES,
                Level.COMMUNITY: script(__file__, "0001_rollup_aggregates.sql"),
            },
            {
                Level.POSTGRES: _NO_TABLES,
                Level.APACHE: _NO_TABLES,
                Level.COMMUNITY: script(__file__, "0001_rollup_aggregates_reverse.sql"),
            },
        ),
        EngineScript(
            {Level.POSTGRES: script(__file__, "0001_time_bucket.sql")},
            {Level.POSTGRES: script(__file__, "0001_time_bucket_reverse.sql")},
        ),
    ]
