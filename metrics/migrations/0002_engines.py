"""What differs between the engines and is not a rollup itself: time_bucket, and what rollups may be missing."""

from django.db import migrations

from config.lib.engine import Level
from config.lib.engine_migration import EngineScript
from config.lib.sqlfile import script

_NEVER = script(__file__, "0002_pending_never.sql")


class Migration(migrations.Migration):
    dependencies = [("metrics", "0001_rollups"), ("events", "0003_engine")]
    operations = [
        EngineScript(
            {Level.POSTGRES: script(__file__, "0002_time_bucket.sql")},
            {Level.POSTGRES: script(__file__, "0002_time_bucket_reverse.sql")},
        ),
        EngineScript({}, {Level.COMMUNITY: script(__file__, "0002_pending_late_reverse.sql")}),
        migrations.RunSQL(script(__file__, "0002_bounds.sql"), script(__file__, "0002_reverse.sql")),
        EngineScript(
            {
                Level.POSTGRES: _NEVER,
                Level.APACHE: _NEVER,
                Level.COMMUNITY: script(__file__, "0002_pending_late.sql"),
            },
            {},
        ),
    ]
