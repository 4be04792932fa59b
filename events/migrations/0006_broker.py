"""The account that processors keep of a broker's messages."""

from django.db import migrations

from config.lib.sqlfile import script


class Migration(migrations.Migration):
    dependencies = [("events", "0005_backpressure")]
    operations = [
        migrations.RunSQL(script(__file__, "0006_broker.sql"), script(__file__, "0006_broker_reverse.sql"))
    ]
