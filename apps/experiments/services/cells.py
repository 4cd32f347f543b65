"""The end of a cell: its answer scored, kept and counted, in the transaction that ends its job.

Locks are taken in one order, here and everywhere in this app: jobs, cells, runs, experiments; several of a sort by id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.core.jobs import EventEntry, events_emit
from apps.core.jobs.kinds import Finished
from apps.core.models import Job, JobStatus
from apps.experiments.models import ExperimentResult, Solve, SolveStatus, StrategyMetric, TaskSubmission
from apps.experiments.queries.truths import task_contents
from apps.experiments.reports import CellEnd
from apps.experiments.services.ending import runs_settle
from apps.experiments.services.outcomes import Outcome, Spent, judge, spent_in_all

BATCH = 200
OPEN_SOLVES = (SolveStatus.PENDING, SolveStatus.RUNNING)
_ENDED = {
    JobStatus.COMPLETED: SolveStatus.COMPLETED,
    JobStatus.FAILED: SolveStatus.FAILED,
    JobStatus.TIMEOUT: SolveStatus.TIMEOUT,
    JobStatus.CANCELLED: SolveStatus.CANCELLED,
}
_RENEWED = (
    *("task_version", "strategy_version", "predicted_output", "predictions", "hits", "score", "is_correct"),
    *("confidence_score", "processing_time_ms", "error_type", "error_message", "resource_usage", "metadata"),
    "submitted_at",
)
"""What the end of a retry replaces in the submission of its cell."""
_CLOSED = (
    *("status", "submission", "score", "outputs", "outputs_hit", "core_seconds", "wall_seconds", "dollars", "joules"),
    *("error_type", "finished_at"),
)


@dataclass(frozen=True)
class Ending:
    """How the work on an open cell ended. `job_id` is null where its job is no longer there to tell."""

    solve: Solve
    status: str
    spent: Spent
    job_id: str | None = None
    owner_id: str | None = None
    result: Mapping[str, Any] | None = None
    error_code: str = ""
    error_message: str = ""


def on_status(jobs: Sequence[Job], old: str) -> None:
    """Cells follow their jobs while they are open: running, or waiting again (queued, paused, lost their worker)."""
    for running, target in ((True, SolveStatus.RUNNING), (False, SolveStatus.PENDING)):
        moved = [job.pk for job in jobs if (job.status == JobStatus.RUNNING) == running]
        if moved and JobStatus.RUNNING in (old, jobs[0].status):
            open_cells = Solve.objects.filter(job_id__in=moved, status__in=OPEN_SOLVES)
            open_cells.exclude(status=target).update(status=target)


def on_finish(finished: Sequence[Finished]) -> None:
    """Write what the ends of jobs owe their cells: answer, score, result, metric, event; and end runs with their last cells.

    A job that is no longer its cell's (a retry took over, the experiment is gone) changes nothing.
    """
    by_job = {one.job.pk: one for one in finished}
    cells = open_cells_hold(Solve.objects.filter(job_id__in=list(by_job)))
    told = [(solve, by_job[solve.job_id]) for solve in cells if solve.job_id]
    spent = spent_in_all({one.job.pk: (one.job.attempt, one.usage) for _, one in told})
    cells_end(
        [
            Ending(
                solve=solve,
                status=_ENDED[JobStatus(one.outcome)],
                spent=spent[one.job.pk],
                job_id=one.job.pk,
                owner_id=one.job.owner_id,
                result=one.result,
                error_code=one.error_code,
                error_message=one.error_message,
            )
            for solve, one in told
        ]
    )


def open_cells_hold(cells: QuerySet[Solve]) -> list[Solve]:
    """Those of `cells` that are open, in order, with their run and its experiment, kept so until the transaction ends."""
    still = cells.filter(finished_at__isnull=True).select_related("run__experiment")
    lean = still.defer("run__task_ids", "run__metrics", "run__experiment__task_selection", "run__experiment__results")
    return list(lean.select_for_update(of=("self",)).order_by("pk"))


def cells_end(ends: Sequence[Ending]) -> None:
    """End these cells, which the caller holds: a number of statements that does not grow with theirs."""
    if not ends:
        return
    contents = task_contents({(end.solve.task_id, end.solve.task_version) for end in ends})
    judged = [(end, _judge(end, contents[end.solve.task_id, end.solve.task_version].truths)) for end in ends]
    submissions = [_submission(end, outcome) for end, outcome in judged]
    written = [(end, outcome, made) for (end, outcome), made in zip(judged, submissions, strict=True)]
    TaskSubmission.objects.bulk_create(
        submissions,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["submission_id"],
        update_fields=list(_RENEWED),
    )
    ExperimentResult.objects.bulk_create(
        [_result(end, outcome, submission) for end, outcome, submission in written],
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["submission"],
        update_fields=["metrics", "recorded_at"],
    )
    StrategyMetric.objects.bulk_create(
        # Nothing is said about a cell that was cancelled or whose truth is unknown.
        [_metric(end, outcome, made) for end, outcome, made in written if outcome.score is not None],
        batch_size=BATCH,
    )
    Solve.objects.bulk_update([_closed(*one) for one in written], list(_CLOSED), batch_size=BATCH)
    events_emit([_event(*one) for one in written])
    runs_settle(run_ids={end.solve.run_id for end in ends})


def _judge(end: Ending, truths: Sequence[Any]) -> Outcome:
    return judge(
        status=end.status,
        result=end.result,
        error_code=end.error_code,
        error_message=end.error_message,
        truths=truths,
    )


def _submission(end: Ending, outcome: Outcome) -> TaskSubmission:
    """The cell's one submission: made on its first end, renewed when a retry ends."""
    solve, spent, answer, predictions = end.solve, end.spent, outcome.answer, outcome.predictions
    frozen = solve.run.strategy_config.get(solve.strategy, {}).get("version", "")
    made = TaskSubmission(
        task_id=solve.task_id,
        task_version=solve.task_version,
        user_id=end.owner_id or solve.run.experiment.created_by_id,
        run_id=solve.run_id,
        strategy_used=solve.strategy,
        strategy_version=(answer.strategy_version if answer else "") or str(frozen),
        seed=solve.seed,
        predicted_output=predictions[0][0]["grid"] if predictions and predictions[0] else [],
        predictions=predictions,
        hits=outcome.hits,
        score=outcome.score,
        is_correct=outcome.is_correct,
        confidence_score=outcome.confidence,
        processing_time_ms=round(1000 * spent.wall_seconds),
        error_type=outcome.error_type[:64],
        error_message=outcome.error_message[:10_000],
        resource_usage=spent.stored(),
        metadata={
            "job_id": end.job_id,
            "tries": solve.tries,
            "steps_used": answer.steps_used if answer else 0,
            "hard_stopped": answer.hard_stopped if answer else False,
            "details": answer.details if answer else {},
        },
        submitted_at=Now(),
    )
    if solve.submission_id:
        made.submission_id = solve.submission_id
    return made


