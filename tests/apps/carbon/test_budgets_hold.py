"""Budgets: what does not fit is refused, whoever asks and how many at once; they warn at 70 % and stop at 100 %."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from apps.carbon import services
from apps.carbon.engine.budgets import State
from apps.carbon.errors import BudgetSpent
from apps.carbon.models import Budget, BudgetWindow, Reservation, ResourceUsage
from apps.carbon.queries import budgets_forget, forecast_of, standings
from apps.core.errors import Forbidden, Invalid
from apps.core.jobs import upkeep
from apps.core.jobs.kinds import AttemptEnd
from apps.core.jobs.reports import Usage
from apps.core.models import Job, JobStatus, SystemEvent, User


def budget(limit: float = 10.0, **values: Any) -> Budget:
    made = Budget.objects.create(**{"name": "Trial", "unit": "dollars", "period": "all", "limit": limit} | values)
    budgets_forget()
    return made


def window(of: Budget) -> BudgetWindow:
    return BudgetWindow.objects.get(budget=of)


def spend(core_seconds: float, job: Job | None = None, attempt: int = 1) -> Job:
    job = job or Job.objects.create(kind="solve", topic="run_1")
    services.on_attempts_ended([AttemptEnd(job, attempt, Usage(cpu_seconds=core_seconds), "completed")])
    return job


DOLLAR = 3600.0 / 0.05
"""Core-seconds that cost a dollar."""


@pytest.mark.django_db(transaction=True)
def test_many_requests_at_once_overspend_nothing() -> None:
    small, large = budget(10.0), budget(12.0, name="Mine", scope="user", scope_key="user_1")
    granted, refused, faults = [], [], []

    def ask(number: int) -> None:
        chance = random.Random(number)
        try:
            for step in range(8):
                most, key = chance.uniform(0.1, 2.0), f"request-{number}-{step}"
                try:
                    services.reserve(key=key, amounts={"dollars": most}, where={"user": "user_1"})
                except BudgetSpent:
                    refused.append(key)
                    continue
                granted.append(key)
                services.settle(key=key, amounts={"dollars": most * chance.random()})
        except BaseException as error:
            faults.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert granted
    assert refused, "the limit was reached"
    for one in (small, large):
        assert window(one).spent <= one.limit
        assert window(one).reserved == pytest.approx(0, abs=1e-9)
        used = sum(row.used or 0.0 for row in Reservation.objects.filter(window__budget=one))
        assert window(one).spent == pytest.approx(used)


@pytest.mark.django_db
def test_what_does_not_fit_is_promised_nowhere() -> None:
    wide, narrow = budget(100.0), budget(1.0, name="Narrow", scope="user", scope_key="user_1")
    with pytest.raises(BudgetSpent, match="Budget Narrow has 1 dollars left, and 2 may be needed") as refused:
        services.reserve(key="r", amounts={"dollars": 2.0}, where={"user": "user_1"})
    assert (refused.value.status, refused.value.headers["x-should-retry"]) == (429, "false")
    assert not Reservation.objects.exists()
    assert not BudgetWindow.objects.filter(budget__in=[wide, narrow], reserved__gt=0).exists()
    services.reserve(key="r", amounts={"dollars": 2.0}, where={"user": "user_2"})
    assert window(wide).reserved == 2.0


@pytest.mark.django_db
def test_a_promise_is_settled_once() -> None:
    one = budget()
    services.reserve(key="r", amounts={"dollars": 4.0, "tokens": 9.0}, where={})
    assert [services.settle(key="r", amounts={"dollars": 3.0}) for _ in range(3)] == [1, 0, 0]
    assert (window(one).spent, window(one).reserved) == (3.0, 0.0)


@pytest.mark.django_db
def test_a_promise_of_one_who_fell_silent_comes_back() -> None:
    one = budget()
    services.reserve(key="r", amounts={"dollars": 9.0}, where={}, seconds=-1)
    services.reserve(key="s", amounts={"dollars": 1.0}, where={})
    assert services.reservations_expire() == 1
    assert (window(one).spent, window(one).reserved) == (0.0, 1.0)


@pytest.mark.django_db
def test_it_warns_once_at_seventy_percent_and_stops_once_at_a_hundred() -> None:
    one = budget(1.0)
    waiting = Job.objects.create(kind="solve", topic="run_2")
    heard = []
    for attempt, share in enumerate((0.6, 0.09, 0.02, 0.1, 0.2, 0.1), 1):
        spend(share * DOLLAR, attempt=attempt)
        heard.append([event.event_type for event in SystemEvent.objects.filter(event_type__startswith="budget")])
    assert [len(found) for found in heard] == [0, 0, 1, 1, 2, 2]
    assert sorted(heard[-1]) == ["budget_spent", "budget_warning"]
    warning = SystemEvent.objects.get(event_type="budget_warning")
    assert warning.context is not None
    assert warning.context["budget_id"] == one.pk
    assert warning.context["percent"] == pytest.approx(71.0)
    assert upkeep.look_after_all()["spent budgets"] == 7
    waiting.refresh_from_db()
    assert waiting.status == JobStatus.PAUSED


@pytest.mark.django_db(transaction=True)
def test_a_running_job_is_asked_to_pause_the_moment_the_limit_is_reached() -> None:
    budget(1.0, scope="experiment", scope_key="run_1")
    lease = {"worker": "w", "lease_expires_at": timezone.now(), "status": JobStatus.RUNNING, "kind": "solve"}
    inside = Job.objects.create(topic="run_1", **lease)
    outside = Job.objects.create(topic="run_2", **lease)
    spend(2 * DOLLAR)
    for job in (inside, outside):
        job.refresh_from_db()
    assert inside.pause_requested_at is not None
    assert outside.pause_requested_at is None, "another experiment goes on"


@pytest.mark.django_db
def test_a_raised_limit_lets_work_go_on(admin: User) -> None:
    one = budget(1.0)
    spend(1.5 * DOLLAR)
    services.budget_change(budget=one, limit=100.0, by=admin)
    budgets_forget()
    later = Job.objects.create(kind="solve", topic="run_9")
    assert services.budgets_enforce() == 0
    later.refresh_from_db()
    assert later.status == JobStatus.QUEUED
    assert (window(one).warned_at, window(one).stopped_at) == (None, None), "it tells again at its new limit"


@pytest.mark.django_db
def test_a_budget_knows_what_was_used_before_it_was_set_and_counts_nothing_twice() -> None:
    job = spend(0.25 * DOLLAR)
    lab = budget(10.0, period="month")
    other = budget(10.0, name="Other", scope="experiment", scope_key="run_elsewhere")
    ends = [AttemptEnd(job, attempt, Usage(cpu_seconds=DOLLAR), "completed") for attempt in (2, 3)]
    services.on_attempts_ended(ends)
    assert window(lab).spent == pytest.approx(2.25)
    assert not BudgetWindow.objects.filter(budget=other).exists()


@pytest.mark.django_db
def test_a_new_period_begins_with_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    one = budget(1.0, period="day")
    BudgetWindow.objects.create(budget=one, begins_at=datetime.now(UTC) - timedelta(days=3), spent=5.0)
    assert services.budgets_enforce() == 0
    (standing,) = standings()
    assert (standing.account.spent, standing.state) == (0.0, State.OPEN)
    services.reserve(key="r", amounts={"dollars": 0.5}, where={})


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"limit": -1}, "limit"),
        ({"limit": float("nan")}, "limit"),
        ({"unit": "euros"}, "unit"),
        ({"period": "decade"}, "period"),
        ({"warn_at": 2}, "warn_at"),
        ({"name": ""}, "name"),
        ({"colour": "green"}, "colour"),
    ],
)
def test_a_budget_that_cannot_be_is_refused_by_field(values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        services.budget_spec({"name": "x", "unit": "kwh", "limit": 1, **values})
    assert refused.value.details is not None
    assert refused.value.details["errors"][0]["field"] == field


@pytest.mark.django_db
def test_who_may_set_and_change_which(admin: User, researcher: User) -> None:
    def spec(**values: Any) -> services.BudgetSpec:
        return services.budget_spec({"name": "x", "unit": "kwh", "limit": 1, **values})

    own = services.budget_create(spec=spec(scope="user", scope_key=researcher.pk), by=researcher)
    services.budget_create(spec=spec(scope="experiment", scope_key="run_1"), by=researcher)
    for refused in (spec(), spec(scope="user", scope_key=admin.pk)):
        with pytest.raises(Forbidden):
            services.budget_create(spec=refused, by=researcher)
    lab = services.budget_create(spec=spec(), by=admin)
    changes: list[Callable[[], object]] = [
        lambda: services.budget_change(budget=lab, limit=5, by=researcher),
        lambda: services.budget_delete(budget=lab, by=researcher),
    ]
    for change in changes:
        with pytest.raises(Forbidden):
            change()
    services.budget_delete(budget=own, by=researcher)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "values", [{"limit": 0}, {"scope": "lab", "scope_key": "x"}, {"scope": "user"}, {"unit": "x"}, {"warn_at": 0}]
)
def test_the_database_refuses_a_budget_that_cannot_be(values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        budget(**values)


@pytest.mark.django_db
def test_a_forecast_is_made_from_the_last_of_the_same_kind() -> None:
    for number in range(9):
        spend(DOLLAR * (number + 1))
    said = forecast_of(kind="solve", strategy=None, unit="dollars")
    assert said.runs == 9
    assert said.middle == pytest.approx(5.0)
    assert said.low is not None
    assert said.high is not None
    assert said.low < 5.0 < said.high
    assert forecast_of(kind="training", strategy=None, unit="kwh").runs == 0
    assert ResourceUsage.objects.count() == 9
