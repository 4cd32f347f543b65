"""When the last cell ends, the run ends, and with it the experiment: once, whoever comes last."""

from __future__ import annotations

from collections import Counter

from django.utils import timezone

from apps.core.jobs import event_emit
from apps.core.jobs.reports import StatusChange
from apps.experiments.models import (
    TERMINAL_SOLVES,
    Experiment,
    ExperimentRun,
    ExperimentStatus,
    Solve,
    SolveStatus,
    TaskSubmission,
)
from apps.experiments.queries.figures import run_figures

ACTIVE = (ExperimentStatus.IN_PROGRESS, ExperimentStatus.PAUSED)


def run_settle(*, run_id: str) -> bool:
    """End the run if every cell is terminal; whether it did. Call it inside the transaction that closed a cell.

    The row lock makes two workers that finish the last two cells at once take turns: the one that comes second
    counts after the first has committed, and so sees no open cell. (SQLite's write transactions take turns anyway.)
    """
    run = ExperimentRun.objects.select_for_update().defer("task_ids", "metrics", "strategy_config").get(run_id=run_id)
    if Solve.objects.filter(run_id=run_id).exclude(status__in=TERMINAL_SOLVES).exists():
        return False
    now = timezone.now()
    results = run_figures(run_id=run_id, number=run.number).model_dump(mode="json")
    ExperimentRun.objects.filter(run_id=run_id).update(metrics=results)
    Experiment.objects.filter(pk=run.experiment_id).update(results=results)
    ended, log = _verdict(run_id)
    changed = ExperimentRun.objects.filter(run_id=run_id, status__in=ACTIVE).update(
        status=ended, completed_at=now, error_log=log
    )
    if changed:
        Experiment.objects.filter(pk=run.experiment_id, status__in=ACTIVE).update(status=ended, completed_at=now)
        status_emit(run_id=run_id, old=run.status, new=ended)
    return bool(changed)


def _verdict(run_id: str) -> tuple[str, str | None]:
    """Completed, unless not one cell got as far as an answer; then failed, with the reasons most often given."""
    ends = Counter(Solve.objects.filter(run_id=run_id).values_list("status", flat=True))
    if not ends or set(ends) - {SolveStatus.FAILED, SolveStatus.TIMEOUT}:
        return ExperimentStatus.COMPLETED, None
    reasons = Counter(
        TaskSubmission.objects.filter(run_id=run_id)
        .exclude(error_type="")
        .values_list("error_type", "error_message")[:1000]
    )
    lines = [f"{count} × {kind}: {message[:500]}" for (kind, message), count in reasons.most_common(5)]
    return ExperimentStatus.FAILED, "\n".join(lines)


def status_emit(*, run_id: str, old: str, new: str) -> None:
    """Tell whoever watches a run that its own status changed."""
    event_emit(StatusChange(old_status=old, new_status=new, run_id=run_id), topic=run_id)
