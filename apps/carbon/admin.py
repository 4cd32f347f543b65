"""The ledger in the Django admin: for reading, but for prices, which admins change by adding a list."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms import ModelForm
from django.http import HttpRequest

from apps.carbon.models import IntensityCurve, LedgerHour, PriceList, ResourceUsage
from apps.carbon.queries.rates import prices_now
from apps.carbon.services.prices import prices_add, prices_check
from apps.core.access import member
from apps.core.admin import LookOnly
from apps.core.admin_gate import GatedAdmin
from apps.core.errors import Invalid


@admin.register(ResourceUsage)
class ResourceUsageAdmin(LookOnly):
    """What each execution used."""

    list_display = [
        "task_id",
        "category",
        "strategy_type",
        "job_id",
        "attempt",
        "cpu_seconds",
        "memory_mb",
        "estimated_cost",
        "energy_joules",
        "energy_method",
        "emissions_grams",
        "timestamp",
    ]
    list_filter = ["category", "strategy_type", "energy_method"]
    search_fields = ["task__task_id", "job__job_id"]
    ordering = ["-usage_id"]


@admin.register(LedgerHour)
class LedgerHourAdmin(LookOnly):
    """The sums that reports are made of."""

    list_display = ["hour", "category", "strategy", "topic", "executions", "core_seconds", "dollars", "joules", "grams"]
    list_filter = ["category"]
    date_hierarchy = "hour"
    ordering = ["-hour", "pk"]


class PriceListForm(ModelForm):  # type: ignore[type-arg]  # Django has it generic in its stubs only
    """A list of prices, checked before it is kept."""

    def clean_prices(self) -> dict[str, Any]:
        """In their stored form."""
        try:
            return prices_check(self.cleaned_data["prices"])
        except Invalid as error:
            raise ValidationError(error.message) from None


@admin.register(PriceList)
class PriceListAdmin(GatedAdmin):
    """Prices. To change one, add a list: figures made with the old keep them."""

    form = PriceListForm
    fields = ["prices", "note"]
    list_display = ["version", "note", "created_by", "created_at"]
    list_select_related = ["created_by"]
    ordering = ["-version"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What holds now, to be changed."""
        return {"prices": prices_now().as_json()}

    def save_model(self, request: HttpRequest, obj: PriceList, form: Any, change: bool) -> None:
        """A new version."""
        made = prices_add(prices=obj.prices, note=obj.note, by=member(request))
        obj.version, obj.created_by, obj.created_at = made.version, made.created_by, made.created_at
        obj._state.adding = False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: add another."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: figures name it."""
        return False


@admin.register(IntensityCurve)
class IntensityCurveAdmin(LookOnly):
    """Uploaded curves of carbon intensity."""

    list_display = ["location", "name", "starts_at", "hours", "created_by", "created_at"]
    list_select_related = ["created_by"]
    ordering = ["-created_at"]
