"""The version of each project's answers: kept ones that know another are not given any more."""

from django.db import migrations

from config.lib.sqlfile import script


class Migration(migrations.Migration):
    dependencies = [("metrics", "0006_definitions")]
    operations = [
        migrations.RunSQL(script(__file__, "0007_answers.sql"), script(__file__, "0007_answers_reverse.sql"))
    ]
