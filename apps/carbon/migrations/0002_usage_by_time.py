"""The ledger of the last day is summed on the first page: found by its time, not by reading all of it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """An index on the time alone."""

    dependencies = [("carbon", "0001_initial")]

    operations = [
        migrations.AddIndex(
            model_name="resourceusage",
            index=models.Index(fields=["timestamp"], name="carbon_usage_recent"),
        ),
    ]
