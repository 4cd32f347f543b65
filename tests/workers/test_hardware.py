"""A runner says what its work needs of the hardware, and its work gets that and no more."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from apps.core.models import Job
from tests.workers.fleet import Fleet, WorkerProcess
from workers import hardware
from workers.execution import Execution
from workers.forkserver import Child, ForkServerClient
from workers.runners import ChildTask, Runner


def prepare(job: Any) -> ChildTask:
    return ChildTask("x:y")


# --- what a runner may say ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("needs", "complaint"),
    [
        ({"fresh": True, "warm": ("numpy",)}, "nothing warm"),
        ({"threads": 4}, "only in a fresh interpreter"),
        ({"threads": 0, "fresh": True}, "at least 1"),
        ({"per_host": 0}, "per_host"),
    ],
)
def test_needs_that_cannot_be_met_are_refused(needs: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Runner("chore", prepare=prepare, **needs)


# --- accelerators ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "usable"),
    [("0,1", ("0", "1")), ("3", ("3",)), ("", ()), ("-1", ()), ("0,-1,2", ("0",)), ("GPU-5f2a", ("GPU-5f2a",))],
)
def test_the_devices_of_a_worker_are_those_its_environment_lets_it_see(given: str, usable: tuple[str, ...]) -> None:
    assert hardware.devices({"CUDA_VISIBLE_DEVICES": given}) == usable


def test_a_device_gets_a_second_job_only_when_every_other_has_one(tmp_path: Path) -> None:
    places = hardware.Places(tmp_path, limit=3, known=("0", "1"))
    others = hardware.Places(tmp_path, limit=3, known=("0", "1"))  # of another worker of this machine
    first, second, third = places.take(), others.take(), places.take()
    assert first is not None
    assert second is not None
    assert third is not None
    assert [first.device, second.device, third.device] == ["0", "1", "0"]
    assert others.take() is None
    second.give_back()
    again = places.take()
    assert again is not None
    assert again.device == "1"


def test_without_a_device_there_are_places_all_the_same(tmp_path: Path) -> None:
    places = hardware.Places(tmp_path, limit=1, known=())
    place = places.take()
    assert place is not None
    assert place.variables()["CUDA_VISIBLE_DEVICES"] == ""
    assert places.take() is None


class NoDriver(Exception):
    pass


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A driver with two devices, on which processes 10 and 11 run."""
    holds = {
        "0": [SimpleNamespace(pid=10, usedGpuMemory=300 * 2**20), SimpleNamespace(pid=99, usedGpuMemory=2**30)],
        "GPU-b": [SimpleNamespace(pid=11, usedGpuMemory=None)],
    }
    fake = SimpleNamespace(
        NVMLError=NoDriver,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda index: str(index),
        nvmlDeviceGetHandleByUUID=lambda name: name,
        nvmlDeviceGetComputeRunningProcesses=lambda handle: holds[handle],
    )
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    return fake


def test_the_memory_of_a_device_is_that_of_the_jobs_own_processes(driver: Any) -> None:
    meter = hardware.Meter()
    assert meter.memory_mb("0", [10, 11, 12]) == 300.0
    assert meter.memory_mb("0", [12]) == 0.0
    assert meter.memory_mb("GPU-b", [11]) is None  # this driver does not say
    assert meter.memory_mb("", [10]) is None


def test_a_driver_that_fails_measures_nothing_and_harms_nobody(driver: Any) -> None:
    def fail(*_: Any) -> None:
        raise NoDriver("lost")

    driver.nvmlDeviceGetComputeRunningProcesses = fail
    assert hardware.Meter().memory_mb("0", [10]) is None
    driver.nvmlInit = fail
    assert hardware.Meter().memory_mb("0", [10]) is None


