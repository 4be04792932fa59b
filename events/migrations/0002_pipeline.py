"""The bus, the dedup ledger, the event store and the outcome counters."""

from django.db import migrations

from config.lib.sqlfile import script


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]
    operations = [
        migrations.RunSQL(
            script(__file__, "0002_pipeline.sql"), script(__file__, "0002_pipeline_reverse.sql")
        )
    ]
