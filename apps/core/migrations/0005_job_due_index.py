"""Find what is due among the waiting; keep the claim index of PostgreSQL free of dead rows.

A queue's rows change status within seconds, so the default of vacuuming after a fifth of a table has died would let every
claim walk over the dead at the head of its index.
"""

from django.db import migrations, models

from apps.core.triggers import per_vendor

_OPTIONS = "autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, autovacuum_analyze_scale_factor"


class Migration(migrations.Migration):
    dependencies = [("core", "0004_event_floor")]

    operations = [
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("status", "pending")), fields=["available_at"], name="core_job_due"
            ),
        ),
        per_vendor(
            sqlite=[],
            undo_sqlite=[],
            postgresql=[
                "ALTER TABLE core_job SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,"
                " autovacuum_analyze_scale_factor = 0.05)"
            ],
            undo_postgresql=[f"ALTER TABLE core_job RESET ({_OPTIONS})"],
        ),
    ]
