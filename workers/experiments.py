"""The `solve` kind of job: the supervisor reads the task, builds the blind puzzle and hands it to a solving process."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from apps.core.errors import NotFound
from apps.core.models import Job
from apps.experiments.kind import KIND
from apps.experiments.models import Solve
from apps.experiments.queries.truths import task_content
from apps.experiments.services.runs import hard_seconds
from workers.runners import ChildTask, Runner
from workers.runners import register as register_runner

WARM = ("workers.solving:warm",)
"""What the fork server has ready: every strategy imported and compiled."""


def prepare(job: Job) -> ChildTask:
    """What crosses the pipe to the solving process: demonstrations, test inputs, config, budget, seed. No test output."""
    solve = (
        Solve.objects.filter(pk=job.payload.get("solve_id"), job_id=job.pk)
        .select_related("run__experiment")
        .only(
            "task_id", "task_version", "strategy", "seed", "run__strategy_config", "run__experiment__seconds_per_task"
        )
        .first()
    )
    if solve is None:
        raise NotFound("The cell this job was made for is gone, or another job has taken it over.")
    seconds = solve.run.experiment.seconds_per_task
    return ChildTask(
        entry="workers.solving:solve",
        arguments={
            "strategy": solve.strategy,
            "config": solve.run.strategy_config[solve.strategy]["config"],
            "seed": solve.seed,
            "budget": {
                "core_seconds": seconds,
                "hard_seconds": hard_seconds(seconds),
                "memory_mb": settings.CONFIG.job_memory_mb,
            },
            "puzzle": blind_puzzle(solve),
        },
    )


def blind_puzzle(solve: Solve) -> dict[str, Any]:
    """The task as a solver may see it, in the version the cell was made for."""
    content = task_content(task_id=solve.task_id, version=solve.task_version)
    return {
        "key": solve.task_id,
        "train": [[pair["input"], pair["output"]] for pair in content.train],
        "test_inputs": content.test_inputs,
    }


register_runner(
    Runner(
        kind=KIND,
        prepare=prepare,
        memory_mb=settings.CONFIG.job_memory_mb,
        warm=WARM,
        prepare_command=("-m", "apps.experiments.engine.prepare", "--until-eof"),
    )
)
