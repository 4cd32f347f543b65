"""A run of which no cell runs says why: cells ahead of its own, no worker, a paused queue, a solver that gets ready."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.core.errors import Conflict
from apps.core.jobs import job_enqueue, job_pause, kinds, queue_pause
from apps.core.models import Job, User, Worker
from apps.experiments import queries
from apps.experiments.models import Experiment
from apps.experiments.queries import Preparation
from apps.experiments.services import experiment_cancel, experiment_pause, experiment_resume
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import begin, cells, end, make_task
from tests.apps.experiments.test_figures_are_the_same_everywhere import item, plain, row
from tests.apps.experiments.test_the_pages import client_of, text

pytestmark = pytest.mark.django_db
Make = Callable[..., Experiment]


def worker(name: str = "w", *, warming: dict[str, Any] | None = None, silent: float = 0, **slots: int) -> Worker:
    """A worker that reported itself so many seconds ago."""
    now = timezone.now()
    return Worker.objects.create(
        name=name,
        host="h",
        pid=1,
        slots=slots or {"cpu": 2},
        warming=warming or {},
        version="1",
        started_at=now,
        last_seen_at=now - timedelta(seconds=silent),
    )


def state(user: User, made: Experiment, part: str = "") -> str:
    """The state in the title row of its page."""
    body = text(client_of(user).get(f"/experiments/{made.pk}/{part}"))
    return plain(body.split('id="exp-state"')[1].split("</div>")[0].partition(">")[2])


def test_the_cells_ahead_of_it_are_counted(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    worker()
    first, second = make(), make()
    begin(cells(first)[0])
    assert state(viewer, first) == "running 0 of 3"
    assert state(viewer, second) == "queued 2 cells ahead"
    assert "queued 2 cells ahead" in row(viewer, second)
    listed = item(viewer, second)
    assert (listed["state"], listed["progress"]["waiting_for"]) == ("in_progress", "2 cells ahead")
    assert item(viewer, first)["progress"]["waiting_for"] is None
    end(cells(first)[0])
    begin(cells(first)[1])
    assert state(viewer, second) == "queued 1 cell ahead"


def test_other_work_ahead_is_not_called_cells(make: Make, tasks: list[ArcTask], owner: User, viewer: User) -> None:
    worker()
    kinds.register(kinds.Kind(name="chore", title="Chore"))
    try:
        job_enqueue(kind="chore", payload={}, owner=owner)
        made = make()
        assert state(viewer, made) == "queued 1 job ahead"
    finally:
        del kinds._kinds["chore"]


def test_between_two_of_its_cells_it_runs(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    worker()
    made = make()
    end(cells(made)[0])
    assert state(viewer, made).startswith("running 1 of 3")


def test_without_a_worker_it_says_so(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    worker(silent=3600)
    worker("other", gpu=1)
    assert state(viewer, make()).startswith("queued no worker is up")


def test_a_paused_queue_is_named(make: Make, tasks: list[ArcTask], admin: User, viewer: User) -> None:
    worker()
    queue_pause(queue="cpu", by=admin)
    assert state(viewer, make()) == "queued the queue cpu is paused"


@pytest.mark.parametrize(
    ("warming", "said", "bar"),
    [
        (
            {"done": 12, "total": 88, "note": "kernels"},
            "preparing the solver 12 of 88 · kernels",
            'max="88" value="12"',
        ),
        ({}, "preparing the solver getting ready", '<progress class="bar" aria-label'),
    ],
)
def test_while_the_solver_gets_ready_it_shows_how_far_that_is(
    make: Make, tasks: list[ArcTask], viewer: User, warming: dict[str, Any], said: str, bar: str
) -> None:
    worker(warming={"solve": warming})
    made = make()
    assert state(viewer, made) == said
    body = text(client_of(viewer).get(f"/experiments/{made.pk}/"))
    assert bar in body
    assert "The solver is being prepared for this machine" in body
    assert "preparing the solver" in row(viewer, made)


def test_one_worker_that_is_ready_is_enough(make: Make, tasks: list[ArcTask]) -> None:
    worker("cold", warming={"solve": {"done": 1, "total": 9}})
    assert queries.preparation() == Preparation(1, 9)
    worker("colder", warming={"solve": {"done": 0, "total": 9}})
    assert queries.preparation() == Preparation(1, 9)
    worker("warm", warming={"other": {}})
    assert queries.preparation() is None
    assert queries.slots() == 6


def test_what_waits_asks_again_and_what_runs_does_not(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    made = make()
    path = f"/experiments/{made.pk}/standing/"
    assert f'hx-get="{path}"' in text(client_of(viewer).get(f"/experiments/{made.pk}/"))
    fragment = text(client_of(viewer).get(path))
    assert fragment.count('hx-swap-oob="true"') == 3
    assert "no worker is up" in fragment
    begin(cells(made)[0])
    assert "hx-get" not in text(client_of(viewer).get(path)).split("exp-actions")[0]
    assert client_of(None).get(path).status_code == 302


def test_pausing_says_what_becomes_of_the_running_cell(make: Make, tasks: list[ArcTask], owner: User) -> None:
    made = make()
    begin(cells(made)[0])
    answer = client_of(owner).post(f"/experiments/{made.pk}/do/pause/", follow=True)
    assert "1 running cell is stopped and begins afresh when you resume" in plain(text(answer))
    assert "1 running cell being stopped" in state(owner, made)
    end(cells(made)[0], "paused")
    assert state(owner, made) == "paused 0 of 3 · 3 wait until you resume"


def test_a_cancel_says_what_still_stops(make: Make, tasks: list[ArcTask], owner: User) -> None:
    made = make()
    begin(cells(made)[0])
    experiment_cancel(experiment=made, by=owner)
    assert state(owner, made) == "cancelled 0 of 3 · 2 cancelled · 1 running cell being stopped"


def test_a_list_asks_the_same_few_questions_however_many_wait(make: Make, viewer: User) -> None:
    worker()
    for number in range(3):
        make_task(f"t{number}")
    client = client_of(viewer)

    def statements() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert client.get("/experiments/").status_code == 200
        return len(caught)

    make()
    statements()
    few = statements()
    for _ in range(5):
        make()
    assert statements() == few


def test_a_paused_experiment_waits_for_nobody_but_its_owner(make: Make, tasks: list[ArcTask], owner: User) -> None:
    made = make()
    experiment_pause(experiment=made, by=owner)
    assert item(owner, made)["progress"]["waiting_for"] is None
    assert state(owner, made) == "paused 0 of 3 · 3 wait until you resume"


def test_cells_paused_one_by_one_say_so_and_go_on_with_the_experiment(
    make: Make, tasks: list[ArcTask], owner: User
) -> None:
    """As a spent budget pauses them: jobs, of an experiment that is under way."""
    worker()
    made = make()
    for job in Job.objects.filter(status="queued"):
        job_pause(job=job, by=None)
    assert state(owner, made) == "paused 3 cells paused, until you resume"
    page = text(client_of(owner).get(f"/experiments/{made.pk}/"))
    assert f"/experiments/{made.pk}/do/resume/" in page
    assert f"/experiments/{made.pk}/do/pause/" not in page
    experiment_resume(experiment=made, by=owner)
    assert set(Job.objects.values_list("status", flat=True)) == {"queued"}
    made.refresh_from_db()
    assert made.status == "in_progress"
    with pytest.raises(Conflict):
        experiment_resume(experiment=made, by=owner)
