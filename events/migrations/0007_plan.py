"""Tracking plans, and the counts of what broke them."""

import django.db.models.deletion
from django.db import migrations, models

from config.lib.sqlfile import TIMEOUTS, script


class Migration(migrations.Migration):
    dependencies = [("events", "0006_broker")]
    operations = [
        migrations.RunSQL(TIMEOUTS, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="TrackingPlan",
            fields=[
                (
                    "project",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="plan",
                        serialize=False,
                        to="events.project",
                    ),
                ),
                ("version", models.BigIntegerField(default=0, editable=False)),
                (
                    "unlisted",
                    models.TextField(
                        choices=[("allow", "allow"), ("warn", "warn"), ("enforce", "enforce")],
                        default="allow",
                        help_text="What is done about events of types that the plan does not name.",
                    ),
                ),
            ],
            options={"db_table": "tracking_plan"},
        ),
        migrations.CreateModel(
            name="PlannedType",
            fields=[
                (
                    "id",
                    models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("type", models.TextField()),
                (
                    "mode",
                    models.TextField(choices=[("off", "off"), ("warn", "warn"), ("enforce", "enforce")]),
                ),
                (
                    "schema",
                    models.TextField(help_text="The JSON Schema (draft 2020-12) of the events' props."),
                ),
                ("weight", models.IntegerField(editable=False)),
                ("updated_at", models.DateTimeField(editable=False)),
                ("updated_by", models.TextField(editable=False)),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="planned_types",
                        to="events.project",
                    ),
                ),
            ],
            options={
                "db_table": "planned_type",
                "ordering": ["project", "type"],
                "constraints": [
                    models.UniqueConstraint(fields=("project", "type"), name="planned_type_once")
                ],
            },
        ),
        migrations.RunSQL(script(__file__, "0007_plan.sql"), script(__file__, "0007_plan_reverse.sql")),
    ]
