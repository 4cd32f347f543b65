"""What each execution of a job used, and its sums by the hour."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q, Value
from django.utils import timezone

from apps.core.words import effort


class Category(models.TextChoices):
    """What energy and money go into."""

    TRAINING = "training"
    INFERENCE = "inference"
    SOLVING = "solving"
    EVOLUTION = "evolution"
    AGENTS = "agents"
    OTHER = "other"


CATEGORIES = tuple(Category.values)
METHODS = ("measured", "modelled", "constant", "estimated")
"""How energy was found; `estimated` is what version 0.1 called a constant."""


class ResourceUsage(models.Model):
    """One row a job attempt; `task` and `strategy_type` are null where the job is not a solve.

    Joules are the devices'; grams include the building's overhead (`pue`). What could not be known is null, and `unknown`
    says why, by column. `folded` rows stand in the sums of `LedgerHour`.
    """

    usage_id = models.BigAutoField(primary_key=True)
    task = models.ForeignKey(
        "tasks.ArcTask", null=True, blank=True, on_delete=models.PROTECT, related_name="resource_usage", db_index=False
    )
    strategy_type = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001 - null where not a solve
    job = models.ForeignKey("core.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="resource_usage")
    attempt = models.PositiveIntegerField(default=1)
    kind = models.CharField(max_length=64, blank=True, default="", db_default="")
    category = models.CharField(max_length=16, blank=True, default="", db_default="")
    topic = models.CharField(max_length=64, blank=True, default="", db_default="")
    owner = models.ForeignKey(
        "core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    model_key = models.CharField(max_length=120, blank=True, default="", db_default="")
    cpu_seconds = models.FloatField()
    wall_seconds = models.FloatField(default=0.0)
    memory_mb = models.FloatField()
    gpu_memory_mb = models.FloatField(null=True, blank=True)
    gpu_seconds = models.FloatField(null=True, blank=True)
    api_calls = models.JSONField(default=dict, db_column="api_calls_json")
    total_tokens = models.PositiveBigIntegerField(null=True, blank=True)
    estimated_cost = models.FloatField()
    price_version = models.PositiveIntegerField(null=True, blank=True)
    energy_joules = models.FloatField(default=0.0)
    cpu_joules = models.FloatField(null=True, blank=True)
    gpu_joules = models.FloatField(null=True, blank=True)
    ram_joules = models.FloatField(null=True, blank=True)
    energy_method = models.CharField(max_length=16, default="estimated")
    energy_uncertainty = models.FloatField(null=True, blank=True)
    emissions_grams = models.FloatField(null=True, blank=True)
    intensity_grams_per_kwh = models.FloatField(null=True, blank=True)
    intensity_source = models.CharField(max_length=16, blank=True, default="", db_default="")
    location = models.CharField(max_length=16, blank=True, default="", db_default="")
    pue = models.FloatField(default=1.0, db_default=1.0)
    unknown = models.JSONField(default=dict, blank=True, db_default=Value({}, models.JSONField()))
    folded = models.BooleanField(default=False, db_default=False, editable=False)
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
            models.CheckConstraint(
                condition=(Q(emissions_grams__isnull=True) | Q(emissions_grams__gte=0))
                & (Q(cpu_joules__isnull=True) | Q(cpu_joules__gte=0))
                & (Q(gpu_joules__isnull=True) | Q(gpu_joules__gte=0))
                & (Q(ram_joules__isnull=True) | Q(ram_joules__gte=0))
                & (Q(gpu_seconds__isnull=True) | Q(gpu_seconds__gte=0))
                & (Q(energy_uncertainty__isnull=True) | Q(energy_uncertainty__gte=0))
                & Q(pue__gte=1),
                name="carbon_usage_parts_not_negative",
            ),
            models.CheckConstraint(condition=Q(energy_method__in=METHODS), name="carbon_usage_method_known"),
            models.CheckConstraint(
                condition=Q(emissions_grams__isnull=True, intensity_grams_per_kwh__isnull=True)
                | Q(emissions_grams__isnull=False, intensity_grams_per_kwh__gte=0),
                name="carbon_usage_grams_with_intensity",
            ),
        ]
        indexes = [
            models.Index(fields=["task", "timestamp"], name="idx_task_timestamp"),
            # The ledger of a day is summed with every look at the observatory: from the index, not row by row.
            models.Index(
                fields=["timestamp", "estimated_cost", "energy_joules", "cpu_seconds"], name="carbon_usage_ledger"
            ),
            models.Index(fields=["usage_id"], name="carbon_usage_unfolded", condition=Q(folded=False)),
            # What the next of a kind will use is read from the last of that kind.
            models.Index(fields=["kind", "strategy_type", "-usage_id"], name="carbon_usage_of_kind"),
        ]

    def __str__(self) -> str:
        return f"usage_{self.usage_id}: {effort(self.cpu_seconds)}"


class LedgerHour(models.Model):
    """The sums of an hour for one combination of what reports are broken down by; empty where it does not apply.

    Reports read these and the few rows not folded yet, never the whole ledger.
    """

    hour = models.DateTimeField()
    category = models.CharField(max_length=16)
    kind = models.CharField(max_length=64, blank=True)
    strategy = models.CharField(max_length=64, blank=True)
    topic = models.CharField(max_length=64, blank=True)
    owner_key = models.CharField(max_length=40, blank=True)
    model_key = models.CharField(max_length=120, blank=True)
    location = models.CharField(max_length=16, blank=True)
    executions = models.PositiveBigIntegerField(default=0)
    jobs = models.PositiveBigIntegerField(default=0, db_default=0)
    core_seconds = models.FloatField(default=0.0)
    wall_seconds = models.FloatField(default=0.0)
    tokens = models.PositiveBigIntegerField(default=0)
    dollars = models.FloatField(default=0.0)
    joules = models.FloatField(default=0.0)
    cpu_joules = models.FloatField(default=0.0)
    gpu_joules = models.FloatField(default=0.0)
    ram_joules = models.FloatField(default=0.0)
    site_joules = models.FloatField(default=0.0)
    doubt_joules = models.FloatField(default=0.0)
    grams = models.FloatField(default=0.0)
    without_grams = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "category", "kind", "strategy", "topic", "owner_key", "model_key", "location"],
                name="carbon_ledgerhour_once",
            ),
            models.CheckConstraint(condition=Q(category__in=CATEGORIES), name="carbon_ledgerhour_category_known"),
            models.CheckConstraint(
                condition=Q(without_grams__lte=F("executions")), name="carbon_ledgerhour_grams_of_executions"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.category}: {self.executions}"
