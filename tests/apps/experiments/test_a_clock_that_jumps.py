"""Hosts disagree about the time, and clocks are set back: nothing that ends is refused because it began later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.core.models import SystemEvent, User
from apps.experiments.models import Experiment, ExperimentRun
from apps.experiments.services import experiment_cancel
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import cells, end

pytestmark = pytest.mark.django_db
Make = Callable[..., Experiment]
AHEAD = timedelta(hours=1)


@pytest.fixture
def from_the_future(make: Make, tasks: list[ArcTask]) -> Experiment:
    """Started by a host whose clock is ahead of the database's, or before that clock was set back."""
    made = make()
    later = timezone.now() + AHEAD
    Experiment.objects.filter(pk=made.pk).update(started_at=later)
    ExperimentRun.objects.filter(experiment=made).update(started_at=later)
    return made


def _moments(made: Experiment) -> list[tuple[object, object]]:
    made.refresh_from_db()
    run = made.runs.get()
    return [(made.started_at, made.completed_at), (run.started_at, run.completed_at)]


def test_the_last_cell_ends_the_run_at_its_start_at_the_earliest(from_the_future: Experiment) -> None:
    for cell in cells(from_the_future):
        assert end(cell).status == "completed"
    assert all(began == ended for began, ended in _moments(from_the_future))
    assert from_the_future.status == from_the_future.runs.get().status == "completed"
    assert [cell.status for cell in cells(from_the_future)] == ["completed"] * 3
    assert not SystemEvent.objects.exists()


def test_it_can_be_cancelled(from_the_future: Experiment, owner: User) -> None:
    experiment_cancel(experiment=from_the_future, by=owner)
    assert all(began == ended for began, ended in _moments(from_the_future))
    assert from_the_future.status == "cancelled"


def test_times_are_the_databases_not_this_hosts(
    make: Make, tasks: list[ArcTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host whose clock is an hour behind starts and ends an experiment; what it writes is true all the same."""
    true = timezone.now()
    monkeypatch.setattr("django.utils.timezone.now", lambda: true - AHEAD)
    made = make()
    for cell in cells(made):
        end(cell)
    made.refresh_from_db()
    run = made.runs.get()
    written = [made.started_at, made.completed_at, run.started_at, run.completed_at]
    written += [cell.finished_at for cell in cells(made)]
    written += [submission.submitted_at for submission in run.submissions.all()]
    written += [result.recorded_at for result in made.experiment_results.all()]
    # Milliseconds on SQLite, so a moment may seem to lie just before the one read here.
    assert all(moment is not None and moment >= true - timedelta(seconds=1) for moment in written)
