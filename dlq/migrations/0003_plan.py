"""A letter may have broken its project's tracking plan: nothing changes in the database."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("dlq", "0002_identity")]
    operations = [
        migrations.AlterField(
            model_name="deadletter",
            name="reason",
            field=models.TextField(
                choices=[
                    ("required", "required"),
                    ("wrong_type", "wrong_type"),
                    ("empty", "empty"),
                    ("too_long", "too_long"),
                    ("invalid_timestamp", "invalid_timestamp"),
                    ("number_out_of_range", "number_out_of_range"),
                    ("outside_window", "outside_window"),
                    ("event_too_large", "event_too_large"),
                    ("too_deep", "too_deep"),
                    ("too_many_keys", "too_many_keys"),
                    ("key_too_long", "key_too_long"),
                    ("plan_violation", "plan_violation"),
                    ("unparseable_line", "unparseable_line"),
                    ("database_refused", "database_refused"),
                    ("worker_died", "worker_died"),
                ]
            ),
        )
    ]
