"""Saved segments, and who is on the lists of those that are lists."""

import django.db.models.deletion
from django.db import migrations, models

from config.lib.sqlfile import TIMEOUTS, script


class Migration(migrations.Migration):
    dependencies = [("metrics", "0004_people"), ("events", "0006_broker")]
    operations = [
        migrations.RunSQL(TIMEOUTS, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Segment",
            fields=[
                (
                    "id",
                    models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("name", models.CharField(max_length=63)),
                (
                    "kind",
                    models.TextField(choices=[("rules", "by rules"), ("static", "a list")], default="rules"),
                ),
                ("rules", models.JSONField(blank=True, null=True)),
                (
                    "created_by",
                    models.TextField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="The user's name, kept when the user is gone.",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="segments",
                        to="events.project",
                    ),
                ),
            ],
            options={"db_table": "segment", "ordering": ["project", "name"]},
        ),
        migrations.AddConstraint(
            model_name="segment",
            constraint=models.UniqueConstraint(fields=("project", "name"), name="segment_once"),
        ),
        migrations.RunSQL(
            script(__file__, "0005_segments.sql"), script(__file__, "0005_segments_reverse.sql")
        ),
    ]
