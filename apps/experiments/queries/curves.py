"""Score against effort: what share of the tasks is solved within so many core-seconds a task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from apps.experiments.engine.scoring import wilson
from apps.experiments.models import TERMINAL_SOLVES, Solve

MAX_POINTS = 60


class Point(NamedTuple):
    """Within so many core-seconds a task, this share is solved; the interval is Wilson's at 95 %, over tasks."""

    seconds: float
    share: float
    low: float
    high: float


NOTHING = Point(0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Curve:
    """One strategy: at each point the mean over scored tasks of each task's mean over the seeds."""

    strategy: str
    seeds: int
    tasks: int
    points: list[Point]
    longest: float

    @property
    def final(self) -> Point:
        """What is solved in all."""
        return self.points[-1] if self.points else NOTHING


class _Cell(NamedTuple):
    task_id: str
    seed: int
    seconds: float
    score: float


def curves(*, run_id: str) -> list[Curve]:
    """The curve of every strategy, also of those without a scored answer yet; two statements."""
    names = Solve.objects.filter(run_id=run_id).order_by("strategy").values_list("strategy", flat=True).distinct()
    by_strategy: dict[str, list[_Cell]] = {name: [] for name in names}
    rows = (
        Solve.objects.filter(run_id=run_id, status__in=TERMINAL_SOLVES, score__isnull=False)
        .order_by("strategy", "core_seconds", "position")
        .values_list("strategy", "task_id", "seed", "core_seconds", "score")
    )
    for strategy, task_id, seed, seconds, score in rows:
        by_strategy[strategy].append(_Cell(task_id, seed, seconds, score or 0.0))
    return [_curve(strategy, cells) for strategy, cells in by_strategy.items()]


def _curve(strategy: str, cells: Sequence[_Cell]) -> Curve:
    """From cells in the order of their effort."""
    seeds_of = Counter(cell.task_id for cell in cells)
    tasks = len(seeds_of)
    total, points = 0.0, []
    for cell in cells:
        if cell.score > 0:
            total += cell.score / seeds_of[cell.task_id]
            points.append(Point(cell.seconds, total / tasks, *wilson(total, tasks)))
    return Curve(
        strategy=strategy,
        seeds=len({cell.seed for cell in cells}),
        tasks=tasks,
        points=_thinned(points),
        longest=cells[-1].seconds if cells else 0.0,
    )


def _thinned(points: list[Point]) -> list[Point]:
    """Evenly among them, the last one always in."""
    if len(points) <= MAX_POINTS:
        return points
    return [points[round(place * (len(points) - 1) / (MAX_POINTS - 1))] for place in range(MAX_POINTS)]