def _result(end: Ending, outcome: Outcome, submission: TaskSubmission) -> ExperimentResult:
    metrics = {
        "score": outcome.score,
        "hits": sum(outcome.judged),
        "outputs": len(outcome.judged),
        "core_seconds": end.spent.cpu_seconds,
        "dollars": end.spent.dollars,
        "joules": end.spent.joules,
        "steps_used": outcome.answer.steps_used if outcome.answer else 0,
    }
    return ExperimentResult(
        experiment_id=end.solve.run.experiment_id,
        task_id=end.solve.task_id,
        submission_id=submission.pk,
        metrics=metrics,
        recorded_at=Now(),
    )


def _metric(end: Ending, outcome: Outcome, submission: TaskSubmission) -> StrategyMetric:
    return StrategyMetric(
        strategy_type=end.solve.strategy,
        task_id=end.solve.task_id,
        success=bool(outcome.is_correct),
        execution_time_ms=submission.processing_time_ms,
        confidence_score=outcome.confidence,
        resource_cost=end.spent.dollars,
        error_type=outcome.error_type[:64] or None,
        recorded_at=Now(),
    )


def _closed(end: Ending, outcome: Outcome, submission: TaskSubmission) -> Solve:
    solve, spent = end.solve, end.spent
    solve.status = outcome.status
    solve.submission_id = submission.pk
    solve.score = outcome.score
    solve.outputs, solve.outputs_hit = len(outcome.judged), sum(outcome.judged)
    solve.core_seconds, solve.wall_seconds = spent.cpu_seconds, spent.wall_seconds
    solve.dollars, solve.joules = spent.dollars, spent.joules
    solve.error_type = outcome.error_type[:64]
    solve.finished_at = Now()
    return solve


def _event(end: Ending, outcome: Outcome, submission: TaskSubmission) -> EventEntry:
    solve = end.solve
    said = CellEnd(
        solve_id=solve.pk,
        position=solve.position,
        task_id=solve.task_id,
        strategy=solve.strategy,
        seed=solve.seed,
        status=outcome.status,
        error_type=outcome.error_type[:64],
        score=outcome.score,
        core_seconds=round(end.spent.cpu_seconds, 4),
        submission_id=submission.pk,
    )
    return EventEntry.of(said, job_id=end.job_id, topic=solve.run_id)
