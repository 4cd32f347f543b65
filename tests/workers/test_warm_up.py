"""What a kind of job needs is made ready once, visibly, and holds up nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.workers.fleet import Fleet, WorkerProcess, until


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
    second = fleet.worker(queues="agents")
    until(lambda: "another worker" in row(fleet, second)["warming"].get("brewed", {}).get("note", ""))
    (fleet.folder / "let-on").touch()
    fleet.result(waiting)
    until(lambda: row(fleet, worker)["warming"] == row(fleet, second)["warming"] == {})
    assert (fleet.folder / "brews").read_text().split() == ["brewed", "brewed"]  # one after the other
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


def test_a_worker_that_ends_takes_its_preparation_along(fleet: Fleet) -> None:
    fleet.end_workers()
    (fleet.folder / "let-on").unlink()
    worker = fleet.worker(queues="agents")
    until(lambda: row(fleet, worker)["warming"].get("brewed", {}).get("done") == 1)
    [brewing] = [one for one in worker.family() if "tests.workers.brew" in one.cmdline()]
    worker.ask_to_end()
    worker.wait()
    until(lambda: not brewing.is_running())
