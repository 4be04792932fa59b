"""Sessions and the list of users whose sessions are to be rebuilt."""

from django.db import migrations

from config.lib.sqlfile import script


class Migration(migrations.Migration):
    dependencies = [("events", "0002_pipeline")]
    operations = [
        migrations.RunSQL(
            script(__file__, "0001_sessions.sql"), script(__file__, "0001_sessions_reverse.sql")
        )
    ]
