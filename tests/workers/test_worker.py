"""Real worker processes: what a job gets, how it ends, and what survives whom."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.patience import PATIENCE
from tests.workers.fleet import Fleet, WorkerProcess, alive, until


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A database, a broker, and no worker yet."""
    made = Fleet(tmp_path_factory.mktemp("fleet"))
    yield made
    made.close()


@pytest.fixture
def worker(fleet: Fleet) -> WorkerProcess:
    """A worker for those tests that do it no harm, shared between them."""
    for running in fleet.workers:
        if running.process.poll() is None:
            return running
    return fleet.worker(queues="cpu,gpu")


class Gate:
    """Work that is told to waits before it until a test opens it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.waits = {"wait_for": str(path)}

    def open(self) -> None:
        """Let the work go on."""
        self._path.touch()


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A closed gate."""
    return Gate(tmp_path / "open")


def processes_marked(mark: str) -> list[int]:
    """Processes that were started with this argument."""
    return [one.pid for one in psutil.process_iter(["cmdline"]) if mark in (one.info["cmdline"] or [])]


# --- what a job gets ------------------------------------------------------------------------------------------------


def test_a_job_runs_says_its_words_in_order_and_returns(fleet: Fleet, worker: WorkerProcess) -> None:
    job_id = fleet.enqueue("nap", {"seconds": 0.1, "n": 7})
    job = fleet.wait_for(job_id, "completed")
    assert [event["type"] for event in job["events"]] == [
        "status_change",
        "status_change",
        "log",
        "progress",
        "result",
        "status_change",
    ]
    assert [event["seq"] for event in job["events"]] == [1, 2, 3, 4, 5, 6]
    assert job["events"][4]["payload"]["result"]["n"] == 7
    assert job["progress"] == 1.0


def test_a_ring_starts_a_job_also_just_after_another(fleet: Fleet) -> None:
    """This worker hardly ever looks by itself, and nobody rings again for what waits."""
    fleet.end_workers()
    worker = fleet.worker(environment={"CHORES_ONLY_WHEN_RUNG": "1"})
    fleet.result(fleet.enqueue("nap"))
    for gap in (0.04, 0.03, 0.02):
        fleet.ask("enqueue_close_together", kind="noop", gap=gap)
    worker.ask_to_end()
    worker.wait()


def test_work_runs_alone_warm_and_without_django(fleet: Fleet, worker: WorkerProcess) -> None:
    job_id = fleet.enqueue("warmed")
    found = fleet.result(job_id)
    assert found["job"] == job_id
    assert (found["django"], found["numpy"], found["threads"], found["session_leader"]) == (False, True, 1, True)
    assert found["stdin"] == os.devnull
    assert len(found["descriptors"]) <= 6


def test_a_fresh_job_gets_an_interpreter_of_its_own(fleet: Fleet, worker: WorkerProcess) -> None:
    found = fleet.result(fleet.enqueue("fresh"))
    assert (found["django"], found["numpy"], found["session_leader"]) == (False, False, True)


def test_output_is_in_the_log_and_metrics_are_points(fleet: Fleet, worker: WorkerProcess) -> None:
    job = fleet.wait_for(fleet.enqueue("chat", {"lines": 3}), "completed")
    words = [event["payload"].get("message") for event in job["events"] if event["type"] == "log"]
    assert words[:3] == ["line 0", "line 1", "line 2"]
    assert set(words[3:]) == {"on standard output�", "on standard error"}
    assert job["metrics"] == [
        {"key": "accuracy", "last_step": 2, "last_value": 0.25, "last_nonfinite": "", "written": 1},
        {"key": "loss", "last_step": 2, "last_value": None, "last_nonfinite": "nan", "written": 2},
    ]


