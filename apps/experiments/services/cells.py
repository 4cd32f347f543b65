"""The end of a cell: its answer scored, kept and counted, in the transaction that ends its job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone
from pydantic import ValidationError

from apps.carbon.engine.estimates import core_dollars, core_joules
from apps.carbon.models import ResourceUsage
from apps.core.jobs import event_emit
from apps.core.jobs.kinds import Finished
from apps.core.models import Job, JobStatus
from apps.experiments.engine import scoring
from apps.experiments.engine.strategy import ATTEMPTS_PER_TEST
from apps.experiments.models import (
    ExperimentResult,
    Solve,
    SolveStatus,
    StrategyMetric,
    TaskSubmission,
)
from apps.experiments.queries.figures import NOTHING_FOUND
from apps.experiments.queries.truths import task_content
from apps.experiments.reports import CellEnd
from apps.experiments.schemas import Answer
from apps.experiments.services.settle import run_settle
from apps.tasks.engine.grids import InvalidGrid, parse_grid

OPEN_SOLVES = (SolveStatus.PENDING, SolveStatus.RUNNING)
_ENDED = {
    JobStatus.COMPLETED: SolveStatus.COMPLETED,
    JobStatus.FAILED: SolveStatus.FAILED,
    JobStatus.TIMEOUT: SolveStatus.TIMEOUT,
    JobStatus.CANCELLED: SolveStatus.CANCELLED,
}


@dataclass(frozen=True)
class Spent:
    """What a cell's job used over all its executions."""

    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    memory_mb: float = 0.0
    dollars: float = 0.0
    joules: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """A cell's end, judged: its status, the answer if there is one, and the score where the truth is known."""

    status: str
    answer: Answer | None
    error_type: str
    error_message: str
    hits: list[bool | None] = field(default_factory=list)
    score: float | None = None
    is_correct: bool | None = None

    @property
    def confidence(self) -> float:
        """As sure as of the least sure test."""
        best = (
            [per_test[0].confidence if per_test else 0.0 for per_test in self.answer.predictions] if self.answer else []
        )
        return min(best, default=0.0)

    @property
    def predictions(self) -> list[list[dict[str, Any]]]:
        """The stored form of the attempts."""
        if self.answer is None:
            return []
        return [[attempt.model_dump(mode="json") for attempt in per_test] for per_test in self.answer.predictions]


def on_status(jobs: Sequence[Job], old: str) -> None:
    """Cells follow their jobs while they are open: running, or waiting again (queued, paused, lost their worker)."""
    for running, target in ((True, SolveStatus.RUNNING), (False, SolveStatus.PENDING)):
        moved = [job.pk for job in jobs if (job.status == JobStatus.RUNNING) == running]
        if moved and JobStatus.RUNNING in (old, jobs[0].status):
            open_cells = Solve.objects.filter(job_id__in=moved, status__in=OPEN_SOLVES)
            open_cells.exclude(status=target).update(status=target)


def on_finish(finished: Sequence[Finished]) -> None:
    """What the ends of these jobs owe their cells."""
    for one in finished:
        _cell_finish(one)


def _cell_finish(finished: Finished) -> None:
    """Write what a cell's end owes: answer, score, result, metric, event; and end the run with its last cell.

    A job that is no longer its cell's (a retry took over, the experiment is gone) changes nothing.
    """
    open_cell = Solve.objects.filter(job_id=finished.job.pk, status__in=OPEN_SOLVES)
    solve = open_cell.select_related("run").defer("run__task_ids").order_by().first()
    if solve is None:
        return
    content = task_content(task_id=solve.task_id, version=solve.task_version)
    outcome = _judge(finished, content.truths)
    spent = _spent(finished)
    submission = _submission_write(solve, finished, outcome, spent)
    _result_write(solve, submission, outcome, spent)
    _metric_write(solve, outcome, spent, submission.processing_time_ms)
    _cell_close(solve, submission, outcome, spent)
    end = CellEnd(
        solve_id=solve.pk,
        position=solve.position,
        task_id=solve.task_id,
        strategy=solve.strategy,
        seed=solve.seed,
        status=outcome.status,
        score=outcome.score,
        core_seconds=round(spent.cpu_seconds, 4),
        submission_id=submission.pk,
    )
    event_emit(end, job=finished.job, topic=solve.run_id)
    run_settle(run_id=solve.run_id)


def _judge(finished: Finished, truths: list[Any]) -> Outcome:
    status = _ENDED[JobStatus(finished.outcome)]
    if status != SolveStatus.COMPLETED:
        error_type = finished.error_code or str(finished.outcome)
        return _scored(status, None, error_type, finished.error_message, truths)
    try:
        answer = _checked(finished.result or {}, tests=len(truths))
    except (ValidationError, InvalidGrid, ValueError) as error:
        return _scored(
            SolveStatus.FAILED, None, "invalid_answer", f"The solver's answer cannot be used: {error}", truths
        )
    nothing = not any(answer.predictions)
    return _scored(status, answer, NOTHING_FOUND if nothing else "", "", truths)


def _checked(result: dict[str, Any], *, tests: int) -> Answer:
    answer = Answer.model_validate(result)
    if len(answer.predictions) > tests:
        raise ValueError(f"{len(answer.predictions)} tests were answered, the task has {tests}.")
    for number, per_test in enumerate(answer.predictions, start=1):
        if len(per_test) > ATTEMPTS_PER_TEST:
            raise ValueError(f"test {number} got {len(per_test)} attempts, {ATTEMPTS_PER_TEST} are allowed.")
        for attempt in per_test:
            parse_grid(attempt.grid, f"test {number}")
    return answer