# --- what jobs get --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A database, a broker, and no worker yet."""
    made = Fleet(tmp_path_factory.mktemp("fleet"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def worker(fleet: Fleet) -> WorkerProcess:
    """A worker that sees two devices, and may use both."""
    return fleet.worker(
        queues="cpu,gpu,agents",
        environment={"CUDA_VISIBLE_DEVICES": "4,6", "TERRARIUM_MAX_CONCURRENT_JOBS": "2"},
    )


def environment(fleet: Fleet, kind: str) -> dict[str, str | None]:
    return fleet.result(fleet.enqueue(kind))["environment"]  # type: ignore[no-any-return]


def test_threads_are_set_before_anything_is_loaded(fleet: Fleet, worker: WorkerProcess) -> None:
    warm, fresh = environment(fleet, "warmed"), environment(fleet, "fresh")
    assert (warm["OMP_NUM_THREADS"], warm["NUMBA_NUM_THREADS"]) == ("1", "1")
    assert (fresh["OMP_NUM_THREADS"], fresh["NUMBA_NUM_THREADS"]) == ("3", "3")
    assert (fresh["OMP_WAIT_POLICY"], fresh["GOMP_SPINCOUNT"]) == ("passive", "0")


def test_work_sees_an_accelerator_only_if_it_asked_for_one(fleet: Fleet, worker: WorkerProcess) -> None:
    assert environment(fleet, "warmed")["CUDA_VISIBLE_DEVICES"] == ""
    assert environment(fleet, "tuned")["CUDA_VISIBLE_DEVICES"] == "4"


def test_jobs_at_the_same_time_have_a_device_each_and_no_more_run_than_may(fleet: Fleet, worker: WorkerProcess) -> None:
    ids = [fleet.enqueue("tuned", {"wait_for": str(fleet.folder / "tuned-may-end")}) for _ in range(3)]
    fleet.wait_for(ids[0], "running")
    fleet.wait_for(ids[1], "running")
    other = fleet.worker(
        queues="gpu", environment={"CUDA_VISIBLE_DEVICES": "4,6", "TERRARIUM_MAX_CONCURRENT_JOBS": "2"}
    )
    fleet.result(fleet.enqueue("nap", queue="gpu"))  # claimed by either, while the third tuned one is passed over
    assert fleet.status(ids[2]) == "queued"
    (fleet.folder / "tuned-may-end").touch()
    seen = [fleet.result(job_id)["environment"]["CUDA_VISIBLE_DEVICES"] for job_id in ids]
    assert sorted(seen[:2]) == ["4", "6"]
    assert other.process.poll() is None


def test_a_kind_runs_only_so_often_on_one_machine_and_more_often_on_two(fleet: Fleet, worker: WorkerProcess) -> None:
    gate = str(fleet.folder / "alone-may-end")
    ids = [fleet.enqueue("alone", {"wait_for": gate}) for _ in range(2)]
    fleet.wait_for(ids[0], "running")
    fleet.result(fleet.enqueue("nap", queue="agents"))  # behind them in the queue, and done while the second waits
    assert fleet.status(ids[1]) == "queued"
    fleet.worker(queues="agents", host="elsewhere")
    fleet.wait_for(ids[1], "running")
    (fleet.folder / "alone-may-end").touch()
    hosts = [fleet.wait_for(job_id, "completed")["attempts"][-1]["host"] for job_id in ids]
    assert len(set(hosts)) == 2
    assert "elsewhere" in hosts


def test_what_a_job_held_of_its_device_at_most_is_in_its_usage(driver: Any) -> None:
    runner = Runner("tuned", prepare=prepare, device="gpu", memory_mb=0)
    execution = Execution(
        Job(job_id="job_1", kind="tuned", attempt=1),
        runner=runner,
        server=ForkServerClient(),
        ended=lambda execution, verdict: None,
        place=hardware.Place("0", -1),
        meter=hardware.Meter(),
    )
    assert execution.measure().gpu_memory_mb is None  # nothing runs yet
    execution._child = Child(number=1, report=-1, output=-1, asks=-1, pid=os.getpid())
    held = [SimpleNamespace(pid=os.getpid(), usedGpuMemory=mb * 2**20) for mb in (500, 200)]
    for one in held:
        driver.nvmlDeviceGetComputeRunningProcesses = lambda handle, one=one: [one]
        used = execution.measure()
    assert used.gpu_memory_mb == 500.0
