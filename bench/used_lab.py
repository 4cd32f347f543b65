"""A lab that has been used, for benchmarks: tasks, finished and running experiments with all that belongs to them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

STRATEGIES = ("program_synthesis", "imported_a", "imported_b", "imported_c")
TASKS_A_RUN = 400
BATCH = 2000


def batches(rows: list[Any], size: int = BATCH) -> Iterator[list[Any]]:
    """The rows, some at a time."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def seed_tasks(count: int) -> list[str]:
    """The canonical tasks and copies of them under further datasets, until there are `count`."""
    from django.db import transaction

    from apps.tasks.content import content_columns
    from apps.tasks.engine.formats import CANONICAL_SETS, load_canonical
    from apps.tasks.models import ArcTask

    contents = []
    for name in CANONICAL_SETS:
        dataset, _, source = name.partition("/")
        contents += [(dataset, source, data.raw_id, content_columns(data)) for data in load_canonical(name)]
    ids: list[str] = []
    copy = 0
    while len(ids) < count:
        made = []
        for dataset, source, raw_id, columns in contents[: count - len(ids)]:
            name = dataset if copy == 0 else f"{dataset}copy{copy}"
            task_id = f"{name}:{raw_id}"
            ids.append(task_id)
            changed = columns if copy == 0 else {**columns, "content_hash": f"{copy:02d}{columns['content_hash'][2:]}"}
            made.append(ArcTask(task_id=task_id, raw_id=raw_id, dataset=name, task_source=source, **changed))
        with transaction.atomic():
            for batch in batches(made, 500):
                ArcTask.objects.bulk_create(batch)
        copy += 1
    return ids


def seed_experiments(owner: Any, task_ids: list[str], submissions: int) -> dict[str, str]:
    """Finished experiments of 400 tasks and 4 strategies until there are enough answers, and one half done."""
    from apps.experiments.services.ending import figures_keep

    known: dict[str, str] = {}
    number = made = 0
    while made < submissions:
        start = (number * TASKS_A_RUN) % (len(task_ids) - TASKS_A_RUN + 1)
        chosen = task_ids[start : start + TASKS_A_RUN]
        active = made + len(chosen) * len(STRATEGIES) >= submissions
        experiment, run = _experiment(owner, number, chosen, "in_progress" if active else "completed")
        made += _cells(owner, run, chosen, done=len(chosen) // 2 if active else len(chosen))
        if not active:
            figures_keep(run)
        known["running" if active else "finished"] = experiment.pk
        known["task"] = chosen[0]
        number += 1
    return known


def _experiment(owner: Any, number: int, chosen: list[str], status: str) -> tuple[Any, Any]:
    from django.utils import timezone

    from apps.experiments.models import Experiment, ExperimentRun

    now = timezone.now()
    ended = now if status == "completed" else None
    experiment = Experiment.objects.create(
        name=f"Sweep {number}: programs against imports",
        hypothesis="Programs are cheaper.",
        strategy_configs={name: {} for name in STRATEGIES},
        task_selection={"version": 1, "criteria": {"task_ids": chosen}, "task_ids": chosen},
        seeds=[0],
        status=status,
        started_at=now - timedelta(hours=1),
        completed_at=ended,
        created_by=owner,
    )
    run = ExperimentRun.objects.create(
        experiment=experiment,
        number=1,
        experiment_name=experiment.name,
        task_ids=chosen,
        strategy_config={name: {"version": "1", "config": {}} for name in STRATEGIES},
        seeds=[0],
        status=status,
        cells_total=len(chosen) * len(STRATEGIES),
        started_at=now - timedelta(hours=1),
        completed_at=ended,
    )
    return experiment, run


def _cells(owner: Any, run: Any, chosen: list[str], done: int) -> int:
    """The cells of a run with jobs, answers, results, metrics, costs and events; how many have ended."""
    from django.db import transaction
    from django.utils import timezone

    from apps.carbon.models import ResourceUsage
    from apps.core.models import Job, JobEvent
    from apps.experiments.models import ExperimentResult, Solve, StrategyMetric, TaskSubmission

    now = timezone.now()
    grid = [[(row * column) % 10 for column in range(12)] for row in range(12)]
    attempt = {
        "grid": grid,
        "confidence": 0.5,
        "program": "def solve(grid):\n    return grid\n" * 4,
        "program_data": {"kind": "none"},
    }
    jobs: list[Any] = []
    answers: list[Any] = []
    solves: list[Any] = []
    results: list[Any] = []
    metrics: list[Any] = []
    usage: list[Any] = []
    events: list[Any] = []
    for column, task_id in enumerate(chosen):
        ended = column < done
        for row, strategy in enumerate(STRATEGIES):
            score = 1.0 if (column * 7 + row * 3) % 4 == 0 else 0.0
            job = Job(
                kind="solve",
                topic=run.run_id,
                owner=owner,
                status="completed" if ended else "queued",
                payload={"task_id": task_id, "strategy": strategy},
                finished_at=now if ended else None,
                last_seq=1,
            )
            jobs.append(job)
            solve = Solve(run=run, task_id=task_id, strategy=strategy, position=column * len(STRATEGIES) + row, job=job)
            solves.append(solve)
            if not ended:
                continue
            core_seconds = 0.05 + (column * 37 % 100) / 20
            answer = TaskSubmission(
                task_id=task_id,
                user=owner,
                run=run,
                strategy_used=strategy,
                predicted_output=grid,
                predictions=[[attempt, attempt]],
                hits=[bool(score)],
                score=score,
                is_correct=bool(score),
                confidence_score=0.5,
                processing_time_ms=round(core_seconds * 1100),
                resource_usage={"cpu_seconds": core_seconds, "memory_mb": 170.0},
                submitted_at=now - timedelta(seconds=len(answers)),
            )
            answers.append(answer)
            solve.submission, solve.status, solve.finished_at = answer, "completed", now
            solve.score, solve.outputs, solve.outputs_hit = score, 1, int(score)
            solve.core_seconds, solve.dollars, solve.joules = core_seconds, core_seconds * 1.4e-5, core_seconds * 8
            results.append(
                ExperimentResult(
                    experiment_id=run.experiment_id, task_id=task_id, submission=answer, metrics={"score": score}
                )
            )
            metrics.append(
                StrategyMetric(
                    strategy_type=strategy,
                    task_id=task_id,
                    success=bool(score),
                    execution_time_ms=900,
                    resource_cost=1e-5,
                )
            )
            usage.append(
                ResourceUsage(
                    task_id=task_id,
                    strategy_type=strategy,
                    job=job,
                    cpu_seconds=core_seconds,
                    memory_mb=170.0,
                    estimated_cost=1e-5,
                )
            )
            events.append(
                JobEvent(
                    job=job,
                    topic=run.run_id,
                    seq=1,
                    type="result",
                    payload={
                        "solve_id": solve.pk,
                        "task_id": task_id,
                        "strategy": strategy,
                        "score": score,
                        "status": "completed",
                    },
                    at=now,
                )
            )
    with transaction.atomic():
        for rows in (jobs, answers, solves, results, metrics, usage, events):
            for batch in batches(rows):
                type(batch[0]).objects.bulk_create(batch)
    return len(answers)


def seeded() -> dict[str, str]:
    """What `seed_experiments` made, found again."""
    from apps.experiments.models import Experiment

    known = {
        name: Experiment.objects.filter(status=status).order_by("-created_at")[0].pk
        for name, status in (("finished", "completed"), ("running", "in_progress"))
    }
    known["task"] = Experiment.objects.get(pk=known["finished"]).task_selection["task_ids"][0]
    return known