def test_a_flood_of_lines_is_thinned_and_says_so_where_it_happened(fleet: Fleet, worker: WorkerProcess) -> None:
    job = fleet.wait_for(fleet.enqueue("chat", {"lines": 30_000}), "completed")
    assert len(job["events"]) < 25_000
    assert any("left out here" in event["payload"].get("message", "") for event in job["events"])
    assert [event["payload"].get("message") for event in job["events"][2:6]] == [f"line {n}" for n in range(4)]
    assert len(job["metrics"]) == 2  # what counts came through


def test_time_and_memory_of_all_its_processes_are_measured(fleet: Fleet, worker: WorkerProcess) -> None:
    [attempt] = fleet.wait_for(fleet.enqueue("burn", {"seconds": 0.3}), "completed")["attempts"]
    assert 0.6 <= attempt["cpu_seconds"] < 3.0
    [attempt] = fleet.wait_for(fleet.enqueue("hoard", {"mb": 150}), "completed")["attempts"]
    assert 150 <= attempt["peak_memory_mb"] <= 250


# --- how it ends ----------------------------------------------------------------------------------------------------


def test_work_that_raises_fails_at_once_with_its_trace(fleet: Fleet, worker: WorkerProcess) -> None:
    job_id = fleet.enqueue("fail")
    job = fleet.wait_for(job_id, "failed")
    assert (job["error_code"], job["error_message"], job["attempt"]) == ("ValueError", "no such colour", 1)
    assert "entries.py" in job["attempts"][0]["stack_trace"]
    assert fleet.ask("system_events", job_id=job_id) == 1


def test_an_error_that_may_pass_is_tried_again(fleet: Fleet, worker: WorkerProcess) -> None:
    job = fleet.wait_for(fleet.enqueue("fail", {"retryable": True}, max_attempts=2), "failed")
    assert (job["error_code"], job["attempt"]) == ("Busy", 2)


def test_work_that_kills_itself_is_quarantined_after_three_times(fleet: Fleet, worker: WorkerProcess) -> None:
    job_id = fleet.enqueue("die", max_attempts=9)
    job = fleet.wait_for(job_id, "failed")
    assert (job["error_code"], job["attempt"]) == ("quarantined", 3)
    assert "SIGKILL" in job["error_message"]
    assert job["attempts"][0]["stack_trace"] == "last words"
    assert fleet.ask("system_events", job_id=job_id) == 1


@pytest.mark.parametrize(
    ("kind", "payload", "code"),
    [("hoard", {"mb": 900}, "out_of_memory"), ("unwritable", {}, "ValueError"), ("leave", {}, "exited")],
)
def test_other_ways_to_fail_have_names(
    fleet: Fleet, worker: WorkerProcess, kind: str, payload: dict[str, Any], code: str
) -> None:
    assert fleet.wait_for(fleet.enqueue(kind, payload, max_attempts=1), "failed")["error_code"] == code


def test_a_running_job_is_cancelled_and_its_process_gone(fleet: Fleet, worker: WorkerProcess, gate: Gate) -> None:
    job_id = fleet.enqueue("nap", gate.waits)
    child = worker.child()
    fleet.ask("act", name="cancel", job_id=job_id)
    job = fleet.wait_for(job_id, "cancelled")
    assert not child.is_running()
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["cancelled"]


def test_a_running_job_pauses_and_starts_afresh_when_resumed(fleet: Fleet, worker: WorkerProcess, gate: Gate) -> None:
    job_id = fleet.enqueue("nap", gate.waits)
    fleet.wait_for(job_id, "running")
    fleet.ask("act", name="pause", job_id=job_id)
    fleet.wait_for(job_id, "paused")
    gate.open()
    fleet.ask("act", name="resume", job_id=job_id)
    job = fleet.wait_for(job_id, "completed")
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["paused", "completed"]


@pytest.mark.parametrize("how", ["timeout", "deadline"])
def test_time_runs_out(fleet: Fleet, worker: WorkerProcess, gate: Gate, how: str) -> None:
    if how == "timeout":
        job_id = fleet.enqueue("nap", gate.waits, timeout_seconds=0.3)
    else:
        job_id = fleet.enqueue("nap", gate.waits)
        worker.child()
        fleet.ask("let_it_be_late", job_id=job_id)
    job = fleet.wait_for(job_id, "timeout")
    assert (job["error_code"], job["attempt"]) == (how, 1)


