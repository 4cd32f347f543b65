"""The ledger in the Django admin, for reading."""

from __future__ import annotations

from django.contrib import admin

from apps.carbon.models import ResourceUsage
from apps.core.admin import LookOnly


@admin.register(ResourceUsage)
class ResourceUsageAdmin(LookOnly):
    """What each execution used."""

    list_display = [
        "task_id",
        "strategy_type",
        "job_id",
        "attempt",
        "cpu_seconds",
        "memory_mb",
        "estimated_cost",
        "energy_joules",
        "energy_method",
        "timestamp",
    ]
    list_filter = ["strategy_type", "energy_method"]
    search_fields = ["task__task_id", "job__job_id"]
    ordering = ["-usage_id"]
