"""The ledger. Today: what each execution of a job used."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone


class ResourceUsage(models.Model):
    """One row a job attempt; `task` and `strategy_type` are null where the job is not a solve."""

    usage_id = models.BigAutoField(primary_key=True)
    task = models.ForeignKey(
        "tasks.ArcTask", null=True, blank=True, on_delete=models.PROTECT, related_name="resource_usage", db_index=False
    )
    strategy_type = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001 - null where not a solve
    job = models.ForeignKey("core.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="resource_usage")
    attempt = models.PositiveIntegerField(default=1)
    cpu_seconds = models.FloatField()
    wall_seconds = models.FloatField(default=0.0)
    memory_mb = models.FloatField()
    gpu_memory_mb = models.FloatField(null=True, blank=True)
    api_calls = models.JSONField(default=dict, db_column="api_calls_json")
    total_tokens = models.PositiveBigIntegerField(null=True, blank=True)
    estimated_cost = models.FloatField()
    energy_joules = models.FloatField(default=0.0)
    energy_method = models.CharField(max_length=16, default="estimated")
    timestamp = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "resource_usage"
        constraints = [
            models.UniqueConstraint(
                fields=["job", "attempt"], condition=Q(job__isnull=False), name="carbon_usage_attempt_once"
            ),
            models.CheckConstraint(
                condition=Q(cpu_seconds__gte=0, memory_mb__gte=0, estimated_cost__gte=0, energy_joules__gte=0),
                name="carbon_usage_not_negative",
            ),
        ]
        indexes = [
            models.Index(fields=["task", "timestamp"], name="idx_task_timestamp"),
            # The ledger of a day is summed with every look at the observatory: from the index, not row by row.
            models.Index(
                fields=["timestamp", "estimated_cost", "energy_joules", "cpu_seconds"], name="carbon_usage_ledger"
            ),
        ]

    def __str__(self) -> str:
        return f"usage_{self.usage_id}: {self.cpu_seconds:.3g} core-s"