def test_what_a_job_started_ends_with_it(fleet: Fleet, worker: WorkerProcess) -> None:
    fleet.wait_for(fleet.enqueue("spawn", {"mark": "leftover-1"}), "completed")
    until(lambda: not processes_marked("leftover-1"))


# --- what survives whom ---------------------------------------------------------------------------------------------


def test_a_killed_child_is_tried_again(fleet: Fleet, worker: WorkerProcess, gate: Gate) -> None:
    job_id = fleet.enqueue("nap", gate.waits)
    worker.child().kill()
    gate.open()
    job = fleet.wait_for(job_id, "completed")
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["lost", "completed"]


def test_a_killed_fork_server_is_replaced_and_leaves_nothing(fleet: Fleet, worker: WorkerProcess, gate: Gate) -> None:
    job_id = fleet.enqueue("spawn", {"mark": "leftover-2", **gate.waits})
    until(lambda: len(processes_marked("leftover-2")) == 4)
    child = worker.child()
    server = child.parent()
    assert server is not None
    server.kill()
    until(lambda: not child.is_running() and not server.is_running())
    gate.open()
    job = fleet.wait_for(job_id, "completed")
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["lost", "completed"]
    until(lambda: not processes_marked("leftover-2"))
    until(lambda: all(alive(process) for process in worker.family()))  # no zombies either


def test_a_worker_told_to_stop_gives_its_jobs_back(fleet: Fleet, worker: WorkerProcess, gate: Gate) -> None:
    name = worker.name
    job_id = fleet.enqueue("nap", gate.waits, max_attempts=1)
    fleet.wait_for(job_id, "running")
    worker.signal(signal.SIGTERM)
    fleet.wait_for(job_id, "queued")
    worker.process.wait(timeout=PATIENCE)
    assert name not in fleet.ask("workers")
    gate.open()
    fleet.worker()
    job = fleet.wait_for(job_id, "completed")
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["paused", "completed"]


def test_a_killed_worker_leaves_no_process_and_its_job_to_another(
    fleet: Fleet, worker: WorkerProcess, gate: Gate
) -> None:
    other = fleet.worker()
    job_id = fleet.enqueue("spawn", {"mark": "leftover-3", **gate.waits})
    until(lambda: len(processes_marked("leftover-3")) == 4)
    victim, heir = (worker, other) if worker.children() else (other, worker)
    family = victim.family()
    victim.signal(signal.SIGKILL)
    until(lambda: not any(alive(process) for process in family))
    gate.open()
    job = fleet.wait_for(job_id, "completed")
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["lost", "completed"]
    assert heir.process.poll() is None
    until(lambda: not processes_marked("leftover-3"))


def test_a_worker_stopped_beyond_its_lease_cannot_write_when_it_returns(fleet: Fleet, gate: Gate) -> None:
    fleet.end_workers()
    worker = fleet.worker()
    job_id = fleet.enqueue("nap", gate.waits)
    worker.child()
    worker.signal(signal.SIGSTOP)
    gate.open()
    other = fleet.worker()
    job = fleet.wait_for(job_id, "completed")
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["lost", "completed"]
    worker.signal(signal.SIGCONT)
    until(lambda: "fenced" in worker.log.read_text())
    assert fleet.ask("job", job_id=job_id) == job
    assert other.process.poll() is None


def test_rings_do_not_pile_up_in_the_broker(fleet: Fleet) -> None:
    fleet.end_workers()
    fleet.ask("enqueue_each_rung", kind="noop", count=60)
    messages = fleet.folder / "broker" / "messages"
    if messages.exists():
        assert len(list(messages.iterdir())) <= 40
    ids = fleet.ask("enqueue", kind="noop", count=40)
    fleet.worker()
    until(lambda: set(fleet.ask("statuses", job_ids=ids)) == {"completed"})
