"""Saved questions, dashboards with their tiles and links, and alerts with what their checks found."""

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

from config.lib.sqlfile import TIMEOUTS


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0008_roles"),
        ("metrics", "0007_answers"),
    ]

    operations = [
        migrations.RunSQL(TIMEOUTS, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Alert",
            fields=[
                (
                    "id",
                    models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("name", models.CharField(max_length=200)),
                (
                    "kind",
                    models.TextField(
                        choices=[
                            ("threshold", "the value"),
                            ("change", "its change against the period before"),
                        ],
                        default="threshold",
                    ),
                ),
                (
                    "source",
                    models.TextField(
                        choices=[("question", "a question"), ("pipeline", "a figure of the pipeline")],
                        default="question",
                    ),
                ),
                ("params", models.JSONField(default=dict)),
                (
                    "comparison",
                    models.TextField(choices=[("above", "is above"), ("below", "is below")], default="above"),
                ),
                ("threshold", models.FloatField()),
                ("emails", models.JSONField(blank=True, default=list)),
                ("webhook_url", models.TextField(blank=True, db_default="", default="")),
                ("webhook_secret", models.TextField(blank=True, db_default="", default="", editable=False)),
                ("enabled", models.BooleanField(db_default=True, default=True)),
                (
                    "state",
                    models.TextField(
                        choices=[("unknown", "not known"), ("ok", "within bounds"), ("firing", "firing")],
                        db_default="unknown",
                        default="unknown",
                        editable=False,
                    ),
                ),
                ("since", models.DateTimeField(editable=False, null=True)),
                ("last_checked_at", models.DateTimeField(editable=False, null=True)),
                ("created_by", models.TextField(blank=True, db_default="", default="")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to="events.project",
                    ),
                ),
            ],
            options={
                "db_table": "alert",
                "ordering": ["project", "name", "id"],
            },
        ),
        migrations.CreateModel(
            name="Dashboard",
            fields=[
                (
                    "id",
                    models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("name", models.CharField(max_length=200)),
                ("slug", models.SlugField(max_length=63)),
                ("range", models.TextField(blank=True, db_default="", default="")),
                ("is_default", models.BooleanField(db_default=False, default=False)),
                ("created_by", models.TextField(blank=True, db_default="", default="")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="dashboards",
                        to="events.project",
                    ),
                ),
            ],
            options={
                "db_table": "dashboard",
                "ordering": ["project", "-is_default", "name", "id"],
            },
        ),
        migrations.CreateModel(
            name="SavedQuestion",
            fields=[
                (
                    "id",
                    models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("name", models.CharField(max_length=200)),
                (
                    "kind",
                    models.TextField(
                        choices=[
                            ("metric", "metric"),
                            ("funnel", "funnel"),
                            ("retention", "retention"),
                            ("paths", "paths"),
                            ("lifecycle", "lifecycle"),
                        ],
                        default="metric",
                    ),
                ),
                ("params", models.JSONField(default=dict)),
                (
                    "chart",
                    models.TextField(
                        blank=True,
                        choices=[
                            ("", "as its kind is shown"),
                            ("line", "line"),
                            ("area", "area"),
                            ("bars", "bars"),
                            ("stacked", "stacked bars"),
                            ("table", "table"),
                            ("number", "single number"),
                        ],
                        db_default="",
                        default="",
                    ),
                ),
                ("created_by", models.TextField(blank=True, db_default="", default="")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="questions",
                        to="events.project",
                    ),
                ),
            ],
            options={
                "db_table": "saved_question",
                "ordering": ["project", "name", "id"],
            },
        ),
        migrations.CreateModel(
            name="ShareLink",
            fields=[
                (
                    "id",
                    models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                ("hint", models.CharField(editable=False, max_length=16)),
                ("may_embed", models.BooleanField(db_default=False, default=False)),
                ("created_by", models.TextField(blank=True, db_default="", default="")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "dashboard",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="links",
                        to="metrics.dashboard",
                    ),
                ),
            ],
            options={
                "db_table": "share_link",
                "ordering": ["dashboard", "-id"],
            },
        ),
        migrations.CreateModel(
            name="Tile",
            fields=[
                (
                    "id",
                    models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("title", models.CharField(blank=True, db_default="", default="", max_length=200)),
                ("text", models.TextField(blank=True, db_default="", default="")),
                ("x", models.SmallIntegerField(default=0)),
                ("y", models.SmallIntegerField(default=0)),
                ("width", models.SmallIntegerField(default=6)),
                ("height", models.SmallIntegerField(default=4)),
                (
                    "dashboard",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tiles",
                        to="metrics.dashboard",
                    ),
                ),
                (
                    "question",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tiles",
                        to="metrics.savedquestion",
                    ),
                ),
            ],
            options={
                "db_table": "tile",
                "ordering": ["dashboard", "y", "x", "id"],
            },
        ),
        migrations.CreateModel(
            name="AlertRun",
            fields=[
                (
                    "id",
                    models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("at", models.DateTimeField()),
                ("value", models.FloatField(null=True)),
                (
                    "state",
                    models.TextField(
                        choices=[("unknown", "not known"), ("ok", "within bounds"), ("firing", "firing")]
                    ),
                ),
                ("delivered", models.BooleanField(null=True)),
                ("message", models.TextField(blank=True, db_default="", default="")),
                (
                    "alert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="runs", to="metrics.alert"
                    ),
                ),
            ],
            options={
                "db_table": "alert_run",
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["alert", "-id"], name="alert_run_newest")],
            },
        ),
        migrations.AddConstraint(
            model_name="dashboard",
            constraint=models.UniqueConstraint(fields=("project", "slug"), name="dashboard_once"),
        ),
        migrations.AddConstraint(
            model_name="dashboard",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_default", True)), fields=("project",), name="dashboard_default_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="tile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("width__gte", 1),
                    (
                        "width__lte",
                        django.db.models.expressions.CombinedExpression(models.Value(12), "-", models.F("x")),
                    ),
                    ("x__gte", 0),
                ),
                name="tile_within_columns",
            ),
        ),
        migrations.AddConstraint(
            model_name="tile",
            constraint=models.CheckConstraint(
                condition=models.Q(("height__range", (1, 24)), ("y__gte", 0)), name="tile_within_rows"
            ),
        ),
    ]
