"""When the last cell ends, the run ends, and with it the experiment: once, whoever comes last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from django.db import transaction

from apps.core.jobs import event_emit
from apps.core.jobs.reports import StatusChange
from apps.core.sql import finish_time
from apps.experiments.documents import RESULTS_VERSION
from apps.experiments.models import (
    ACTIVE,
    ENDED,
    Experiment,
    ExperimentRun,
    ExperimentStatus,
    Solve,
    SolveStatus,
    TaskSubmission,
)
from apps.experiments.queries.figures import results_computed, task_set

RENEWED_AT_ONCE = 20


def runs_settle(*, run_ids: Iterable[str]) -> None:
    """End those of these runs that have no open cell left. Call it inside the transaction that closed cells of theirs."""
    for run_id in sorted(run_ids):
        run_settle(run_id=run_id)


def run_settle(*, run_id: str) -> bool:
    """End the run if every cell is terminal; whether it did. Call it inside the transaction that closed a cell.

    The row lock makes two workers that finish the last two cells at once take turns: the one that comes second
    looks after the first has committed, and so sees no open cell. (SQLite's write transactions take turns anyway.)
    """
    rows = ExperimentRun.objects.select_for_update().only("number", "status", "experiment_id")
    run = rows.get(run_id=run_id)
    if cell_is_open(run_id=run_id):
        return False
    figures_keep(run)
    ended, log = _verdict(run_id)
    changed = ExperimentRun.objects.filter(run_id=run_id, status__in=ACTIVE).update(
        status=ended, completed_at=finish_time(), error_log=log
    )
    if changed:
        Experiment.objects.filter(pk=run.experiment_id, status__in=ACTIVE).update(
            status=ended, completed_at=finish_time()
        )
        status_emit(run_id=run_id, old=run.status, new=ended)
    return bool(changed)


def figures_keep(run: ExperimentRun) -> None:
    """Keep the figures of a run all of whose cells have ended; the experiment shows those of its latest run."""
    found = results_computed([run])[run.run_id].model_copy(update={"task_set": task_set(run_id=run.run_id)})
    results = found.model_dump(mode="json")
    ExperimentRun.objects.filter(pk=run.run_id).update(metrics=results)
    later = ExperimentRun.objects.filter(experiment_id=run.experiment_id, number__gt=run.number)
    if not later.exists():  # a cancelled run may settle when the experiment already runs again
        Experiment.objects.filter(pk=run.experiment_id).update(results=results)


def figures_renew() -> int:
    """Compute anew what an earlier version kept, some runs at a time; how many there were."""
    stale = ExperimentRun.objects.filter(status__in=ENDED).exclude(metrics__version=RESULTS_VERSION)
    renewed = 0
    for run_id in stale.order_by("pk").values_list("pk", flat=True)[:RENEWED_AT_ONCE]:
        with transaction.atomic():
            held = ExperimentRun.objects.select_for_update().filter(pk=run_id)
            run = held.only("number", "status", "experiment_id").first()
            if run is not None and not cell_is_open(run_id=run_id):
                figures_keep(run)
                renewed += 1
    return renewed


def cell_is_open(*, run_id: str) -> bool:
    """Whether any cell of the run has not ended: one look into the index of open cells, however large the run.

    The order is one that only this index has. PostgreSQL would otherwise expect to meet an open cell early in any
    scan, and read every cell that has ended first.
    """
    still = Solve.objects.filter(run_id=run_id, finished_at__isnull=True)
    return still.order_by("tries").values_list("pk").first() is not None


def _verdict(run_id: str) -> tuple[str, str | None]:
    """Completed, unless not one cell got as far as an answer; then failed, with the reasons most often given."""
    ends = set(Solve.objects.filter(run_id=run_id).order_by().values_list("status", flat=True).distinct())
    if not ends or ends - {SolveStatus.FAILED, SolveStatus.TIMEOUT}:
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
