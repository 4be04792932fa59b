"""The rollups of sessions, by hour and day of their start."""

from django.db import migrations

from config.lib.sqlfile import script


class Migration(migrations.Migration):
    dependencies = [("analytics_sessions", "0001_sessions")]
    operations = [
        migrations.RunSQL(script(__file__, "0002_rollups.sql"), script(__file__, "0002_rollups_reverse.sql"))
    ]
