"""Budgets: made and changed by people, promised before use, settled after it, enforced at their limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from apps.carbon.engine.budgets import WARN_AT, Period, Unit
from apps.carbon.errors import BudgetSpent
from apps.carbon.models import Budget, BudgetWindow, Reservation, Scope
from apps.carbon.queries.budgets import (
    Where,
    budgets_forget,
    budgets_in_force,
    concerned,
    spent_before,
    window_begins,
)
from apps.core.access import require_owner, require_role
from apps.core.errors import Invalid
from apps.core.models import Role, User
from apps.core.sql import update_returning
from apps.core.system_events import system_event_record

WARNING = "Budget {name} is at {percent:.0f} % of its limit"
STOPPED = "Budget {name} is spent: what it covers is paused. Raise it or wait for its next period, then resume the jobs"


class BudgetSpec(BaseModel):
    """What a budget is asked to be."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=120)
    unit: Unit
    period: Period = Period.ALL
    scope: Scope = Scope.LAB
    scope_key: str = Field("", max_length=120)
    limit: float = Field(gt=0, le=1e15, allow_inf_nan=False)
    warn_at: float = Field(WARN_AT, gt=0, le=1, allow_inf_nan=False)

    @field_validator("name", "scope_key")
    @classmethod
    def _trimmed(cls, value: str) -> str:
        return value.strip()

    @model_validator(mode="after")
    def _keyed(self) -> BudgetSpec:
        if (self.scope == Scope.LAB) != (self.scope_key == ""):
            raise ValueError("a budget of the lab has no scope_key; every other says whose it is")
        return self


def budget_spec(values: Mapping[str, Any]) -> BudgetSpec:
    """Checked; `Invalid` names the fields."""
    try:
        return BudgetSpec.model_validate(values)
    except ValidationError as error:
        raise Invalid.from_pydantic(error) from None


def budget_create(*, spec: BudgetSpec, by: User) -> Budget:
    """Set a budget (researchers; one of the lab, of another member or of a category: admins)."""
    own = spec.scope == Scope.USER and spec.scope_key == by.pk
    shared = spec.scope in (Scope.LAB, Scope.USER, Scope.CATEGORY, Scope.STRATEGY, Scope.API_KEY)
    require_role(by, Role.ADMIN if shared and not own else Role.RESEARCHER)
    made = Budget.objects.create(**spec.model_dump(mode="json"), created_by=by)
    transaction.on_commit(budgets_forget)
    return made


def budget_change(
    *, budget: Budget, limit: float | None = None, warn_at: float | None = None, name: str | None = None, by: User
) -> Budget:
    """Raise or lower a limit, or rename it (its maker or an admin). What it counted stays; what it told is told anew."""
    require_owner(by, budget.created_by_id)
    said = {"limit": limit, "warn_at": warn_at, "name": name}
    values = {key: value for key, value in said.items() if value is not None}
    spec = budget_spec({**_values(budget), **values})
    with transaction.atomic():
        Budget.objects.filter(pk=budget.pk).update(name=spec.name, limit=spec.limit, warn_at=spec.warn_at)
        budget.refresh_from_db()
        windows = BudgetWindow.objects.filter(budget=budget)
        windows.filter(spent__lt=budget.limit * budget.warn_at).update(warned_at=None)
        windows.filter(spent__lt=budget.limit).update(stopped_at=None)
    transaction.on_commit(budgets_forget)
    return budget


def _values(budget: Budget) -> dict[str, Any]:
    return {name: getattr(budget, name) for name in BudgetSpec.model_fields}


def budget_delete(*, budget: Budget, by: User) -> None:
    """Count and hold back no more (its maker or an admin). The ledger stays."""
    require_owner(by, budget.created_by_id)
    budget.delete()
    transaction.on_commit(budgets_forget)


# --- promises -------------------------------------------------------------------------------------------------------


@transaction.atomic
def reserve(*, key: str, amounts: Mapping[str, float], where: Where, seconds: float = 3600.0) -> list[Reservation]:
    """Promise the most that something may use, in every budget that concerns it, or in none: `BudgetSpent` names the first
    that has not so much left. `key` is used once. Nothing is written where no budget asks."""
    now = datetime.now(UTC)
    made = []
    for budget in concerned(budgets_in_force(), where):
        if budget.unit not in amounts:
            continue
        amount = float(amounts[budget.unit])
        window = _window(budget, now)
        # One statement on the row's own columns: whoever comes second looks again at what the first has left.
        fits = BudgetWindow.objects.filter(pk=window.pk, reserved__lte=Value(budget.limit - amount) - F("spent"))
        if not fits.update(reserved=F("reserved") + amount):
            window.refresh_from_db()
            raise BudgetSpent(
                budget.name, budget.unit, asked=amount, left=budget.limit - window.spent - window.reserved
            )
        made.append(
            Reservation.objects.create(
                window=window, key=key, amount=amount, expires_at=now + timedelta(seconds=seconds)
            )
        )
    return made


