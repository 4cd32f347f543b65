"""A model is trained by a real worker: its process has the threads it may, and being killed changes nothing of the curve."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.workers.fleet import Fleet, WorkerProcess, alive, until

pytestmark = pytest.mark.slow
LOADING = 300.0
"""Seconds that torch and transformers may take to load on a busy machine."""
EXACT = {"train_loss", "eval_loss", "learning_rate", "grad_norm", "tokens_seen"}
REQUEST: dict[str, Any] = {
    "base_model": "llama-200k",
    "hyperparameters": {
        "num_epochs": 10, "batch_size": 2, "gradient_accumulation_steps": 1, "max_seq_length": 128, "warmup_steps": 3,
        "optimizer": "adamw", "logging_steps": 3, "save_steps": 4, "eval_steps": 10, "save_total_limit": 2,
    },
    "options": {"samples": 1, "sample_tokens": 2},
}  # fmt: skip


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A database, a broker, and a worker for what needs a GPU where there is one."""
    made = Fleet(tmp_path_factory.mktemp("fleet"))
    made.worker(queues="gpu", concurrency=1, program=("manage.py", "worker"))
    yield made
    made.close()


def ended(fleet: Fleet, training_id: str) -> dict[str, Any]:
    """The run, once it has completed."""

    def over() -> dict[str, Any]:
        run: dict[str, Any] = fleet.ask("training", training_id=training_id)
        return run if run["status"] not in {"queued", "running"} else {}

    run = until(over, seconds=LOADING, every=0.5)
    assert run["status"] == "completed", run["error"]
    return run


def exact(run: dict[str, Any]) -> list[Any]:
    """The points that do not tell of the machine."""
    return [point for point in run["points"] if point[0] in EXACT]


def variables(process: psutil.Process) -> dict[str, str]:
    """The environment of a process."""
    text = Path(f"/proc/{process.pid}/environ").read_text()
    return dict(part.split("=", 1) for part in text.split("\0") if "=" in part)


def training_process(worker: WorkerProcess) -> psutil.Process:
    def found() -> psutil.Process | None:
        return next((one for one in worker.children() if alive(one) and "--perform" in one.cmdline()), None)

    process = until(found)
    assert process is not None
    return process


def test_a_run_killed_between_checkpoints_ends_with_the_same_curve_and_a_model(fleet: Fleet) -> None:
    [worker] = fleet.workers
    undisturbed_id, _ = fleet.ask("train", name="undisturbed", request=REQUEST)
    child = training_process(worker)
    told = variables(child)
    assert (told["OMP_NUM_THREADS"], told["OMP_WAIT_POLICY"]) == ("1", "passive")
    undisturbed = ended(fleet, undisturbed_id)
    assert (undisturbed["total_steps"], undisturbed["checkpoints"][-1]) == (40, 40)
    assert undisturbed["result"]
    assert len(undisturbed["checkpoints"]) <= 3, "kept to the limit, beside the best"

    killed_id, _ = fleet.ask("train", name="killed", request=REQUEST)
    until(lambda: fleet.ask("training", training_id=killed_id)["checkpoints"], seconds=LOADING, every=0.1)
    os.kill(training_process(worker).pid, signal.SIGKILL)
    killed = ended(fleet, killed_id)
    assert exact(killed) == exact(undisturbed)
    assert killed["checkpoints"][-1] == 40
    assert not list((fleet.folder / "training").glob("*/*")), "nothing is left beside the store"
