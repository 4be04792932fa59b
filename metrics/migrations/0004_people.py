"""Who is who and what is known of them; and which properties arrive."""

from django.db import migrations

from config.lib.sqlfile import script


class Migration(migrations.Migration):
    dependencies = [("metrics", "0003_values")]
    operations = [
        migrations.RunSQL(script(__file__, "0004_people.sql"), script(__file__, "0004_people_reverse.sql"))
    ]
