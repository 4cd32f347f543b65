"""Budgets: what is left of a limit when use is reserved before it begins and settled after it has ended."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

WARN_AT = 0.7


class Unit(StrEnum):
    """What a budget counts."""

    DOLLARS = "dollars"
    TOKENS = "tokens"
    KWH = "kwh"
    GRAMS = "gco2e"
    CORE_SECONDS = "core_seconds"


class Period(StrEnum):
    """Over what time it counts; weeks begin on Monday, all in UTC."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    ALL = "all"


class State(StrEnum):
    """How a budget stands."""

    OPEN = "open"
    WARNED = "warned"
    SPENT = "spent"


class Overspent(Exception):
    """A reservation that does not fit: what was asked, what is left."""

    def __init__(self, asked: float, left: float) -> None:
        self.asked, self.left = asked, left
        super().__init__(f"{asked:g} was asked of a budget that has {left:g} left")


@dataclass(frozen=True)
class Account:
    """A budget's standing within one period. `reserved` is promised to what runs; it may become spent or come back."""

    limit: float
    spent: float = 0.0
    reserved: float = 0.0
    warn_at: float = WARN_AT

    def __post_init__(self) -> None:
        if not (math.isfinite(self.limit) and self.limit > 0):
            raise ValueError(f"a budget is more than 0, not {self.limit}")
        if not all(math.isfinite(value) and value >= 0 for value in (self.spent, self.reserved)):
            raise ValueError("what is spent and reserved is 0 or more")

    @property
    def left(self) -> float:
        """What may still be promised."""
        return max(0.0, self.limit - self.spent - self.reserved)

    @property
    def share(self) -> float:
        """How much of the limit is spent: 0.7 is 70 %."""
        return self.spent / self.limit

    @property
    def state(self) -> State:
        """Open, warned from 70 % on, spent from 100 % on. Promises do not count: they may come back."""
        if self.spent >= self.limit:
            return State.SPENT
        return State.WARNED if self.share >= self.warn_at else State.OPEN

    def reserve(self, amount: float) -> Account:
        """Promise an amount; `Overspent` where it does not fit."""
        _amount(amount)
        if self.spent + self.reserved + amount > self.limit:
            raise Overspent(amount, self.left)
        return replace(self, reserved=self.reserved + amount)

    def settle(self, promised: float, used: float) -> Account:
        """Turn a promise into what was really used. More than was promised is booked too: the books are true."""
        _amount(promised)
        _amount(used)
        return replace(self, spent=self.spent + used, reserved=max(0.0, self.reserved - promised))


def _amount(value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"an amount is 0 or more, not {value}")


def begins(period: Period, moment: datetime) -> datetime | None:
    """When the period that holds a moment began; null for the one that is for ever."""
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period is Period.DAY:
        return day
    if period is Period.WEEK:
        return day - timedelta(days=day.weekday())
    if period is Period.MONTH:
        return day.replace(day=1)
    return None


def ends(period: Period, moment: datetime) -> datetime | None:
    """When it ends, and the next begins."""
    start = begins(period, moment)
    if start is None:
        return None
    if period is Period.DAY:
        return start + timedelta(days=1)
    if period is Period.WEEK:
        return start + timedelta(days=7)
    return (start + timedelta(days=32)).replace(day=1)


# --- what something will probably use -----------------------------------------------------------------------------

COVERAGE = 0.8


@dataclass(frozen=True)
class Forecast:
    """From what the same kind used before: the middle one, and an interval that holds the next in `coverage` of cases,
    as long as the next is like those before. Null bounds: too few to say."""

    runs: int
    middle: float | None
    low: float | None
    high: float | None
    coverage: float | None


def forecast(used: list[float], *, coverage: float = COVERAGE) -> Forecast:
    """An interval between two of the past values: with n of them, the next lies between the k-th smallest and the k-th
    largest with probability (n + 1 - 2k) / (n + 1), whatever they are distributed like."""
    values = sorted(used)
    for value in values:
        _amount(value)
    count = len(values)
    if not count:
        return Forecast(0, None, None, None, None)
    middle = (values[(count - 1) // 2] + values[count // 2]) / 2
    if count < 2:
        return Forecast(count, middle, None, None, None)
    k = max(1, math.floor((count + 1) * (1 - coverage) / 2 + 1e-9))
    return Forecast(count, middle, values[k - 1], values[count - k], (count + 1 - 2 * k) / (count + 1))
