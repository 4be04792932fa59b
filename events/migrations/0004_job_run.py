from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0003_engine"),
    ]

    operations = [
        migrations.CreateModel(
            name="JobRun",
            fields=[
                ("name", models.TextField(primary_key=True, serialize=False)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("seconds", models.FloatField(null=True)),
                ("ok", models.BooleanField(null=True)),
                ("message", models.TextField(db_default="", default="")),
                ("runs", models.BigIntegerField(db_default=0, default=0)),
                ("failures", models.BigIntegerField(db_default=0, default=0)),
                ("last_failure_at", models.DateTimeField(null=True)),
                ("last_failure", models.TextField(db_default="", default="")),
            ],
            options={
                "db_table": "job_run",
            },
        ),
        migrations.CreateModel(
            name="Operation",
            fields=[
                (
                    "id",
                    models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("at", models.DateTimeField(auto_now_add=True)),
                ("by", models.TextField(help_text="The user's name, kept when the user is gone.")),
                (
                    "action",
                    models.TextField(
                        choices=[("compress", "Compress"), ("refresh", "Refresh"), ("drop", "Drop")]
                    ),
                ),
                ("first_day", models.DateField()),
                ("last_day", models.DateField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("outcome", models.TextField(db_default="", default="")),
            ],
            options={
                "db_table": "operation",
                "ordering": ["-id"],
            },
        ),
    ]
