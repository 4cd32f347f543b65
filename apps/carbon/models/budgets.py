"""Budgets, how each stands within a period, and what is promised of it."""

from __future__ import annotations

from functools import partial

from django.db import models
from django.db.models import Q

from apps.carbon.engine.budgets import WARN_AT, Period, Unit
from apps.core.ids import new_id

new_budget_id = partial(new_id, "budget")


class Scope(models.TextChoices):
    """Whose use a budget counts: everybody's, or that of one."""

    LAB = "lab"
    USER = "user"
    API_KEY = "api_key"
    EXPERIMENT = "experiment"
    JOB = "job"
    TASK = "task"
    STRATEGY = "strategy"
    CATEGORY = "category"


UNITS = tuple(unit.value for unit in Unit)
PERIODS = tuple(period.value for period in Period)


class Budget(models.Model):
    """A limit. `scope_key` is the id of what `scope` names, a run's for an experiment; empty for the lab's."""

    budget_id = models.CharField(primary_key=True, max_length=40, default=new_budget_id, editable=False)
    name = models.CharField(max_length=120)
    unit = models.CharField(max_length=16)
    period = models.CharField(max_length=8)
    scope = models.CharField(max_length=16, choices=Scope.choices, default=Scope.LAB)
    scope_key = models.CharField(max_length=120, blank=True, default="")
    limit = models.FloatField()
    warn_at = models.FloatField(default=WARN_AT)
    created_by = models.ForeignKey("core.User", null=True, on_delete=models.SET_NULL, related_name="budgets")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(limit__gt=0), name="carbon_budget_limit_positive"),
            models.CheckConstraint(condition=Q(warn_at__gt=0, warn_at__lte=1), name="carbon_budget_warn_range"),
            models.CheckConstraint(condition=Q(unit__in=UNITS), name="carbon_budget_unit_known"),
            models.CheckConstraint(condition=Q(period__in=PERIODS), name="carbon_budget_period_known"),
            models.CheckConstraint(
                condition=Q(scope=Scope.LAB, scope_key="")
                | (Q(scope__in=[scope for scope in Scope.values if scope != Scope.LAB]) & ~Q(scope_key="")),
                name="carbon_budget_scope_has_key",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class BudgetWindow(models.Model):
    """One period of a budget; the one without periods began in 1970."""

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="windows")
    begins_at = models.DateTimeField()
    spent = models.FloatField(default=0.0)
    reserved = models.FloatField(default=0.0)
    warned_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["budget", "begins_at"], name="carbon_budgetwindow_once"),
            models.CheckConstraint(condition=Q(spent__gte=0, reserved__gte=0), name="carbon_budgetwindow_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.budget_id} from {self.begins_at:%Y-%m-%d}"


class Reservation(models.Model):
    """An amount promised before use, under the key of what will use it; settled once, with what was really used.

    One whose holder fell silent is given back after `expires_at`.
    """

    window = models.ForeignKey(BudgetWindow, on_delete=models.CASCADE, related_name="reservations")
    key = models.CharField(max_length=80)
    amount = models.FloatField()
    used = models.FloatField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["window", "key"], name="carbon_reservation_key_once"),
            models.CheckConstraint(
                condition=Q(amount__gte=0) & (Q(used__isnull=True) | Q(used__gte=0)),
                name="carbon_reservation_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(used__isnull=True, settled_at__isnull=True)
                | Q(used__isnull=False, settled_at__isnull=False),
                name="carbon_reservation_settled_with_use",
            ),
        ]
        indexes = [
            models.Index(fields=["key"], name="carbon_reservation_open", condition=Q(settled_at__isnull=True)),
            models.Index(fields=["expires_at"], name="carbon_reservation_expiry", condition=Q(settled_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.amount:g}"
