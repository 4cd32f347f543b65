"""How budgets stand, whom they concern, and what the next of a kind will probably use."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import F, QuerySet

from apps.carbon.engine.budgets import Account, Forecast, Period, State, Unit, begins, ends, forecast
from apps.carbon.engine.energy import JOULES_PER_KWH
from apps.carbon.models import Budget, BudgetWindow, ResourceUsage, Scope
from apps.carbon.queries.sums import Sums, ledger_total
from apps.core.errors import NotFound

FOR_EVER = datetime(1970, 1, 1, tzinfo=UTC)
KEPT_SECONDS = 5.0
PAST_RUNS = 200
UNIT_WORDS = {
    Unit.DOLLARS: "dollars",
    Unit.TOKENS: "tokens",
    Unit.KWH: "kWh",
    Unit.GRAMS: "g CO2e",
    Unit.CORE_SECONDS: "core-s",
}

Where = Mapping[str, str]
"""What some use belongs to, by scope: {"user": "user_1", "experiment": "run_1", "task": "arc1:..."}."""


def concerned(budgets: Iterable[Budget], where: Where) -> list[Budget]:
    """The budgets that count a use, in one order for all, so that none wait for each other in a circle."""
    found = [one for one in budgets if one.scope == Scope.LAB or where.get(one.scope) == one.scope_key]
    return sorted(found, key=lambda one: one.pk)


_lock = threading.Lock()
_kept: tuple[float, list[Budget]] | None = None


def budgets_in_force() -> list[Budget]:
    """All budgets, read anew every few seconds and at once after a change in this process: a lab has few, work asks often."""
    global _kept
    kept = _kept
    if kept is None or time.monotonic() - kept[0] >= KEPT_SECONDS:
        kept = (time.monotonic(), list(Budget.objects.all()))
        with _lock:
            _kept = kept
    return kept[1]


def budgets_forget() -> None:
    """Look again at the next question."""
    global _kept
    _kept = None


def window_begins(budget: Budget, moment: datetime) -> datetime:
    """The begin of the period that holds a moment."""
    return begins(Period(budget.period), moment) or FOR_EVER


def amount_of(
    unit: str, *, dollars: float, tokens: float, site_joules: float, grams: float, core_seconds: float
) -> float:
    """What of a use a budget's unit counts."""
    return {
        Unit.DOLLARS: dollars,
        Unit.TOKENS: tokens,
        Unit.KWH: site_joules / JOULES_PER_KWH,
        Unit.GRAMS: grams,
        Unit.CORE_SECONDS: core_seconds,
    }[Unit(unit)]


_DIMENSION = {
    Scope.USER: "owner_key",
    Scope.EXPERIMENT: "topic",
    Scope.STRATEGY: "strategy",
    Scope.CATEGORY: "category",
}


def spent_before(budget: Budget, moment: datetime) -> float:
    """What was used in the period before anybody counted: a budget set in the middle of a month knows its first half.

    That of a single task, job or key is counted from the budget's first day on.
    """
    dimension = _DIMENSION.get(Scope(budget.scope))
    if dimension is None and budget.scope != Scope.LAB:
        return 0.0
    only = {dimension: budget.scope_key} if dimension is not None else {}
    sums: Sums = ledger_total(since=begins(Period(budget.period), moment), only=only)
    return amount_of(
        budget.unit,
        dollars=sums.dollars,
        tokens=float(sums.tokens),
        site_joules=sums.site_joules,
        grams=sums.grams,
        core_seconds=sums.core_seconds,
    )


@dataclass(frozen=True)
class Standing:
    """A budget as it stands now."""

    budget: Budget
    account: Account
    begins_at: datetime | None
    ends_at: datetime | None

    @property
    def state(self) -> State:
        """Open, warned or spent."""
        return self.account.state

    @property
    def share(self) -> float:
        """Of the limit, spent, at most all of it."""
        return min(1.0, self.account.share)

    @property
    def words(self) -> str:
        """The unit and the period."""
        period = "in all" if self.budget.period == Period.ALL else f"a {self.budget.period}"
        return f"{UNIT_WORDS[Unit(self.budget.unit)]} {period}"

    @property
    def used(self) -> float:
        """Of the limit, spent; more than 1 where it was overspent."""
        return self.account.share


def standings(budgets: QuerySet[Budget] | None = None) -> list[Standing]:
    """How budgets stand, the fullest first; two statements."""
    now = datetime.now(UTC)
    some = list((budgets if budgets is not None else Budget.objects.all()).select_related("created_by"))
    wanted = {one.pk: window_begins(one, now) for one in some}
    rows = BudgetWindow.objects.filter(budget__in=some, begins_at__in=set(wanted.values()))
    windows = {row.budget_id: row for row in rows if wanted[row.budget_id] == row.begins_at}
    found = [_standing(one, windows.get(one.pk), now) for one in some]
    return sorted(found, key=lambda one: (-one.account.share, one.budget.name, one.budget.pk))


def _standing(budget: Budget, window: BudgetWindow | None, now: datetime) -> Standing:
    spent = window.spent if window else spent_before(budget, now)
    account = Account(budget.limit, spent, window.reserved if window else 0.0, budget.warn_at)
    period = Period(budget.period)
    return Standing(budget, account, begins(period, now), ends(period, now))


def budget_get(budget_id: str) -> Budget:
    """The budget of that id."""
    found = Budget.objects.filter(pk=budget_id).first()
    if found is None:
        raise NotFound(f"There is no budget {budget_id[:60]!r}.")
    return found


def stopped_windows(now: datetime) -> list[BudgetWindow]:
    """The periods under way whose limit is reached."""
    rows = BudgetWindow.objects.filter(spent__gte=F("budget__limit")).select_related("budget")
    return [row for row in rows if window_begins(row.budget, now) == row.begins_at]


def forecast_of(*, kind: str, strategy: str | None, unit: str) -> Forecast:
    """What the next execution of a kind will probably use, from the last ones."""
    rows = ResourceUsage.objects.filter(kind=kind, strategy_type=strategy).order_by("-usage_id")
    if strategy is None:
        rows = ResourceUsage.objects.filter(kind=kind, strategy_type__isnull=True).order_by("-usage_id")
    names = ("estimated_cost", "total_tokens", "energy_joules", "pue", "emissions_grams", "cpu_seconds")
    past = [
        amount_of(
            unit,
            dollars=cost,
            tokens=float(tokens or 0),
            site_joules=joules * pue,
            grams=grams or 0.0,
            core_seconds=cpu,
        )
        for cost, tokens, joules, pue, grams, cpu in rows.values_list(*names)[:PAST_RUNS]
    ]
    return forecast(past)
