"""Cancelling many cells at once: the same ends as `cells.on_finish` writes one by one, in a few statements."""

from __future__ import annotations

from django.db.models import F, OuterRef, Subquery
from django.utils import timezone

from apps.core.models import JobStatus
from apps.experiments.models import ExperimentResult, ExperimentRun, Solve, SolveStatus, TaskSubmission

BATCH = 500
REASON = "cancelled"


def waiting_cells_cancel(run: ExperimentRun) -> int:
    """End the cells nobody works on, each with its empty submission; how many there were.

    The caller holds their jobs. Cells that already have a submission (a retry was waiting) are left to `on_finish`.
    """
    waiting = Solve.objects.filter(run=run, status=SolveStatus.PENDING, submission__isnull=True).exclude(
        job__status=JobStatus.RUNNING
    )
    cells = list(waiting.annotate(tests=F("task__test_count")).order_by("position"))
    if not cells:
        return 0
    owner_id, experiment_id = run.experiment.created_by_id, run.experiment_id
    now = timezone.now()
    submissions = [_submission(run, cell, owner_id) for cell in cells]
    TaskSubmission.objects.bulk_create(submissions, batch_size=BATCH)
    ExperimentResult.objects.bulk_create(
        [
            ExperimentResult(experiment_id=experiment_id, task_id=s.task_id, submission=s, metrics={"score": None})
            for s in submissions
        ],
        batch_size=BATCH,
    )
    written = TaskSubmission.objects.filter(
        run_id=OuterRef("run_id"),
        task_id=OuterRef("task_id"),
        strategy_used=OuterRef("strategy"),
        seed=OuterRef("seed"),
    )
    for start in range(0, len(cells), BATCH):
        Solve.objects.filter(pk__in=[cell.pk for cell in cells[start : start + BATCH]]).update(
            status=SolveStatus.CANCELLED,
            submission_id=Subquery(written.values("submission_id")[:1]),
            error_type=REASON,
            finished_at=now,
        )
    return len(cells)


def _submission(run: ExperimentRun, cell: Solve, owner_id: str) -> TaskSubmission:
    return TaskSubmission(
        task_id=cell.task_id,
        task_version=cell.task_version,
        user_id=owner_id,
        run=run,
        strategy_used=cell.strategy,
        strategy_version=str(run.strategy_config.get(cell.strategy, {}).get("version", "")),
        seed=cell.seed,
        hits=[None] * cell.tests,  # type: ignore[attr-defined]
        processing_time_ms=0,
        error_type=REASON,
        error_message="Cancelled before it ran.",
        resource_usage={
            "cpu_seconds": 0.0,
            "wall_seconds": 0.0,
            "memory_mb": 0.0,
            "estimated_cost": 0.0,
            "energy_joules": 0.0,
        },
        metadata={"job_id": cell.job_id, "tries": cell.tries},
    )
