"""People, tasks and experiments for these tests; and a worker that does what it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from apps.core.jobs.lease import claim
from apps.core.jobs.reports import Usage
from apps.core.jobs.settle import settle
from apps.core.jobs.verdict import Outcome, Verdict
from apps.core.models import Job, JobStatus, Role, User
from apps.experiments.documents import ExperimentSpec
from apps.experiments.engine import registry
from apps.experiments.models import Experiment, Solve
from apps.experiments.replayer import REPLAYER
from apps.experiments.services import experiment_create, experiment_start
from apps.tasks.content import content_columns, task_data
from apps.tasks.criteria import TaskCriteria
from apps.tasks.models import ArcTask
from tests.apps.conftest import person
from tests.patience import PATIENCE

GRID = [[1, 0], [0, 1]]
OTHER = [[2, 2], [2, 2]]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REPLAYER, "seconds", PATIENCE)


@pytest.fixture(autouse=True)
def _strategies() -> Iterator[None]:
    """Only the test strategies exist."""
    kept = dict(registry._PATHS)
    registry._PATHS.clear()
    registry._loaded.clear()
    registry.register("echo", "tests.apps.experiments.strategies:Echo")
    registry.register("other", "tests.apps.experiments.strategies:Other")
    yield
    registry._PATHS.clear()
    registry._PATHS.update(kept)
    registry._loaded.clear()


@pytest.fixture
def admin(db: None) -> User:
    """May do everything."""
    return person("boss", Role.ADMIN)


def make_task(raw_id: str, *, tests: list[Any] | None = None, dataset: str = "lab") -> ArcTask:
    """A small task: by default one test whose truth is its input."""
    pairs = tests or [{"input": GRID, "output": GRID}]
    train = [{"input": GRID, "output": GRID}, {"input": OTHER, "output": OTHER}]
    data = task_data(raw_id, train, [{k: v for k, v in pair.items() if v is not None} for pair in pairs])
    return ArcTask.objects.create(
        task_id=f"{dataset}:{raw_id}", raw_id=raw_id, dataset=dataset, **content_columns(data)
    )


@pytest.fixture
def tasks(db: None) -> list[ArcTask]:
    """Three tasks: one test right to echo, one of two, none."""
    two = [{"input": GRID, "output": GRID}, {"input": OTHER, "output": GRID}]
    wrong = [{"input": GRID, "output": OTHER}]
    return [make_task("a"), make_task("b", tests=two), make_task("c", tests=wrong)]


def spec(**changes: Any) -> ExperimentSpec:
    """A valid spec over the dataset `lab`."""
    values: dict[str, Any] = {
        "name": "Trial",
        "strategy_configs": {"echo": {}},
        "task_selection_criteria": TaskCriteria(datasets=["lab"]),
        "seconds_per_task": 1.0,
        **changes,
    }
    return ExperimentSpec(**values)


@pytest.fixture
def make(owner: User) -> Callable[..., Experiment]:
    """Make an experiment, and start it unless told otherwise."""

    def build(*, start: bool = True, by: User | None = None, **changes: Any) -> Experiment:
        made = experiment_create(spec=spec(**changes), by=by or owner)
        if start:
            experiment_start(experiment=made, by=by or owner)
        made.refresh_from_db()
        return made

    return build


def answer_of(solve: Solve) -> dict[str, Any]:
    """What echo's solving process would return."""
    return {
        "predictions": [
            [{"grid": pair["input"], "confidence": 0.5, "program": "return grid", "program_data": {"kind": "echo"}}]
            for pair in solve.task.tests
        ],
        "strategy_version": "1.2",
        "steps_used": 7,
    }


WORKER = "tests"
LEASE_SECONDS = 600.0


def begin(solve: Solve) -> Job:
    """Let a worker claim the job of this cell, before all others in the queue."""
    Job.objects.filter(pk=solve.job_id, status=JobStatus.QUEUED).update(fair_tag=-1.0)
    (job,) = claim(queue="cpu", worker=WORKER, host=WORKER, lease_seconds=LEASE_SECONDS, limit=1)
    assert job.pk == solve.job_id
    return job


def end(solve: Solve, outcome: Outcome = "completed", *, cpu: float = 2.0, **more: Any) -> Job:
    """Have a worker execute the job of this cell to its end: claimed (unless it runs already) and settled as workers do."""
    job = Job.objects.get(pk=solve.job_id)
    if job.status != JobStatus.RUNNING:
        job = begin(solve)
    usage = Usage(cpu_seconds=cpu, wall_seconds=cpu * 1.5, peak_memory_mb=64.0)
    result = more.pop("result", answer_of(solve) if outcome == "completed" else None)
    return settle(job.pk, job.attempt, Verdict(outcome, usage, result=result, **more))


def cells(experiment: Experiment) -> list[Solve]:
    """The cells of the latest run, in order."""
    run = experiment.runs.order_by("-number").first()
    assert run is not None
    return list(run.solves.select_related("task").order_by("position"))
