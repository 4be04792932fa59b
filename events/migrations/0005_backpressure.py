"""Fair claims, suspects that wait apart, and quotas."""

from django.db import migrations, models

from config.lib.sqlfile import TIMEOUTS, script


class Migration(migrations.Migration):
    dependencies = [("events", "0004_job_run")]
    operations = [
        migrations.RunSQL(TIMEOUTS, migrations.RunSQL.noop),
        migrations.AddField(
            model_name="project",
            name="quota_burst_events",
            field=models.PositiveIntegerField(
                db_default=0,
                default=0,
                help_text="Events that may come at once; 0: ten seconds' worth. At least one full request.",
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="quota_events_per_second",
            field=models.PositiveIntegerField(
                db_default=0,
                default=0,
                help_text="Events a second that are accepted in the long run; 0: PROJECT_EVENTS_PER_SECOND.",
            ),
        ),
        migrations.RunSQL(
            script(__file__, "0005_backpressure.sql"), script(__file__, "0005_backpressure_reverse.sql")
        ),
    ]
