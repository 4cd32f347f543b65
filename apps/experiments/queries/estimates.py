"""What an experiment would come to: its budget of steps, and what earlier runs of its strategies measured."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from apps.experiments.documents import StrategyFigures
from apps.experiments.models import ENDED, ExperimentRun
from apps.experiments.queries.figures import results_stored
from apps.experiments.strategies import current_version

RUNS_LOOKED_AT = 50
"""The latest runs that ended; measurements of long ago were of another machine, or another lab."""


@dataclass(frozen=True)
class Measured:
    """Core-seconds of a cell of a strategy, measured in so many cells that had `budget` seconds of steps each."""

    core_seconds: float
    cells: int
    budget: float

    def at(self, budget: float) -> float:
        """What a cell would take at another budget, were its share of it the same."""
        return self.core_seconds * budget / self.budget


@dataclass(frozen=True)
class Estimate:
    """What an experiment would come to. `core_seconds` are of steps, an upper bound: easy tasks take less.

    `measured` are of cores, null while a strategy of it has not been measured in its present version; `measured_cells`
    says in how many cells, and `measured_elsewhere` that these had another budget.
    """

    tasks: int
    cells: int
    core_seconds: float
    slots: int
    measured: float | None = None
    measured_cells: int = 0
    measured_elsewhere: bool = False

    @property
    def wall_seconds(self) -> float | None:
        """How long it would take on the workers there are, as measured or at most; null without any."""
        total = self.core_seconds if self.measured is None else self.measured
        return total / self.slots if self.slots else None


def estimate(*, tasks: int, seeds: int, strategies: Iterable[str], budget: float, slots: int) -> Estimate:
    """For so many tasks and seeds, each with these strategies, at `budget` seconds of steps a cell; one statement."""
    names = sorted(strategies)
    cells = tasks * seeds * len(names)
    found = measured(names, budget)
    known = bool(names) and len(found) == len(names)
    return Estimate(
        tasks=tasks,
        cells=cells,
        core_seconds=cells * budget,
        slots=slots,
        measured=sum(tasks * seeds * one.at(budget) for one in found.values()) if known else None,
        measured_cells=sum(one.cells for one in found.values()) if known else 0,
        measured_elsewhere=known and any(one.budget != budget for one in found.values()),
    )


def measured(strategies: Iterable[str], budget: float) -> dict[str, Measured]:
    """What the latest runs say of each strategy in its present version, at the budget nearest to this one."""
    wanted = {name: current_version(name) for name in strategies}
    by_budget: dict[str, dict[float, list[StrategyFigures]]] = {name: {} for name in wanted}
    runs = ExperimentRun.objects.filter(status__in=ENDED).order_by("-completed_at", "-run_id")
    for frozen, metrics, seconds in runs.values_list("strategy_config", "metrics", "experiment__seconds_per_task")[
        :RUNS_LOOKED_AT
    ]:
        results = results_stored(metrics)
        for one in results.strategies if results else ():
            version = frozen.get(one.strategy, {}).get("version")
            if one.done and one.core_seconds_per_task is not None and version == wanted.get(one.strategy, ""):
                by_budget[one.strategy].setdefault(seconds, []).append(one)
    found = {}
    for name, budgets in by_budget.items():
        if budgets:
            nearest = min(budgets, key=lambda known: (abs(math.log(known / budget)), known))
            found[name] = _pooled(budgets[nearest], nearest)
    return found


def _pooled(figures: list[StrategyFigures], budget: float) -> Measured:
    cells = sum(one.done for one in figures)
    total = sum((one.core_seconds_per_task or 0.0) * one.done for one in figures)
    return Measured(total / cells, cells, budget)
