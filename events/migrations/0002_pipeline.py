"""The bus, the dedup ledger, the event store and the outcome counters."""

from django.db import migrations

from config.lib.engine import Level
from config.lib.engine_migration import EngineScript, RecordEngine
from config.lib.sqlfile import script

_HYPERTABLE = script(__file__, "0002_event_hypertable.sql")


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]
    operations = [
        RecordEngine(),
        migrations.RunSQL(
            script(__file__, "0002_pipeline.sql"), script(__file__, "0002_pipeline_reverse.sql")
        ),
        EngineScript(
            {
                Level.POSTGRES: script(__file__, "0002_event_partitioned.sql"),
                Level.APACHE: _HYPERTABLE,
                Level.COMMUNITY: _HYPERTABLE,
            },
            dict.fromkeys(Level, script(__file__, "0002_event_reverse.sql")),
        ),
        migrations.RunSQL(script(__file__, "0002_event_indexes.sql"), migrations.RunSQL.noop),
        EngineScript({Level.COMMUNITY: script(__file__, "0002_event_columnstore.sql")}, {}),
    ]
