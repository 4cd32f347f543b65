"""The charts of an experiment."""

from __future__ import annotations

from collections.abc import Sequence

from apps.core.plots import Dot, Plot, Steps, steps
from apps.core.words import effort, interval, pct, plural
from apps.experiments.queries.curves import Curve, Point
from apps.experiments.strategies import title_of

CURVE_ID = "solve-curve"
HEAD = ("Strategy", "Seeds", "Core-seconds a task", "Solved, %", "Low, %", "High, %")
_LEAST = 1e-3


def solve_curve(curves: Sequence[Curve]) -> Plot:
    """Share of a task's test outputs solved against core-seconds a task: the mean over seeds, in its interval."""
    return Plot(
        id=CURVE_ID,
        title="Score against effort",
        reading=_reading(curves),
        svg=steps(
            [_steps(curve) for curve in curves],
            x_label="core-seconds a task, measured, log scale",
            y_label="solved, %",
            x_words=_plain,
        ),
        head=HEAD,
        rows=[_data(curve, point) for curve in curves for point in curve.points],
        series=[_name(curve) for curve in curves],
        lines=True,
    )


def _plain(seconds: float) -> str:
    return f"{seconds:g}"


def _name(curve: Curve) -> str:
    title = title_of(curve.strategy)
    return title if curve.seeds <= 1 else f"{title} (mean of {plural(curve.seeds, 'seed')})"


def _steps(curve: Curve) -> Steps:
    dots = [
        Dot(
            max(_LEAST, point.seconds),
            point.share,
            point.low,
            point.high,
            f"{_name(curve)}: {pct(point.share)} ({interval(point.low, point.high)}) within {effort(point.seconds)} a task",
        )
        for point in curve.points
    ]
    return Steps(dots, max(_LEAST, curve.longest))


def _data(curve: Curve, point: Point) -> tuple[str, int, float, float, float, float]:
    low, high = round(100 * point.low, 2), round(100 * point.high, 2)
    return title_of(curve.strategy), curve.seeds, round(point.seconds, 4), round(100 * point.share, 2), low, high


def _reading(curves: Sequence[Curve]) -> str:
    """What the chart says, in a sentence."""
    solved = [curve for curve in curves if curve.points]
    if not solved:
        return "Nothing has been solved yet."
    best = max(solved, key=lambda curve: curve.final.share)
    half = next(point.seconds for point in best.points if point.share >= best.final.share / 2)
    return (
        f"{_name(best)} solves {pct(best.final.share)} ({interval(best.final.low, best.final.high)}) of "
        f"{plural(best.tasks, 'task')}; half of that within {effort(half)} a task."
    )
