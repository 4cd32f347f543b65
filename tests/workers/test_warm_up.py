"""What a kind of job needs is made ready once, visibly, and holds up nobody else."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.core.jobs import kinds
from apps.core.jobs.queries import WarmUp, warm_up
from apps.core.models import Worker
from tests.workers.fleet import Fleet, WorkerProcess, alive, until


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A database, a broker, and no worker yet."""
    made = Fleet(tmp_path_factory.mktemp("fleet"))
    yield made
    made.close()


def row(fleet: Fleet, worker: WorkerProcess) -> dict[str, Any]:
    return fleet.ask("worker", name=worker.name)  # type: ignore[no-any-return]


def test_while_one_kind_is_made_ready_others_run_and_its_progress_shows(fleet: Fleet) -> None:
    worker = fleet.worker(queues="cpu,agents")
    waiting = fleet.enqueue("brewed")
    until(lambda: row(fleet, worker)["warming"].get("brewed", {}).get("done") == 1)
    assert row(fleet, worker)["warming"]["brewed"] == {"done": 1, "total": 3, "note": "hot water"}
    fleet.result(fleet.enqueue("nap"))
    fleet.result(fleet.enqueue("nap", queue="agents"))
    assert fleet.status(waiting) == "queued"
    (fleet.folder / "let-on").touch()
    fleet.result(waiting)
    until(lambda: row(fleet, worker)["warming"] == {})
    assert (fleet.folder / "brews").read_text().split() == ["brewed"]
    assert "putting the kettle on" in worker.log.read_text()


def test_a_worker_makes_ready_only_what_its_queues_need(fleet: Fleet) -> None:
    worker = fleet.worker(queues="gpu")
    until(lambda: worker.fork_servers())
    assert row(fleet, worker)["warming"] == {}
    assert len(worker.fork_servers()) == 1  # one with nothing loaded; that of the cpu queue's has not been started


def test_a_job_in_a_queue_not_its_kinds_own_waits_until_it_has_been_made_ready(fleet: Fleet) -> None:
    fleet.end_workers()
    worker = fleet.worker(queues="gpu")
    job_id = fleet.enqueue("warmed", queue="gpu")
    assert fleet.result(job_id)["numpy"] is True
    job = fleet.ask("job", job_id=job_id)
    assert [attempt["outcome"] for attempt in job["attempts"]][-1] == "completed"
    assert len(worker.fork_servers()) == 2


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_worker_that_ends_takes_its_preparation_along(fleet: Fleet, how: signal.Signals) -> None:
    fleet.end_workers()
    (fleet.folder / "let-on").unlink(missing_ok=True)
    worker = fleet.worker(queues="agents")
    until(lambda: row(fleet, worker)["warming"].get("brewed", {}).get("done") == 1)
    [brewing] = [one for one in worker.family() if "tests.workers.brew" in one.cmdline()]
    worker.signal(how)
    worker.wait()
    until(lambda: not alive(brewing))


def test_pages_can_tell_how_far_a_kind_is(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kinds._kinds, "solve", kinds.Kind("solve", "Solve", queue="cpu"))
    assert warm_up("solve") is None  # nobody is there

    def worker(name: str, queue: str = "cpu", *, ago: float = 1, **warming: Any) -> None:
        now = timezone.now()
        Worker.objects.create(
            name=name,
            host="h",
            pid=1,
            slots={queue: 1},
            warming=warming,
            version="0",
            started_at=now,
            last_seen_at=now - timedelta(seconds=ago),
        )

    worker("one", solve={"done": 30, "total": 40, "note": "compiling"})
    worker("two", solve={"done": 3, "total": 40, "note": "compiling"})
    worker("other", "gpu")
    worker("gone", ago=600)
    assert warm_up("solve") == WarmUp(30, 40, "compiling")
    worker("ready")
    assert warm_up("solve") is None
