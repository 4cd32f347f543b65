"""Let tags alone decide between users, and priority only among the jobs of one.

Two more indexes of what is queued: an owner's jobs in their own order, and the few jobs for which that is not the order of
tags, so that a claim sees in one look whether it may go by tags alone.
"""

from django.db import migrations, models
from django.db.models.functions import Coalesce

_QUEUED = models.Q(status="queued")


class Migration(migrations.Migration):
    dependencies = [("core", "0006_system_event_lists")]

    operations = [
        migrations.RemoveIndex(model_name="job", name="core_job_claim"),
        migrations.AddField(
            model_name="job", name="turn", field=models.FloatField(blank=True, editable=False, null=True)
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(condition=_QUEUED, fields=["queue", "fair_tag", "job_id"], name="core_job_claim"),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                models.F("queue"),
                models.F("owner"),
                models.OrderBy(models.F("priority"), descending=True),
                Coalesce("turn", "fair_tag"),
                models.F("job_id"),
                condition=_QUEUED,
                name="core_job_own_order",
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=_QUEUED & (~models.Q(priority=0) | models.Q(turn__isnull=False)),
                fields=["queue", "turn"],
                name="core_job_out_of_turn",
            ),
        ),
    ]
