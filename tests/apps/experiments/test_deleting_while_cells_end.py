"""People delete, cancel and retry while workers end cells: everybody takes locks in one order, so nobody waits in a ring."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable

import pytest
from django.db import connection

from apps.core.errors import Conflict, NotFound
from apps.core.models import Job, JobStatus, SystemEvent, User
from apps.experiments.models import Experiment, ExperimentRun, Solve
from apps.experiments.services import (
    cells,
    ending,
    experiment_cancel,
    experiment_delete,
    experiment_retry_failed,
)
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import begin, end
from tests.apps.experiments.conftest import cells as cells_of
from tests.patience import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Experiment]


class Crowd:
    """Threads with connections of their own, and what went wrong in them."""

    def __init__(self) -> None:
        self.wrong: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def send(self, act: Callable[[], object]) -> threading.Thread:
        """Do it in a thread."""

        def run() -> None:
            try:
                act()
            except BaseException as error:
                self.wrong.append(error)
            finally:
                connection.close()

        thread = threading.Thread(target=run)
        self._threads.append(thread)
        thread.start()
        return thread

    def wait(self) -> None:
        """Until all are done; none of them met an error."""
        for thread in self._threads:
            thread.join(timeout=PATIENCE)
            assert not thread.is_alive()
        assert self.wrong == []


@pytest.fixture
def stopping(make: Make, tasks: list[ArcTask], owner: User) -> Callable[[], tuple[Experiment, Solve]]:
    """A cancelled experiment one of whose cells a worker still holds."""

    def build() -> tuple[Experiment, Solve]:
        made = make()
        cell = cells_of(made)[0]
        begin(cell)
        experiment_cancel(experiment=made, by=owner)
        return made, cell

    return build


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite's write transactions take turns by themselves")
def test_a_cell_that_has_written_its_end_is_waited_for_and_not_waited_on(
    stopping: Callable[[], tuple[Experiment, Solve]], owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker holds the cell and goes for the run when the delete begins: the very moment at which both stuck."""
    made, cell = stopping()
    crowd, deleting = Crowd(), threading.Event()
    settle_now = ending.runs_settle

    def settle_when_the_delete_waits(*, run_ids: Iterable[str]) -> None:
        deleting.set()
        with connection.cursor() as cursor:
            for _ in range(int(PATIENCE * 100)):
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                if cursor.fetchone()[0]:
                    break
                cursor.execute("SELECT pg_sleep(0.01)")
        settle_now(run_ids=run_ids)

    monkeypatch.setattr(cells, "runs_settle", settle_when_the_delete_waits)
    crowd.send(lambda: end(cell, "cancelled"))
    assert deleting.wait(PATIENCE)
    crowd.send(lambda: experiment_delete(experiment=made, by=owner))
    crowd.wait()
    assert not Experiment.objects.exists()
    assert Job.objects.get(pk=cell.job_id).status == JobStatus.CANCELLED
    assert not SystemEvent.objects.exists()


def test_many_deletes_cancels_and_retries_at_once_leave_no_one_stuck(
    stopping: Callable[[], tuple[Experiment, Solve]], owner: User
) -> None:
    if connection.vendor == "sqlite" and connection.is_in_memory_db():  # type: ignore[attr-defined]
        pytest.skip("SQLite in memory shares one cache, which does not wait: set TEST_SQLITE_PATH to a file")
    for _ in range(3):
        several = [stopping() for _ in range(3)]
        crowd, start = Crowd(), threading.Barrier(len(several) * 4)

        def at_once(act: Callable[[], object], start: threading.Barrier = start) -> Callable[[], None]:
            def go() -> None:
                start.wait(timeout=PATIENCE)
                _persistently(act)

            return go

        for made, cell in several:
            crowd.send(at_once(lambda cell=cell: end(cell, "cancelled")))  # type: ignore[misc]
            crowd.send(at_once(lambda made=made: experiment_delete(experiment=made, by=owner)))  # type: ignore[misc]
            crowd.send(at_once(lambda made=made: experiment_cancel(experiment=made, by=owner)))  # type: ignore[misc]
            crowd.send(at_once(lambda made=made: experiment_retry_failed(experiment=made, by=owner)))  # type: ignore[misc]
        crowd.wait()
        for made in Experiment.objects.all():  # a retry came before the delete
            assert made.status in ("in_progress", "cancelled", "completed")
            assert made.runs.get().solves.count() == 3
        assert not SystemEvent.objects.exists()
        Experiment.objects.update(status="cancelled")
        for made in Experiment.objects.all():
            experiment_delete(experiment=made, by=owner)
        assert not ExperimentRun.objects.exists()


def _persistently(act: Callable[[], object]) -> None:
    """As a request or a worker does: refusals are answers."""
    with contextlib.suppress(Conflict, NotFound):
        act()
