"""Prices have versions, budgets cannot be overspent by promises, and forecasts hold what they say."""

from __future__ import annotations

import math
import random
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.carbon.engine.budgets import Account, Overspent, Period, State, begins, ends, forecast
from apps.carbon.engine.prices import BadPrices, Use, cost, read_prices

TABLE = read_prices(
    {
        "core_hour": 0.05,
        "machine_hour": {"p4d": 32.0},
        "gpu_hour": {"H100": 2.5, "*": 1.0},
        "tokens": {"small": {"prompt": 0.5, "completion": 1.5}},
        "calls": {"search": 0.01},
    },
    version=3,
)


@pytest.mark.parametrize(
    ("use", "dollars"),
    [
        (Use(core_seconds=7200), 0.10),
        (Use(core_seconds=7200, wall_seconds=1800, machine="p4d"), 16.0),
        (Use(core_seconds=3600, machine="unpriced"), 0.05),
        (Use(gpus={"H100": 3600, "A100": 1800}), 3.0),
        (Use(prompt_tokens=1_000_000, completion_tokens=2_000_000, model="small"), 3.5),
        (Use(prompt_tokens=1_000_000, model="of nobody"), 0.0),
        (Use(calls={"search": 20, "other": 5}), 0.2),
    ],
)
def test_what_was_used_has_its_price(use: Use, dollars: float) -> None:
    assert cost(use, TABLE) == pytest.approx(dollars)


def test_a_table_goes_out_and_comes_back_the_same() -> None:
    assert read_prices(TABLE.as_json(), version=3) == TABLE


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ([], "prices"),
        ({"core_hours": 1}, "core_hours"),
        ({"core_hour": -1}, "core_hour"),
        ({"core_hour": math.nan}, "core_hour"),
        ({"core_hour": True}, "core_hour"),
        ({"gpu_hour": 3}, "gpu_hour"),
        ({"gpu_hour": {"H100": "2"}}, "gpu_hour.H100"),
        ({"tokens": {"m": {"prompt": 1}}}, "tokens.m"),
        ({"tokens": {"m": {"prompt": 1, "completion": math.inf}}}, "tokens.m.completion"),
    ],
)
def test_a_table_that_cannot_be_used_names_the_field(data: Any, where: str) -> None:
    with pytest.raises(BadPrices) as refused:
        read_prices(data, version=1)
    assert refused.value.field == where


# --- budgets --------------------------------------------------------------------------------------------------------


def test_a_thousand_runs_of_many_at_once_overspend_nothing() -> None:
    """Each run: threads that reserve, use no more than that, and settle, in an order drawn anew."""
    chance = random.Random(11)
    for _ in range(1000):
        limit = chance.uniform(1, 50)
        account, lock, worst = [Account(limit)], threading.Lock(), [0.0]

        def ask(most: float, used: float, account: Any = account, lock: Any = lock, worst: Any = worst) -> None:
            with lock:
                try:
                    account[0] = account[0].reserve(most)
                except Overspent:
                    return
            with lock:
                account[0] = account[0].settle(most, used)
                worst[0] = max(worst[0], account[0].spent)

        asked = [(most, most * chance.random()) for most in (chance.uniform(0, limit) for _ in range(10))]
        threads = [threading.Thread(target=ask, args=one) for one in asked[:3]]
        for thread in threads:
            thread.start()
        for one in asked[3:]:
            ask(*one)
        for thread in threads:
            thread.join()
        assert worst[0] <= limit * (1 + 1e-12)
        assert account[0].reserved == pytest.approx(0, abs=1e-9)


STEPS = st.lists(st.tuples(st.sampled_from(["reserve", "settle"]), st.floats(0, 40), st.floats(0, 1)), max_size=60)


@given(st.floats(0.1, 100), STEPS)
def test_promises_and_what_is_spent_never_exceed_the_limit(limit: float, steps: list[tuple[str, float, float]]) -> None:
    account, open_promises = Account(limit), []
    refusals: list[tuple[float, float]] = []
    for what, amount, part in steps:
        if what == "reserve":
            try:
                account = account.reserve(amount)
            except Overspent as refused:
                refusals.append((refused.left, amount))
                continue
            open_promises.append(amount)
        elif open_promises:
            promised = open_promises.pop()
            account = account.settle(promised, promised * part)
        assert account.spent + account.reserved <= limit * (1 + 1e-9)
    assert all(left < asked or math.isclose(left, asked) for left, asked in refusals)


@pytest.mark.parametrize(
    ("spent", "state"),
    [(0.0, State.OPEN), (6.99, State.OPEN), (7.0, State.WARNED), (9.99, State.WARNED), (10.0, State.SPENT)],
)
def test_it_warns_at_seventy_percent_and_is_spent_at_a_hundred(spent: float, state: State) -> None:
    assert Account(10.0, spent).state is state


def test_more_than_was_promised_is_booked_as_it_was() -> None:
    account = Account(10.0).reserve(4.0).settle(4.0, 12.0)
    assert (account.spent, account.reserved, account.left, account.state) == (12.0, 0.0, 0.0, State.SPENT)


@pytest.mark.parametrize("amount", [-1.0, math.nan, math.inf])
def test_amounts_that_are_none_are_refused(amount: float) -> None:
    with pytest.raises(ValueError):
        Account(10.0).reserve(amount)
    with pytest.raises(ValueError):
        Account(amount)


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        (Period.DAY, datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (Period.WEEK, datetime(2026, 12, 28, tzinfo=UTC), datetime(2027, 1, 4, tzinfo=UTC)),
        (Period.MONTH, datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (Period.ALL, None, None),
    ],
)
def test_a_period_has_a_begin_and_an_end(period: Period, start: datetime | None, end: datetime | None) -> None:
    moment = datetime(2026, 12, 31, 13, 5, tzinfo=UTC)
    assert (begins(period, moment), ends(period, moment)) == (start, end)


# --- forecasts ------------------------------------------------------------------------------------------------------


def test_a_forecast_says_from_how_many_and_how_sure() -> None:
    assert forecast([]).middle is None
    one = forecast([5.0])
    assert (one.runs, one.middle, one.low, one.high) == (1, 5.0, None, None)
    few = forecast([3.0, 1.0, 2.0])
    assert (few.low, few.middle, few.high, few.coverage) == (1.0, 2.0, 3.0, 0.5)
    many = forecast([float(n) for n in range(1, 20)])
    assert (many.low, many.high, many.coverage) == (2.0, 18.0, 0.8)


def test_the_next_run_falls_into_the_interval_as_often_as_is_said() -> None:
    chance = random.Random(5)
    hits = 0
    for _ in range(2000):
        *past, following = (chance.lognormvariate(0, 1) for _ in range(20))
        said = forecast(past)
        assert said.low is not None
        assert said.high is not None
        hits += said.low <= following <= said.high
    assert hits / 2000 == pytest.approx(0.8, abs=0.03)
