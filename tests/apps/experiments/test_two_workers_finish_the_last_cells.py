"""The run completes once, with every cell counted, when its last two cells end at the same moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

import pytest
from django.db import OperationalError, connection, transaction

from apps.core.models import JobEvent
from apps.experiments.models import Experiment, Solve, TaskSubmission
from apps.experiments.services import ending
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import begin, cells, end
from tests.patience import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)


def _until_it_commits(solve: Solve) -> None:
    """As a worker does: a transaction the database could not take (SQLite in memory does not wait) is done again."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            end(solve)
            return
        except OperationalError:
            time.sleep(0.01)
    raise AssertionError("The database never took it.")


def _race(solves: list[Solve], barrier: threading.Barrier) -> list[BaseException]:
    failures: list[BaseException] = []

    def finish(solve: Solve) -> None:
        try:
            barrier.wait(timeout=PATIENCE)
            _until_it_commits(solve)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=finish, args=(solve,)) for solve in solves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=PATIENCE)
    return failures


def test_both_orders_of_commit_end_the_experiment_once(make: Callable[..., Experiment], tasks: list[ArcTask]) -> None:
    for _ in range(5):
        made = make()
        first, *last_two = cells(made)
        end(first)
        for cell in last_two:
            begin(cell)
        assert _race(last_two, threading.Barrier(2)) == []
        made.refresh_from_db()
        run = made.runs.get()
        assert made.status == run.status == "completed"
        assert run.metrics["totals"]["done"] == 3
        assert TaskSubmission.objects.filter(run=run).count() == 3
        changes = JobEvent.objects.filter(topic=run.run_id, job=None, type="status_change")
        assert [e.payload["new_status"] for e in changes.order_by("id")] == ["in_progress", "completed"]


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite's write transactions take turns by themselves")
def test_the_second_waits_for_the_first_and_then_sees_its_cell(
    make: Callable[..., Experiment], tasks: list[ArcTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have closed their cells, neither has committed: without the lock both would count one open cell."""
    made = make()
    first, *last_two = cells(made)
    end(first)
    for cell in last_two:
        begin(cell)
    meet = threading.Barrier(2)
    settle_now = ending.runs_settle

    def meet_then_settle(*, run_ids: Iterable[str]) -> None:
        meet.wait(timeout=PATIENCE)
        assert connection.in_atomic_block
        settle_now(run_ids=run_ids)

    monkeypatch.setattr("apps.experiments.services.cells.runs_settle", meet_then_settle)
    assert _race(last_two, threading.Barrier(2)) == []
    made.refresh_from_db()
    assert made.status == "completed"
    with transaction.atomic():
        assert made.runs.get().metrics["totals"]["done"] == 3