@transaction.atomic
def settle(*, key: str, amounts: Mapping[str, float]) -> int:
    """Turn the promises under a key into what was really used; how many. A second time finds none."""
    open_ones = Reservation.objects.filter(key=key, settled_at__isnull=True).select_related("window__budget")
    done = 0
    for one in open_ones.order_by("window__budget_id"):
        used = float(amounts.get(one.window.budget.unit, 0.0))
        done += _settle(one, used)
    return done


def _settle(one: Reservation, used: float) -> int:
    """By compare-and-set: of two who settle, one does."""
    now = datetime.now(UTC)
    if not Reservation.objects.filter(pk=one.pk, settled_at__isnull=True).update(used=used, settled_at=now):
        return 0
    _book(one.window.budget, one.window_id, used, back=one.amount)
    return 1


def reservations_expire(*, limit: int = 500) -> int:
    """Give back what is promised to holders that fell silent; the use itself is booked by whoever meters it."""
    late = Reservation.objects.filter(settled_at__isnull=True, expires_at__lt=datetime.now(UTC))
    done = 0
    for one in late.select_related("window__budget").order_by("pk")[:limit]:
        with transaction.atomic():
            done += _settle(one, 0.0)
    return done


def charge(*, where: Where, amounts: Mapping[str, float]) -> None:
    """Book a use that was not promised before: a job's, at its end. `windows_open` comes before the ledger's row."""
    now = datetime.now(UTC)
    for budget in concerned(budgets_in_force(), where):
        used = amounts.get(budget.unit, 0.0)
        if used > 0:
            _book(budget, _window(budget, now).pk, used, back=0.0)


def windows_open(*, wheres: Sequence[Where]) -> None:
    """Begin the periods that some use falls into: one begins with what the ledger holds, so before that use is in it."""
    now, budgets = datetime.now(UTC), budgets_in_force()
    for budget in sorted({one for where in wheres for one in concerned(budgets, where)}, key=lambda one: one.pk):
        _window(budget, now)


def _window(budget: Budget, now: datetime) -> BudgetWindow:
    begins_at = window_begins(budget, now)
    found = BudgetWindow.objects.filter(budget=budget, begins_at=begins_at).first()
    if found is None:
        counted = spent_before(budget, now)
        found, _ = BudgetWindow.objects.get_or_create(budget=budget, begins_at=begins_at, defaults={"spent": counted})
    return found


def _book(budget: Budget, window_id: int, used: float, *, back: float) -> None:
    rows = update_returning(
        BudgetWindow.objects.filter(pk=window_id),
        spent=F("spent") + used,
        reserved=Greatest(F("reserved") - back, Value(0.0)),
    )
    for window in rows:
        _tell(budget, window)


def _tell(budget: Budget, window: BudgetWindow) -> None:
    """At 70 % a warning, at 100 % a stop: each once a period."""
    share = window.spent / budget.limit
    if share < budget.warn_at:
        return
    now = datetime.now(UTC)
    mine = BudgetWindow.objects.filter(pk=window.pk)
    if share < 1:
        if mine.filter(warned_at__isnull=True).update(warned_at=now):
            _event(budget, window, "budget_warning", "warning", WARNING)
    elif mine.filter(stopped_at__isnull=True).update(stopped_at=now, warned_at=now):
        _event(budget, window, "budget_spent", "error", STOPPED)
        transaction.on_commit(_enforce)


def _enforce() -> None:
    from apps.carbon.services.enforcing import budgets_enforce

    budgets_enforce()


def _event(budget: Budget, window: BudgetWindow, kind: str, severity: str, words: str) -> None:
    percent = 100 * window.spent / budget.limit
    context = {
        "budget_id": budget.pk,
        "scope": budget.scope,
        "scope_key": budget.scope_key,
        "unit": budget.unit,
        "limit": budget.limit,
        "spent": window.spent,
        "percent": round(percent, 2),
    }
    message = words.format(name=budget.name, percent=percent)
    system_event_record(
        event_type=kind, event_source="resource_monitor", severity=severity, message=message, context=context
    )