def _scored(status: str, answer: Answer | None, error_type: str, message: str, truths: list[Any]) -> Outcome:
    if status == SolveStatus.CANCELLED:
        return Outcome(status, None, error_type, message, hits=[None] * len(truths))
    attempts = [[parse_grid(a.grid) for a in per_test] for per_test in answer.predictions] if answer else []
    known = [None if truth is None else parse_grid(truth) for truth in truths]
    hits = [None if truth is None else hit for truth, hit in zip(known, scoring.hits(attempts, known), strict=True)]
    judged = [hit for hit in hits if hit is not None]
    score = scoring.score(judged) if judged else None
    correct = None if None in hits and all(judged) else all(judged)
    return Outcome(status, answer, error_type, message, hits=hits, score=score, is_correct=correct)


def _spent(finished: Finished) -> Spent:
    """The last execution and, from the ledger, those before it."""
    earlier = ResourceUsage.objects.filter(job_id=finished.job.pk, attempt__lt=finished.job.attempt).aggregate(
        cpu=Sum("cpu_seconds", default=0.0), wall=Sum("wall_seconds", default=0.0)
    )
    cpu = earlier["cpu"] + finished.usage.cpu_seconds
    return Spent(
        cpu_seconds=cpu,
        wall_seconds=earlier["wall"] + finished.usage.wall_seconds,
        memory_mb=finished.usage.peak_memory_mb,
        dollars=core_dollars(cpu, settings.CONFIG.dollars_per_core_hour),
        joules=core_joules(cpu, settings.CONFIG.watts_per_core),
    )


def _submission_write(solve: Solve, finished: Finished, outcome: Outcome, spent: Spent) -> TaskSubmission:
    """The cell's one submission: made on its first end, renewed when a retry ends."""
    predictions = outcome.predictions
    answer = outcome.answer
    values: dict[str, Any] = {
        "task_version": solve.task_version,
        "strategy_version": (answer.strategy_version if answer else "") or _frozen_version(solve),
        "predicted_output": predictions[0][0]["grid"] if predictions and predictions[0] else [],
        "predictions": predictions,
        "hits": outcome.hits,
        "score": outcome.score,
        "is_correct": outcome.is_correct,
        "confidence_score": outcome.confidence,
        "processing_time_ms": round(1000 * spent.wall_seconds),
        "error_type": outcome.error_type[:64],
        "error_message": outcome.error_message[:10_000],
        "resource_usage": {
            "cpu_seconds": spent.cpu_seconds,
            "wall_seconds": spent.wall_seconds,
            "memory_mb": spent.memory_mb,
            "estimated_cost": spent.dollars,
            "energy_joules": spent.joules,
        },
        "metadata": {
            "job_id": finished.job.pk,
            "tries": solve.tries,
            "steps_used": answer.steps_used if answer else 0,
            "hard_stopped": answer.hard_stopped if answer else False,
            "details": answer.details if answer else {},
        },
        "submitted_at": timezone.now(),
    }
    if solve.submission_id:
        TaskSubmission.objects.filter(pk=solve.submission_id).update(**values)
        return TaskSubmission(pk=solve.submission_id, **values)
    return TaskSubmission.objects.create(
        task_id=solve.task_id,
        user_id=finished.job.owner_id or _creator(solve),
        run_id=solve.run_id,
        strategy_used=solve.strategy,
        seed=solve.seed,
        **values,
    )


def _frozen_version(solve: Solve) -> str:
    return str(solve.run.strategy_config.get(solve.strategy, {}).get("version", ""))


def _creator(solve: Solve) -> str:
    return solve.run.experiment.created_by_id


def _result_write(solve: Solve, submission: TaskSubmission, outcome: Outcome, spent: Spent) -> None:
    metrics = {
        "score": outcome.score,
        "hits": sum(1 for hit in outcome.hits if hit),
        "outputs": len(outcome.hits),
        "core_seconds": spent.cpu_seconds,
        "dollars": spent.dollars,
        "joules": spent.joules,
        "steps_used": outcome.answer.steps_used if outcome.answer else 0,
    }
    ExperimentResult.objects.update_or_create(
        submission_id=submission.pk,
        defaults={"metrics": metrics, "recorded_at": timezone.now()},
        create_defaults={
            "experiment_id": solve.run.experiment_id,
            "task_id": solve.task_id,
            "metrics": metrics,
        },
    )


def _metric_write(solve: Solve, outcome: Outcome, spent: Spent, execution_time_ms: int) -> None:
    """How the strategy did; nothing is said about a cell that was cancelled or whose truth is unknown."""
    if outcome.score is None:
        return
    StrategyMetric.objects.create(
        strategy_type=solve.strategy,
        task_id=solve.task_id,
        success=bool(outcome.is_correct),
        execution_time_ms=execution_time_ms,
        confidence_score=outcome.confidence,
        resource_cost=spent.dollars,
        error_type=outcome.error_type[:64] or None,
    )


def _cell_close(solve: Solve, submission: TaskSubmission, outcome: Outcome, spent: Spent) -> None:
    judged = [hit for hit in outcome.hits if hit is not None]
    Solve.objects.filter(pk=solve.pk, status__in=OPEN_SOLVES).update(
        status=outcome.status,
        submission_id=submission.pk,
        score=outcome.score,
        outputs=len(judged),
        outputs_hit=sum(judged),
        core_seconds=spent.cpu_seconds,
        wall_seconds=spent.wall_seconds,
        dollars=spent.dollars,
        joules=spent.joules,
        error_type=outcome.error_type[:64],
        finished_at=timezone.now(),
    )
