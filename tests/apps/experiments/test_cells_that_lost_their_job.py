"""A cell whose job ended without telling it is found, closed with the reason, and can be done again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.core.jobs import upkeep
from apps.core.models import Job, JobEvent, SystemEvent, User
from apps.experiments.models import Experiment, ExperimentResult, Solve, TaskSubmission
from apps.experiments.queries import results_of
from apps.experiments.services import (
    cell_retry,
    cells,
    experiment_cancel,
    experiment_pause,
    experiment_retry_failed,
    lost_cells_close,
)
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import begin, end
from tests.apps.experiments.conftest import cells as cells_of

pytestmark = pytest.mark.django_db
Make = Callable[..., Experiment]


@pytest.fixture
def forgetful(make: Make, tasks: list[ArcTask], monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """Its second cell ran, but its end could not be written, not even as a failure; the others ended well."""
    made = make()
    first, second, third = cells_of(made)
    end(first)

    def refuse(*_: Any) -> None:
        raise ValueError("no room for it")

    with monkeypatch.context() as patched:
        patched.setattr(cells, "cells_end", refuse)
        assert end(second).error_code == "finish_failed"
    end(third)
    assert [cell.status for cell in cells_of(made)] == ["completed", "running", "completed"]
    made.refresh_from_db()
    assert made.status == "in_progress"
    return made


def test_upkeep_closes_it_with_the_reason_and_ends_the_run(forgetful: Experiment) -> None:
    assert upkeep.look_after_all()["cells whose job has ended"] == 1
    cell = cells_of(forgetful)[1]
    assert (cell.status, cell.error_type, cell.core_seconds) == ("failed", "finish_failed", 2.0)
    answer = TaskSubmission.objects.get(solve=cell)
    assert "no room for it" in answer.error_message
    assert answer.predictions == []
    forgetful.refresh_from_db()
    assert forgetful.status == "completed"
    assert results_of([cell.run])[cell.run_id].totals.failures == 1
    assert JobEvent.objects.filter(topic=cell.run_id, payload__has_key="solve_id", payload__status="failed").exists()
    assert "cells whose job has ended" not in upkeep.look_after_all()


def test_retry_takes_it_without_waiting_for_the_upkeep(forgetful: Experiment, owner: User) -> None:
    assert experiment_retry_failed(experiment=forgetful, by=owner) == 1
    again = cells_of(forgetful)[1]
    assert (again.status, again.tries) == ("pending", 2)
    end(again)
    forgetful.refresh_from_db()
    assert forgetful.status == "completed"
    assert forgetful.results["totals"]["failures"] == 0
    assert TaskSubmission.objects.count() == 3 == ExperimentResult.objects.count()


def test_it_can_be_done_again_by_itself(forgetful: Experiment, owner: User) -> None:
    cell_retry(solve=Solve.objects.select_related("run__experiment").get(pk=cells_of(forgetful)[1].pk), by=owner)
    assert cells_of(forgetful)[1].status == "pending"


def test_cancelling_closes_it_too(forgetful: Experiment, owner: User) -> None:
    experiment_cancel(experiment=forgetful, by=owner)
    forgetful.refresh_from_db()
    assert forgetful.status == "cancelled"
    assert [cell.status for cell in cells_of(forgetful)] == ["completed", "failed", "completed"]
    assert forgetful.results["totals"]["done"] == 3


def test_a_cell_whose_job_was_deleted_is_closed(make: Make, tasks: list[ArcTask]) -> None:
    made = make()
    first, second, third = cells_of(made)
    Job.objects.filter(pk=first.job_id).delete()
    end(second)
    end(third)
    assert lost_cells_close() == 1
    cell = cells_of(made)[0]
    assert (cell.status, cell.error_type) == ("failed", "outcome_lost")
    assert "Its job is gone" in TaskSubmission.objects.get(solve=cell).error_message
    made.refresh_from_db()
    assert made.status == "completed"


def test_a_job_that_ended_as_a_success_leaves_a_failed_cell_never_a_solved_one(
    make: Make, tasks: list[ArcTask]
) -> None:
    made = make()
    cell = cells_of(made)[0]
    job_id, cell.job_id = cell.job_id, None
    cell.save(update_fields=["job"])  # the worker's end finds nobody to tell
    end(Solve(job_id=job_id, task=cell.task))
    Solve.objects.filter(pk=cell.pk).update(job=job_id)
    assert lost_cells_close(run_id=cell.run_id) == 1
    closed = cells_of(made)[0]
    assert (closed.status, closed.score, closed.error_type, closed.core_seconds) == ("failed", 0.0, "outcome_lost", 2.0)


def test_what_waits_runs_or_is_paused_is_left_alone(make: Make, tasks: list[ArcTask], owner: User) -> None:
    made, paused = make(), make()
    begin(cells_of(made)[0])
    end(cells_of(made)[1], "lost")
    experiment_pause(experiment=paused, by=owner)
    assert "cells whose job has ended" not in upkeep.look_after_all()
    assert {cell.finished_at for one in (made, paused) for cell in cells_of(one)} == {None}


def test_one_upkeep_that_fails_keeps_no_other_from_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> int:
        raise ValueError("broken")

    monkeypatch.setattr(upkeep, "_registered", {"a": broken, "b": lambda: 3, "c": lambda: 0})
    assert upkeep.look_after_all() == {"b": 3}
    assert not SystemEvent.objects.exists()
