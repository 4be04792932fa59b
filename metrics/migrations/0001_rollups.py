"""Rollup tables, kept in the processor's transaction, and the views that questions read."""

from django.db import migrations

from config.lib.sqlfile import script


class Migration(migrations.Migration):
    dependencies = [("events", "0002_pipeline")]
    operations = [
        migrations.RunSQL(script(__file__, "0001_rollups.sql"), script(__file__, "0001_rollups_reverse.sql"))
    ]
