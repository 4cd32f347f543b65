"""What the observatory and the palette show of experiments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from apps.experiments.models import Experiment, ExperimentStatus
from apps.experiments.queries.experiments import ACTIVE, ExperimentRow, experiments_filtered, rows_of

ENDED = (ExperimentStatus.COMPLETED, ExperimentStatus.FAILED, ExperimentStatus.CANCELLED)


@dataclass(frozen=True)
class ScoreCostPoint:
    """One strategy with one seed in one finished experiment: what it solved, and what a task cost."""

    experiment_id: str
    experiment: str
    strategy: str
    seed: int
    tasks: int
    macro: float
    macro_low: float
    macro_high: float
    dollars_per_task: float
    core_seconds_per_task: float


def running(*, limit: int = 10) -> list[ExperimentRow]:
    """Experiments under way or paused, latest first, with progress."""
    found = experiments_filtered().filter(status__in=ACTIVE)
    return rows_of(list(found[:limit]))


def recently_finished(*, since: datetime | None = None, limit: int = 10) -> list[ExperimentRow]:
    """Experiments that ended (since a moment), latest first, with score and cost."""
    found = experiments_filtered().filter(status__in=ENDED, completed_at__isnull=False)
    if since is not None:
        found = found.filter(completed_at__gt=since)
    return rows_of(list(found.order_by("-completed_at", "-pk")[:limit]))


def score_vs_cost_points(*, limit: int = 100) -> list[ScoreCostPoint]:
    """A point a strategy and seed of the latest finished experiments; from their stored results, one statement."""
    found = (
        Experiment.objects.filter(status=ExperimentStatus.COMPLETED)
        .order_by("-completed_at", "-pk")
        .values_list("experiment_id", "name", "results")[:limit]
    )
    points = []
    for experiment_id, name, results in found:
        for row in (results or {}).get("rows", []):
            if not row["scored"]:
                continue
            points.append(
                ScoreCostPoint(
                    experiment_id=experiment_id,
                    experiment=name,
                    strategy=row["strategy"],
                    seed=row["seed"],
                    tasks=row["scored"],
                    macro=row["macro"],
                    macro_low=row["macro_low"],
                    macro_high=row["macro_high"],
                    dollars_per_task=row["dollars"] / row["done"],
                    core_seconds_per_task=row["core_seconds"] / row["done"],
                )
            )
    return points
