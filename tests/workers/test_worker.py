"""Real worker processes: what a job gets, how it ends, and what survives whom."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

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


def statuses_of(job: dict[str, Any]) -> list[str]:
    return [event["payload"]["new_status"] for event in job["events"] if event["type"] == "status_change"]


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


def test_a_ring_starts_a_job_at_once(fleet: Fleet, worker: WorkerProcess) -> None:
    fleet.result(fleet.enqueue("nap"))
    began = time.monotonic()
    fleet.wait_for(fleet.enqueue("noop"), "completed")
    assert time.monotonic() - began < 0.9  # sooner than a worker would look by itself


def test_work_put_in_just_after_a_ring_does_not_wait_for_the_next_look(fleet: Fleet, worker: WorkerProcess) -> None:
    fleet.result(fleet.enqueue("nap"))
    waits = [fleet.ask("enqueue_close_together", kind="noop", gap=gap) for gap in (0.04, 0.035, 0.03, 0.025, 0.02)]
    assert statistics.median(waits) < 0.4


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
    job = fleet.wait_for(fleet.enqueue("chat", {"lines": 30_000}), "completed", seconds=120)
    assert len(job["events"]) < 25_000
    assert any("left out here" in event["payload"].get("message", "") for event in job["events"])
    assert [event["payload"].get("message") for event in job["events"][2:6]] == [f"line {n}" for n in range(4)]
    assert len(job["metrics"]) == 2  # what counts came through


def test_time_and_memory_of_all_its_processes_are_measured(fleet: Fleet, worker: WorkerProcess) -> None:
    [attempt] = fleet.wait_for(fleet.enqueue("burn", {"seconds": 0.3}), "completed")["attempts"]
    assert 0.6 <= attempt["cpu_seconds"] <= 1.5
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


def test_a_running_job_is_cancelled_within_two_seconds(fleet: Fleet, worker: WorkerProcess) -> None:
    job_id = fleet.enqueue("nap", {"seconds": 60})
    fleet.wait_for(job_id, "running")
    child = worker.child()
    began = time.monotonic()
    fleet.ask("act", name="cancel", job_id=job_id)
    job = fleet.wait_for(job_id, "cancelled")
    assert time.monotonic() - began < 2.0
    assert not child.is_running()
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["cancelled"]


def test_a_running_job_pauses_and_starts_afresh_when_resumed(fleet: Fleet, worker: WorkerProcess) -> None:
    job_id = fleet.enqueue("nap", {"seconds": 1.5})
    fleet.wait_for(job_id, "running")
    fleet.ask("act", name="pause", job_id=job_id)
    fleet.wait_for(job_id, "paused")
    fleet.ask("act", name="resume", job_id=job_id)
    job = fleet.wait_for(job_id, "completed")
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["paused", "completed"]


@pytest.mark.parametrize("how", ["timeout", "deadline"])
def test_time_runs_out(fleet: Fleet, worker: WorkerProcess, how: str) -> None:
    if how == "timeout":
        job_id = fleet.enqueue("nap", {"seconds": 60}, timeout_seconds=0.3)
    else:
        job_id = fleet.ask("enqueue_with_deadline", kind="nap", payload={"seconds": 60}, seconds=0.7)
    job = fleet.wait_for(job_id, "timeout", seconds=5)
    assert (job["error_code"], job["attempt"]) == (how, 1)


def test_what_a_job_started_ends_with_it(fleet: Fleet, worker: WorkerProcess) -> None:
    fleet.wait_for(fleet.enqueue("spawn", {"mark": "leftover-1", "seconds": 0.5}), "completed")
    until(lambda: not processes_marked("leftover-1"), seconds=3)


# --- what survives whom ---------------------------------------------------------------------------------------------


def test_a_killed_child_is_tried_again(fleet: Fleet, worker: WorkerProcess) -> None:
    job_id = fleet.enqueue("nap", {"seconds": 1.0})
    fleet.wait_for(job_id, "running")
    worker.child().kill()
    job = fleet.wait_for(job_id, "completed")
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["lost", "completed"]


def test_a_killed_fork_server_is_replaced_and_leaves_nothing(fleet: Fleet, worker: WorkerProcess) -> None:
    job_id = fleet.enqueue("spawn", {"mark": "leftover-2", "seconds": 2.0})
    until(lambda: len(processes_marked("leftover-2")) == 4)
    child = worker.child()
    server = child.parent()
    assert server is not None
    server.kill()
    until(lambda: not child.is_running() and not server.is_running(), seconds=2)
    job = fleet.wait_for(job_id, "completed")
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["lost", "completed"]
    until(lambda: not processes_marked("leftover-2"), seconds=3)
    assert all(alive(process) for process in worker.family())  # no zombies either


def test_a_worker_told_to_stop_gives_its_jobs_back(fleet: Fleet, worker: WorkerProcess) -> None:
    name = worker.name
    job_id = fleet.enqueue("nap", {"seconds": 1.0}, max_attempts=1)
    fleet.wait_for(job_id, "running")
    began = time.monotonic()
    worker.signal(signal.SIGTERM)
    fleet.wait_for(job_id, "queued", seconds=3)
    worker.process.wait(timeout=8)
    assert time.monotonic() - began < 6
    assert name not in fleet.ask("workers")
    fleet.worker()
    job = fleet.wait_for(job_id, "completed")
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["paused", "completed"]


def test_a_killed_worker_leaves_no_process_and_its_job_to_another(fleet: Fleet, worker: WorkerProcess) -> None:
    other = fleet.worker()
    job_id = fleet.enqueue("spawn", {"mark": "leftover-3", "seconds": 1.0})
    until(lambda: len(processes_marked("leftover-3")) == 4)
    family = worker.family() if running_job_is_with(worker) else other.family()
    victim, heir = (worker, other) if running_job_is_with(worker) else (other, worker)
    began = time.monotonic()
    victim.signal(signal.SIGKILL)
    until(lambda: not any(alive(process) for process in family), seconds=2)
    job = fleet.wait_for(job_id, "completed")
    took = time.monotonic() - began
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["lost", "completed"]
    assert took < fleet.lease + 3 + 1.5  # and the second that it runs
    assert heir.process.poll() is None
    until(lambda: not processes_marked("leftover-3"), seconds=3)


def running_job_is_with(worker: WorkerProcess) -> bool:
    return bool(worker.children())


def test_a_worker_stopped_beyond_its_lease_cannot_write_when_it_returns(fleet: Fleet) -> None:
    fleet.end_workers()
    worker = fleet.worker()
    job_id = fleet.enqueue("nap", {"seconds": 0.8})
    fleet.wait_for(job_id, "running")
    worker.signal(signal.SIGSTOP)
    other = fleet.worker()
    job = fleet.wait_for(job_id, "completed", seconds=fleet.lease + 8)
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["lost", "completed"]
    worker.signal(signal.SIGCONT)
    until(lambda: "fenced" in worker.log.read_text(), seconds=5)
    assert fleet.ask("job", job_id=job_id) == job
    assert other.process.poll() is None


def test_rings_do_not_pile_up_in_the_broker(fleet: Fleet) -> None:
    fleet.end_workers()
    for _ in range(60):
        fleet.enqueue("noop")
        time.sleep(0.06)
    messages = fleet.folder / "broker" / "messages"
    if messages.exists():
        assert len(list(messages.iterdir())) <= 40
    ids = fleet.ask("enqueue", kind="noop", count=40)
    fleet.worker()
    until(lambda: set(fleet.ask("statuses", job_ids=ids)) == {"completed"})
