"""Work of hours, in seconds: checkpoints, pause, another machine, five kills, an early end, metrics without a gap."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workers.fleet import Fleet, WorkerProcess, until


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A database, a broker, and no worker yet."""
    made = Fleet(tmp_path_factory.mktemp("fleet"))
    yield made
    made.close()


@pytest.fixture
def worker(fleet: Fleet) -> WorkerProcess:
    """A worker of the machine `alpha`."""
    for running in fleet.workers:
        if running.process.poll() is None:
            return running
    return fleet.worker(host="alpha")


class Training:
    """A job that learns as far as it is let."""

    def __init__(self, fleet: Fleet, folder: Path, *, steps: int = 60, every: int = 10, **options: Any) -> None:
        self.fleet, self.steps, self._lab = fleet, steps, folder
        self.let(0)
        payload = {"lab": str(folder), "steps": steps, "every": every}
        self.job_id = fleet.enqueue("lasting", payload, **options)

    def let(self, step: int) -> None:
        """Let it go on up to this step."""
        (self._lab / "next").write_text(str(step))
        os.replace(self._lab / "next", self._lab / "step")

    def job(self) -> dict[str, Any]:
        """The job as it stands."""
        return self.fleet.ask("job", job_id=self.job_id)  # type: ignore[no-any-return]

    def learns(self, step: int) -> None:
        """Let it go on to this step, and see that it got there."""
        self.let(step)
        until(lambda: self.learnt() and self.learnt()[-1] == step)

    def learnt(self) -> list[int]:
        """The steps of its curve, in order."""
        return self.job()["steps"]  # type: ignore[no-any-return]

    def said(self) -> int:
        """How many steps it has reported, one that it learnt again counted again."""
        return sum(metric["written"] for metric in self.job()["metrics"])

    def checkpoint(self) -> dict[str, Any]:
        """Its last checkpoint; empty when there is none."""
        return self.job()["checkpoint"] or {}

    def act(self, name: str) -> None:
        """Do something to it, as a person would."""
        self.fleet.ask("act", name=name, job_id=self.job_id)

    def ends_well(self) -> dict[str, Any]:
        """Let it learn to the end; its result, which must be that of every step once."""
        self.let(self.steps)
        result = self.fleet.result(self.job_id)
        assert result["learnt"] == sum(step * step for step in range(1, result["steps"] + 1))
        return result


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """The folder through which a training is led."""
    return tmp_path


def test_it_keeps_checkpoints_and_hears_that_they_are_kept(fleet: Fleet, worker: WorkerProcess, lab: Path) -> None:
    training = Training(fleet, lab)
    training.learns(10)
    until(lambda: training.checkpoint().get("step") == 10)
    assert training.job()["progress"] == pytest.approx(1 / 6)
    result = training.ends_well()
    assert (result["began"], result["steps"], result["kept"]) == (0, 60, 6)
    assert training.learnt() == list(range(1, 61))


def test_a_pause_keeps_what_was_learnt_and_another_machine_goes_on_with_it(
    fleet: Fleet, worker: WorkerProcess, lab: Path
) -> None:
    training = Training(fleet, lab)
    training.learns(17)
    training.act("pause")
    job = fleet.wait_for(training.job_id, "paused")
    assert (job["checkpoint"]["step"], job["checkpoint"]["note"]) == (17, "asked to pause")
    worker.ask_to_end()
    worker.wait()
    fleet.worker(host="beta")
    training.act("resume")
    until(lambda: training.job()["status"] == "running")
    assert training.job()["progress"] == pytest.approx(17 / 60)  # not from nothing again
    assert training.ends_well()["began"] == 17
    assert training.learnt() == list(range(1, 61))  # none missing
    assert training.said() == 60  # each once
    job = training.job()
    assert [attempt["host"] for attempt in job["attempts"]] == ["alpha", "beta"]
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["paused", "completed"]


def test_a_pause_taken_back_in_time_stops_nothing(fleet: Fleet, worker: WorkerProcess) -> None:
    job_id = fleet.enqueue("hesitant")
    until(lambda: "ready" in said(fleet, job_id))
    fleet.ask("act", name="pause", job_id=job_id)
    until(lambda: "asked: pause" in said(fleet, job_id))
    fleet.ask("act", name="resume", job_id=job_id)
    job = fleet.wait_for(job_id, "completed")
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["completed"]


