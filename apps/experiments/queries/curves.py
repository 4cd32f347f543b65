"""Score against effort: what share of the tasks is solved within so many core-seconds a task."""

from __future__ import annotations

from dataclasses import dataclass

from apps.experiments.engine.scoring import solve_curve
from apps.experiments.models import TERMINAL_SOLVES, Solve

MAX_POINTS = 100


@dataclass(frozen=True)
class Curve:
    """One row of the matrix: `points` are (core-seconds a task, share of the scored tasks solved within them)."""

    strategy: str
    seed: int
    tasks: int
    points: list[tuple[float, float]]
    longest: float

    @property
    def final(self) -> float:
        """The share solved in all."""
        return self.points[-1][1] if self.points else 0.0


def curves(*, run_id: str) -> list[Curve]:
    """The curve of every row, also of those without a scored answer yet; two statements."""
    names = Solve.objects.filter(run_id=run_id).order_by("strategy", "seed").values_list("strategy", "seed").distinct()
    by_row: dict[tuple[str, int], list[tuple[float, float]]] = {name: [] for name in names}
    rows = (
        Solve.objects.filter(run_id=run_id, status__in=TERMINAL_SOLVES, score__isnull=False)
        .order_by("strategy", "seed", "core_seconds", "position")
        .values_list("strategy", "seed", "core_seconds", "score")
    )
    for strategy, seed, seconds, score in rows:
        by_row[strategy, seed].append((seconds, score or 0.0))
    return [_curve(strategy, seed, results) for (strategy, seed), results in by_row.items()]


def _curve(strategy: str, seed: int, results: list[tuple[float, float]]) -> Curve:
    tasks = len(results)
    solved = sum(1 for _, score in results if score > 0)
    points = None
    if solved > MAX_POINTS:  # evenly among the solved, the last one always in
        seconds = [second for second, score in results if score > 0]
        points = [
            seconds[min(len(seconds) - 1, round(i * (len(seconds) - 1) / (MAX_POINTS - 1)))] for i in range(MAX_POINTS)
        ]
    return Curve(
        strategy=strategy,
        seed=seed,
        tasks=tasks,
        points=[(seconds, total / max(1, tasks)) for seconds, total in solve_curve(results, points)],
        longest=results[-1][0] if results else 0.0,
    )
