"""Defined metrics, and the tables of their rollups: the same on every engine."""

import django.db.models.deletion
from django.db import migrations, models

from config.lib.sqlfile import TIMEOUTS, script


class Migration(migrations.Migration):
    dependencies = [("metrics", "0005_segments"), ("events", "0006_broker")]
    operations = [
        migrations.RunSQL(TIMEOUTS, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="MetricDefinition",
            fields=[
                (
                    "id",
                    models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("name", models.CharField(max_length=100)),
                ("match", models.JSONField(default=dict)),
                ("measure", models.TextField()),
                ("prop", models.TextField(null=True)),
                ("quantile", models.FloatField(null=True)),
                ("dimensions", models.JSONField(default=list)),
                ("created_by", models.TextField(blank=True, db_default="", default="")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("building", "being computed over history"),
                            ("stopped", "kept, history not computed further"),
                            ("kept", "kept"),
                            ("removing", "being removed"),
                        ],
                        db_default="building",
                        default="building",
                    ),
                ),
                ("covered_from", models.DateTimeField(null=True)),
                ("progress", models.SmallIntegerField(db_default=0, default=0)),
                ("rows", models.BigIntegerField(db_default=0, default=0)),
                ("message", models.TextField(blank=True, db_default="", default="")),
                ("failures", models.SmallIntegerField(db_default=0, default=0)),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="definitions",
                        to="events.project",
                    ),
                ),
            ],
            options={"db_table": "metric_definition", "ordering": ["project", "name"]},
        ),
        migrations.AddConstraint(
            model_name="metricdefinition",
            constraint=models.UniqueConstraint(fields=("project", "name"), name="metric_definition_once"),
        ),
        migrations.RunSQL(
            script(__file__, "0006_definitions.sql"), script(__file__, "0006_definitions_reverse.sql")
        ),
    ]
