"""The sums of the ledger over a day are read from the index alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("carbon", "0002_usage_by_time")]

    operations = [
        migrations.RemoveIndex(model_name="resourceusage", name="carbon_usage_recent"),
        migrations.AddIndex(
            model_name="resourceusage",
            index=models.Index(
                fields=["timestamp", "estimated_cost", "energy_joules", "cpu_seconds"], name="carbon_usage_ledger"
            ),
        ),
    ]
