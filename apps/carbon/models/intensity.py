"""Uploaded carbon intensity, hour by hour."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.carbon.engine.curves import MAX_GRAMS


class IntensityCurve(models.Model):
    """A file of hours of one place, as it was uploaded."""

    location = models.CharField(max_length=16)
    name = models.CharField(max_length=120)
    starts_at = models.DateTimeField()
    hours = models.PositiveIntegerField()
    created_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(hours__gte=1), name="carbon_intensitycurve_has_hours")]

    def __str__(self) -> str:
        return f"{self.location} {self.name}"


class IntensityHour(models.Model):
    """Grams a kilowatt-hour in one hour. An hour of a place has one value: curves do not overlap."""

    curve = models.ForeignKey(IntensityCurve, on_delete=models.CASCADE, related_name="values")
    location = models.CharField(max_length=16)
    hour = models.DateTimeField()
    grams_per_kwh = models.FloatField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["location", "hour"], name="carbon_intensityhour_once"),
            models.CheckConstraint(
                condition=Q(grams_per_kwh__gte=0, grams_per_kwh__lte=MAX_GRAMS), name="carbon_intensityhour_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.location} {self.hour:%Y-%m-%d %H}: {self.grams_per_kwh:g} g/kWh"
