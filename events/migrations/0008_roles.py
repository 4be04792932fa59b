"""Members have roles, and what people change leaves a trail. Who was a member before could do everything, and still can."""

import django.db.models.deletion
from django.db import migrations, models

from config.lib.sqlfile import TIMEOUTS


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0007_plan"),
    ]

    operations = [
        migrations.RunSQL(TIMEOUTS, migrations.RunSQL.noop),
        # A default, and not an UPDATE: the rows that are there get it without being written.
        migrations.AddField(
            model_name="membership",
            name="role",
            field=models.TextField(
                choices=[
                    ("viewer", "viewer: looks"),
                    ("analyst", "analyst: also makes questions, dashboards and segments"),
                    ("admin", "admin: also keys, members, tracking plan, dead letters and alerts"),
                ],
                db_default="admin",
                default="viewer",
            ),
        ),
        migrations.AlterField(
            model_name="membership",
            name="role",
            field=models.TextField(
                choices=[
                    ("viewer", "viewer: looks"),
                    ("analyst", "analyst: also makes questions, dashboards and segments"),
                    ("admin", "admin: also keys, members, tracking plan, dead letters and alerts"),
                ],
                db_default="viewer",
                default="viewer",
            ),
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "id",
                    models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("at", models.DateTimeField(auto_now_add=True)),
                ("by", models.TextField(help_text="The user's name, kept when the user is gone.")),
                ("action", models.TextField(help_text="What was done, like segment.remove.")),
                (
                    "target",
                    models.TextField(db_default="", default="", help_text="What it was done to, by name."),
                ),
                ("detail", models.JSONField(default=dict)),
                (
                    "project",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="audit_entries",
                        to="events.project",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "audit entries",
                "db_table": "audit_entry",
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["project", "-id"], name="audit_entry_newest")],
            },
        ),
    ]