def test_five_kills_do_not_quarantine_what_goes_on_between_them(fleet: Fleet, worker: WorkerProcess, lab: Path) -> None:
    training = Training(fleet, lab)
    for kill in range(1, 6):
        training.learns(kill * 10 + 3)
        until(lambda kill=kill: training.checkpoint().get("step") == kill * 10)  # type: ignore[misc]
        worker.child().kill()
        until(lambda kill=kill: training.job()["attempt"] == kill + 1)  # type: ignore[misc]
        assert training.job()["kills"] == 1
    assert training.ends_well()["began"] == 50
    assert [attempt["outcome"] for attempt in training.job()["attempts"]] == ["lost"] * 5 + ["completed"]
    assert training.learnt() == list(range(1, 61))  # no gap
    assert 60 < training.said() <= 60 + 5 * 9  # what followed the last checkpoint was learnt again, and no more


def test_asked_to_end_early_it_completes_with_what_it_has(fleet: Fleet, worker: WorkerProcess, lab: Path) -> None:
    training = Training(fleet, lab)
    training.learns(23)
    training.act("stop_early")
    result = fleet.result(training.job_id)
    assert (result["early"], result["steps"], result["learnt"]) == (True, 23, sum(n * n for n in range(24)))


def test_a_worker_that_stops_lets_work_keep_what_it_has(fleet: Fleet, worker: WorkerProcess, lab: Path) -> None:
    training = Training(fleet, lab, max_attempts=1)
    training.learns(7)
    worker.signal(signal.SIGTERM)
    job = fleet.wait_for(training.job_id, "queued")
    assert (job["checkpoint"]["step"], job["checkpoint"]["note"]) == (7, "asked to release")
    worker.wait()
    fleet.worker(host="beta")
    assert training.ends_well()["began"] == 7


def test_a_cancelled_training_keeps_its_last_checkpoint(fleet: Fleet, worker: WorkerProcess, lab: Path) -> None:
    training = Training(fleet, lab)
    training.learns(5)
    training.act("cancel")
    job = fleet.wait_for(training.job_id, "cancelled")
    assert job["checkpoint"]["step"] == 5


def test_work_whose_time_is_over_may_keep_what_it_has(fleet: Fleet, worker: WorkerProcess, lab: Path) -> None:
    training = Training(fleet, lab, timeout_seconds=0.2)
    job = fleet.wait_for(training.job_id, "timeout")
    assert job["checkpoint"]["note"] == "asked to timeout"


def test_work_that_does_not_end_when_asked_is_killed_after_its_grace(fleet: Fleet, worker: WorkerProcess) -> None:
    job_id = fleet.enqueue("stubborn")
    until(lambda: "ready" in said(fleet, job_id))
    fleet.ask("act", name="cancel", job_id=job_id)
    fleet.wait_for(job_id, "cancelled")
    assert "asked to cancel; no" in said(fleet, job_id)
    job_id = fleet.enqueue("stubborn")
    until(lambda: "ready" in said(fleet, job_id))
    fleet.ask("act", name="stop_early", job_id=job_id)
    job = fleet.wait_for(job_id, "failed")
    assert job["error_code"] == "stop_early"


def test_work_that_cannot_end_early_says_so_and_goes_on(fleet: Fleet, worker: WorkerProcess, lab: Path) -> None:
    job_id = fleet.enqueue("nap", {"wait_for": str(lab / "enough")})
    fleet.wait_for(job_id, "running")
    fleet.ask("act", name="stop_early", job_id=job_id)
    until(lambda: any("cannot" in line for line in said(fleet, job_id)))
    (lab / "enough").touch()
    fleet.wait_for(job_id, "completed")
    assert sum("cannot" in line for line in said(fleet, job_id)) == 1


def test_a_checkpoint_that_makes_no_sense_is_refused_to_the_work(fleet: Fleet, worker: WorkerProcess) -> None:
    job = fleet.wait_for(fleet.enqueue("careless"), "failed")
    assert job["error_code"] == "checkpoint_refused"
    assert "artefact" in job["error_message"]
    assert job["checkpoint"] is None


def test_work_that_stops_unasked_has_failed(fleet: Fleet, worker: WorkerProcess) -> None:
    job = fleet.wait_for(fleet.enqueue("quitter", max_attempts=1), "failed")
    assert job["error_code"] == "stopped_unasked"


def test_ten_thousand_metrics_at_once_are_all_there(fleet: Fleet, worker: WorkerProcess) -> None:
    job = fleet.wait_for(fleet.enqueue("count", {"reports": 10_000}), "completed")
    assert job["steps"] == list(range(10_000))
    assert [metric["written"] for metric in job["metrics"]] == [10_000]


def said(fleet: Fleet, job_id: str) -> list[str]:
    """Its lines of log."""
    return [
        event["payload"]["message"] for event in fleet.ask("job", job_id=job_id)["events"] if event["type"] == "log"
    ]
