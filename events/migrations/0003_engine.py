"""The engine's record in databases that are older than it; in others it is there already."""

from django.db import migrations

from config.lib.engine_migration import RecordEngine


class Migration(migrations.Migration):
    dependencies = [("events", "0002_pipeline")]
    operations = [RecordEngine(keep=True)]
