"""Every execution of a job is booked once, and a dear one raises an alert."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries

from apps.carbon.engine.estimates import core_joules
from apps.carbon.models import ResourceUsage
from apps.carbon.queries import rates_now
from apps.carbon.queries.budgets import budgets_in_force
from apps.carbon.services import ALERT_MESSAGE, on_attempts_ended, usage_record
from apps.core.jobs import kinds
from apps.core.jobs.kinds import AttemptEnd, Kind, Subject
from apps.core.jobs.reports import Usage
from apps.core.models import Job, SystemEvent
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import make_task

pytestmark = pytest.mark.django_db
CORE_SECONDS_FOR_THE_THRESHOLD = 0.30 / 0.05 * 3600


@pytest.fixture
def task(db: None) -> ArcTask:
    return make_task("dear")


@pytest.fixture
def solve(task: ArcTask) -> Job:
    """A job attributed to a task and a strategy."""
    return Job.objects.create(kind="solve", payload={"task_id": task.pk, "strategy": "echo"})


def book(job: Job, usage: Usage) -> None:
    usage_record(ended=[AttemptEnd(job, 1, usage, "completed")])


def test_the_ledger_hears_of_every_execution() -> None:
    assert on_attempts_ended in kinds.attempt_hooks()


def test_one_row_an_attempt_with_cost_and_estimated_energy(solve: Job, task: ArcTask) -> None:
    for attempt in (1, 2):
        on_attempts_ended([AttemptEnd(solve, attempt, Usage(36.0, 50.0, 99.0), "completed")])
    rows = list(ResourceUsage.objects.order_by("attempt"))
    assert [(row.task_id, row.strategy_type, row.job_id, row.attempt) for row in rows] == [
        (task.pk, "echo", solve.pk, 1),
        (task.pk, "echo", solve.pk, 2),
    ]
    assert rows[0].estimated_cost == pytest.approx(36.0 / 3600 * settings.CONFIG.dollars_per_core_hour)
    assert (rows[0].energy_joules, rows[0].energy_method) == (36.0 * settings.CONFIG.watts_per_core, "constant")
    assert (rows[0].cpu_seconds, rows[0].wall_seconds, rows[0].memory_mb, rows[0].api_calls) == (36.0, 50.0, 99.0, {})


def test_executions_that_end_together_are_booked_in_one_statement(
    solve: Job, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    rates_now()
    budgets_in_force()
    with django_assert_num_queries(3):  # the savepoint around it
        on_attempts_ended([AttemptEnd(solve, number, Usage(cpu_seconds=number), "completed") for number in range(1, 9)])
    assert list(ResourceUsage.objects.order_by("attempt").values_list("cpu_seconds", flat=True)) == list(range(1, 9))


def test_the_same_attempt_is_booked_once(solve: Job) -> None:
    book(solve, Usage())
    with pytest.raises(IntegrityError), transaction.atomic():
        book(solve, Usage())


def test_work_that_is_no_solve_is_booked_on_no_task(db: None) -> None:
    on_attempts_ended([AttemptEnd(Job.objects.create(kind="sweep"), 1, Usage(cpu_seconds=1.0), "failed")])
    row = ResourceUsage.objects.get()
    assert (row.task_id, row.strategy_type) == (None, None)


def test_kinds_say_themselves_what_they_worked_on(task: ArcTask, monkeypatch: pytest.MonkeyPatch) -> None:
    about = {
        "drill": Kind("drill", "Drill", subjects=lambda jobs: {j.pk: Subject(task_id=j.payload["on"]) for j in jobs})
    }
    monkeypatch.setattr(kinds, "_kinds", about)
    book(Job.objects.create(kind="drill", payload={"on": task.pk}), Usage())
    assert ResourceUsage.objects.get().task_id == task.pk


def test_a_row_above_the_threshold_raises_the_alert(solve: Job, task: ArcTask) -> None:
    book(solve, Usage(cpu_seconds=CORE_SECONDS_FOR_THE_THRESHOLD * 1.01))
    event = SystemEvent.objects.get()
    assert (event.event_type, event.event_source, event.severity) == ("high_cost_alert", "resource_monitor", "warning")
    assert event.message == ALERT_MESSAGE == "Task exceeded 70% of budget limit"
    assert event.context is not None
    assert event.context["task_id"] == task.pk
    assert event.context["cost"] == pytest.approx(0.303)


def test_a_row_at_or_below_the_threshold_raises_none(solve: Job) -> None:
    book(solve, Usage(cpu_seconds=CORE_SECONDS_FOR_THE_THRESHOLD))
    assert not SystemEvent.objects.exists()


def test_the_threshold_is_a_setting(solve: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "CONFIG", settings.CONFIG.model_copy(update={"cost_alert_dollars": 0.0001}))
    book(solve, Usage(cpu_seconds=60.0))
    assert SystemEvent.objects.count() == 1


def test_a_rolled_back_row_leaves_no_alert(solve: Job) -> None:
    with transaction.atomic():
        book(solve, Usage(cpu_seconds=1e6))
        assert SystemEvent.objects.exists()
        transaction.set_rollback(True)
    assert not SystemEvent.objects.exists()
    assert not ResourceUsage.objects.exists()


def test_the_estimates_are_plain_arithmetic() -> None:
    assert core_joules(2.5, 8.0) == 20.0
