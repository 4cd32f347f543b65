"""Lists of submissions, without the grids and programs they hold."""

from __future__ import annotations

from django.db.models import F, QuerySet

from apps.core.errors import NotFound
from apps.experiments.models import TaskSubmission

_HEAVY = ("predictions", "metadata")

BEST_FIRST = (F("score").desc(nulls_last=True), "processing_time_ms", "-submission_id")
"""Solved, then nearly, then by effort."""


def submissions_filtered(
    *,
    task_id: str = "",
    strategy: str = "",
    experiment_id: str = "",
    run_id: str = "",
    user_id: str = "",
    is_correct: bool | None = None,
) -> QuerySet[TaskSubmission]:
    """The submissions asked for, latest first."""
    found = TaskSubmission.objects.select_related("run").defer(
        *_HEAVY, "run__task_ids", "run__metrics", "run__strategy_config", "run__seeds", "run__error_log"
    )
    for column, value in (
        ("task_id", task_id),
        ("strategy_used", strategy),
        ("run__experiment_id", experiment_id),
        ("run_id", run_id),
        ("user_id", user_id),
    ):
        if value:
            found = found.filter(**{column: value})
    if is_correct is not None:
        found = found.filter(is_correct=is_correct)
    return found.order_by("-submitted_at", "-submission_id")


def submissions_of_task(*, task_id: str) -> QuerySet[TaskSubmission]:
    """A task's submissions with the runs they are from."""
    return (
        TaskSubmission.objects.filter(task_id=task_id)
        .select_related("run", "solve", "user")
        .defer("metadata", "run__task_ids", "run__metrics", "run__strategy_config", "run__seeds", "run__error_log")
    )


def submission_get(*, submission_id: str) -> TaskSubmission:
    """The submission of that id, complete."""
    found = TaskSubmission.objects.select_related("run").filter(pk=submission_id).first()
    if found is None:
        raise NotFound(f"There is no submission {submission_id[:60]!r}.")
    return found
