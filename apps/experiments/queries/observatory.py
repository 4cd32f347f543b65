"""What the observatory and the palette show of experiments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.experiments.documents import StrategyFigures
from apps.experiments.models import ACTIVE, ENDED, Experiment, ExperimentStatus
from apps.experiments.queries.experiments import ExperimentRow, experiments_filtered, rows_of
from apps.experiments.queries.figures import results_stored

LEAST_TASKS = 10
"""A best score over fewer tasks than this says little."""


@dataclass(frozen=True)
class Outcome:
    """One strategy in one finished experiment, its seeds pooled: what it solved, and what an answer cost."""

    experiment_id: str
    experiment: str
    figures: StrategyFigures

    @property
    def strategy(self) -> str:
        """The strategy's name."""
        return self.figures.strategy

    @property
    def macro(self) -> float:
        """The share solved; outcomes are of scored tasks."""
        return self.figures.macro or 0.0

    @property
    def dollars(self) -> float:
        """Dollars an answer; nothing where none were booked."""
        return self.figures.dollars_per_task or 0.0


@dataclass(frozen=True)
class Comparison:
    """Outcomes over the same tasks: the only ones whose scores stand on one scale."""

    key: str
    tasks: int
    outcomes: Sequence[Outcome]

    @property
    def experiments(self) -> int:
        """How many experiments they come from."""
        return len({outcome.experiment_id for outcome in self.outcomes})

    def best(self, limit: int = 5) -> list[Outcome]:
        """The best outcome of each strategy, best first; the cheaper one where they tie."""
        found: dict[str, Outcome] = {}
        for outcome in sorted(self.outcomes, key=lambda one: (-one.macro, one.dollars)):
            found.setdefault(outcome.strategy, outcome)
        return list(found.values())[:limit]


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


def comparisons(*, limit: int) -> list[Comparison]:
    """The latest finished experiments by the tasks they ran on: the set most of them share first, the latest among equals.

    From their stored results, in one statement.
    """
    rows = (
        Experiment.objects.filter(status=ExperimentStatus.COMPLETED)
        .order_by("-completed_at", "-pk")
        .values_list("experiment_id", "name", "results")[:limit]
    )
    found: dict[tuple[str, int], list[Outcome]] = {}
    for experiment_id, name, stored in rows:
        results = results_stored(stored)
        for figures in results.strategies if results else ():
            if results and results.task_set and figures.macro is not None:
                key = (results.task_set, figures.tasks)
                found.setdefault(key, []).append(Outcome(experiment_id, name, figures))
    groups = [Comparison(f"{key}-{tasks}", tasks, outcomes) for (key, tasks), outcomes in found.items()]
    return sorted(groups, key=lambda group: -group.experiments)
