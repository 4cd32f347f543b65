"""A lab with members, jobs in every state, experiments and events, made of rows alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from apps.core.models import Job, JobAttempt, Role, User
from apps.experiments.documents import RunResults
from apps.experiments.models import Experiment, ExperimentRun, Solve
from apps.tasks.models import ArcTask

GRID = [[0, 1], [1, 0]]


@dataclass(frozen=True)
class People:
    """Who there is."""

    owner: User
    other: User
    viewer: User
    admin: User


@pytest.fixture(autouse=True)
def _fresh_allowance() -> None:
    cache.clear()


@pytest.fixture
def people(db: None) -> People:
    """One member of each role, and a second researcher."""
    return People(
        owner=User.objects.create(username="olga", role=Role.RESEARCHER),
        other=User.objects.create(username="otto", role=Role.RESEARCHER),
        viewer=User.objects.create(username="vera", role=Role.VIEWER),
        admin=User.objects.create(username="ada", role=Role.ADMIN),
    )


@pytest.fixture
def as_(people: People) -> Callable[[User], Client]:
    """A signed-in browser of somebody."""

    def browser(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return browser


def make_job(owner: User | None, status: str = "queued", **more: Any) -> Job:
    """A job in that state, as the database accepts it."""
    now = timezone.now()
    values: dict[str, Any] = {"kind": "solve", "owner": owner, "status": status, "payload": {"task_id": "arc1:0a"}}
    if status == "running":
        values |= {
            "worker": "cpu@host",
            "lease_expires_at": now + timedelta(seconds=30),
            "started_at": now,
            "attempt": 1,
        }
    if status in {"completed", "failed", "cancelled", "timeout"}:
        values |= {"started_at": now - timedelta(seconds=4), "finished_at": now, "attempt": 1}
    return Job.objects.create(**(values | more))


def make_attempt(job: Job, **more: Any) -> JobAttempt:
    """An execution of a job that failed."""
    now = timezone.now()
    values: dict[str, Any] = {
        "number": 1,
        "worker": "cpu@host",
        "host": "host",
        "outcome": "failed",
        "started_at": now - timedelta(seconds=4),
        "ended_at": now,
        "cpu_seconds": 3.0,
        "wall_seconds": 4.0,
        "peak_memory_mb": 120.0,
    }
    return JobAttempt.objects.create(job=job, **(values | more))


def results_of(
    macro: float, tasks: int = 40, dollars: float = 0.4, strategy: str = "echo", task_set: str = "forty"
) -> dict[str, Any]:
    """Figures as a run keeps them, of one strategy with one seed."""
    share = {"macro": macro, "macro_low": max(0.0, macro - 0.1), "macro_high": min(1.0, macro + 0.1)}
    each = {"core_seconds": 100.0, "dollars": dollars, "joules": 900.0}
    spent = {f"{name}_per_task": value / tasks for name, value in each.items()}
    sums = {**each, "core_seconds_most": 9.0}
    counts = {"done": tasks, "cancelled": 0, "failures": 0}
    micro = {"micro": macro, "micro_low": 0.0, "micro_high": 1.0}
    strict = {"strict": 1, "strict_share": macro, "strict_low": 0.0, "strict_high": 1.0}
    row = {"strategy": strategy, "seed": 0, "tasks": tasks, "scored": tasks, "outputs": tasks, "nothing_found": 0}
    pooled = {"strategy": strategy, "seeds": 1, "tasks": tasks, "done": tasks, "failures": 0}
    totals = {"cells": tasks, "tasks": tasks, "scored_tasks": tasks, "strict": 1, "joules_per_correct": 900.0}
    kept = RunResults.model_validate(
        {
            "run_id": "run_1",
            "number": 1,
            "task_set": task_set,
            "rows": [{**row, **counts, **share, **micro, **strict, **sums, **spent, "wall_seconds": 100.0}],
            "strategies": [{**pooled, **share, **spent}],
            "totals": {**totals, **counts, **share, **sums, **spent},
        }
    )
    return kept.model_dump(mode="json")


def make_experiment(owner: User, name: str, status: str = "completed", **more: Any) -> Experiment:
    """An experiment with its run."""
    now = timezone.now()
    ended = status in {"completed", "failed", "cancelled"}
    values: dict[str, Any] = {
        "name": name,
        "status": status,
        "strategy_configs": {"echo": {}},
        "seeds": [0],
        "created_by": owner,
        "started_at": now - timedelta(minutes=5),
        "completed_at": now if ended else None,
    }
    experiment = Experiment.objects.create(**(values | more))
    run = ExperimentRun.objects.create(
        experiment=experiment,
        number=1,
        experiment_name=name,
        task_ids=[],
        strategy_config={},
        seeds=[0],
        status=status,
        started_at=now - timedelta(minutes=5),
        completed_at=now if ended else None,
    )
    if experiment.results:
        experiment.results["run_id"] = run.run_id
        experiment.save(update_fields=["results"])
    return experiment


def make_task(number: int) -> ArcTask:
    """A task that means nothing."""
    return ArcTask.objects.create(
        task_id=f"arc1:{number:08x}",
        raw_id=f"{number:08x}",
        dataset="arc1",
        train_examples=[{"input": GRID, "output": GRID}],
        tests=[{"input": GRID, "output": GRID}],
        test_input=GRID,
        test_output=GRID,
        content_hash=f"{number:064x}",
    )


def make_cells(experiment: Experiment, done: int, waiting: int, *, at: datetime | None = None) -> list[Solve]:
    """Cells of the experiment's run: some solved just now, the rest waiting."""
    run = experiment.runs.get()
    cells = []
    for position in range(done + waiting):
        finished = position < done
        cells.append(
            Solve.objects.create(
                run=run,
                task=make_task(position + 1),
                strategy="echo",
                position=position,
                status="completed" if finished else "pending",
                score=1.0 if finished else None,
                finished_at=(at or timezone.now()) if finished else None,
            )
        )
    return cells
