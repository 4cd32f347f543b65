"""The ledger in the Django admin, for reading."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from apps.carbon.models import ResourceUsage
from apps.core.admin import LookOnly
from apps.core.models import Role, User


@admin.register(ResourceUsage)
class ResourceUsageAdmin(LookOnly):
    """What each execution used; open to curators, whatever Django's permissions say."""

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

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Curators."""
        return isinstance(request.user, User) and request.user.is_active and request.user.has_role(Role.CURATOR)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Curators."""
        return self.has_module_permission(request)
