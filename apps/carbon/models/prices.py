"""Prices, each list a version that is never changed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class PriceList(models.Model):
    """What use costs from a moment on. A change is a new list; figures keep the version they were made with."""

    version = models.PositiveIntegerField(primary_key=True)
    prices = models.JSONField(
        help_text='Dollars: {"core_hour": 0.05, "machine_hour": {"p4d": 32}, "gpu_hour": {"H100": 2.5, "*": 1}, '
        '"tokens": {"model": {"prompt": 0.5, "completion": 1.5}}, "calls": {"search": 0.01}}. '
        'Tokens are a million; "*" is whatever has no price of its own.'
    )
    note = models.CharField(max_length=200, blank=True, help_text="Why it was changed.")
    created_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(version__gte=1), name="carbon_pricelist_version_from_one")]

    def __str__(self) -> str:
        return f"prices {self.version}"
