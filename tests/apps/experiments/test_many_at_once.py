"""Pausing, resuming, cancelling and retrying a large run takes few statements, and misses nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.models import Job, JobEvent, SystemEvent, User
from apps.experiments.models import Experiment, ExperimentResult, Solve, TaskSubmission
from apps.experiments.services import (
    experiment_cancel,
    experiment_pause,
    experiment_resume,
    experiment_retry_failed,
    experiment_start,
)
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import cells, end, make_task

pytestmark = pytest.mark.django_db
CELLS = 80


@pytest.fixture
def large(make: Callable[..., Experiment], owner: User) -> Experiment:
    for number in range(10):
        make_task(f"t{number}")
    return make(seeds=[0, 1, 2, 3], strategy_configs={"echo": {}, "other": {}})


@pytest.mark.parametrize(
    ("action", "rows_a_statement"),
    [
        (experiment_pause, None),
        (experiment_resume, None),
        (experiment_cancel, 30),  # a thousand parameters a statement is what Django sends to SQLite
        (experiment_retry_failed, None),
    ],
)
def test_an_action_takes_the_same_statements_whatever_the_size_of_the_run(
    make: Callable[..., Experiment], owner: User, action: Callable[..., object], rows_a_statement: int | None
) -> None:
    for number in range(10):
        make_task(f"t{number}")

    def statements(seeds: list[int], configs: dict[str, dict[str, object]]) -> int:
        made = make(seeds=seeds, strategy_configs=configs)
        if action is experiment_resume:
            experiment_pause(experiment=made, by=owner)
        elif action is experiment_retry_failed:
            experiment_cancel(experiment=made, by=owner)
        with CaptureQueriesContext(connection) as caught:
            action(experiment=made, by=owner)
        return len(caught)

    few = statements([0, 1], {"echo": {}})
    many = statements([0, 1, 2, 3], {"echo": {}, "other": {}})
    assert many - few <= ((CELLS - 20) // rows_a_statement if rows_a_statement else 0)


def test_starting_takes_the_same_statements_whatever_the_size_of_the_run(
    make: Callable[..., Experiment], owner: User
) -> None:
    for number in range(10):
        make_task(f"t{number}")

    def statements(seeds: list[int], configs: dict[str, dict[str, object]]) -> int:
        made = make(start=False, seeds=seeds, strategy_configs=configs)
        with CaptureQueriesContext(connection) as caught:
            experiment_start(experiment=made, by=owner)
        assert made.runs.get().solves.exclude(job=None).count() == 10 * len(seeds) * len(configs)
        return len(caught)

    few = statements([0], {"echo": {}})
    many = statements([0, 1, 2, 3], {"echo": {}, "other": {}})
    assert many - few <= (CELLS - 10) // 30  # a thousand parameters a statement is what Django sends to SQLite


def test_every_cell_and_job_ends_with_what_it_is_owed(large: Experiment, owner: User) -> None:
    end(cells(large)[0])
    experiment_cancel(experiment=large, by=owner)
    assert set(Job.objects.values_list("status", flat=True)) == {"completed", "cancelled"}
    assert (
        Solve.objects.filter(status="cancelled", submission__isnull=False, error_type="cancelled").count() == CELLS - 1
    )
    for solve in Solve.objects.select_related("submission"):
        assert solve.submission is not None
        assert (solve.submission.task_id, solve.submission.seed) == (solve.task_id, solve.seed)
        assert solve.submission.strategy_used == solve.strategy
    assert TaskSubmission.objects.count() == ExperimentResult.objects.count() == CELLS
    assert (
        JobEvent.objects.filter(type="status_change", payload__new_status="cancelled", job__isnull=False).count()
        == CELLS - 1
    )
    assert not SystemEvent.objects.exists()


def test_what_was_cancelled_can_be_retried_as_a_whole(large: Experiment, owner: User) -> None:
    experiment_cancel(experiment=large, by=owner)
    before = set(Job.objects.values_list("pk", flat=True))
    assert experiment_retry_failed(experiment=large, by=owner) == CELLS
    assert Solve.objects.filter(status="pending", tries=2, finished_at=None).count() == CELLS
    assert not set(Solve.objects.values_list("job_id", flat=True)) & before
    experiment_cancel(experiment=large, by=owner)
    assert TaskSubmission.objects.count() == CELLS == ExperimentResult.objects.count()


def test_one_hook_that_fails_spoils_no_other(
    make: Callable[..., Experiment], tasks: list[ArcTask], owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch is told together; when that fails, one by one."""
    from apps.core.jobs import kinds, topic_cancel
    from apps.experiments.services import on_finish

    made = make()
    bad = cells(made)[1].job_id

    def hook(finished: Sequence[kinds.Finished]) -> None:
        if any(one.job.pk == bad for one in finished):
            raise ValueError("broken")
        on_finish(finished)

    monkeypatch.setitem(kinds._kinds, "solve", kinds.Kind(name="solve", title="Solve", on_finish=hook))
    topic_cancel(topic=made.runs.get().run_id, by=owner)
    assert [cell.status for cell in cells(made)] == ["cancelled", "pending", "cancelled"]
    assert set(Job.objects.values_list("status", flat=True)) == {"cancelled"}
    assert SystemEvent.objects.filter(message__contains="broken").exists()
