"""The lab's own charts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from bokeh.models import NumeralTickFormatter

from apps.core.charts import Chart, Series, add_points, make_chart, new_figure
from apps.experiments.queries.observatory import ScoreCostPoint

ID = "score-cost"


def score_against_cost(points: Sequence[ScoreCostPoint]) -> Chart | None:
    """Share of tasks solved against dollars a task, a series a strategy; None without points."""
    return _score_against_cost(tuple(points)) if points else None


@lru_cache(maxsize=8)
def _score_against_cost(points: tuple[ScoreCostPoint, ...]) -> Chart:
    """Drawn once for the same points: building a figure takes longer than all else on its page."""
    plot = new_figure(
        x_label="dollars a task, log scale",
        y_label="solved, %",
        x_log=True,
        y_range=(0, max(10.0, min(100.0, 1.15 * max(100 * point.macro_high for point in points)))),
        tooltips=[
            ("", "@series, @experiment"),
            ("solved", "@y{0.0} % (@low{0.0} to @high{0.0}) of @tasks tasks"),
            ("a task", "$@x{0.000000}, @core_seconds{0.0} core-s"),
        ],
    )
    plot.xaxis.formatter = NumeralTickFormatter(format="$0.[00000000]")
    series = score_series(points)
    for index, one in enumerate(series):
        add_points(plot, index, one)
    return make_chart(
        plot,
        id=ID,
        title="Score against cost",
        reading=_reading(points),
        head=["Strategy", "Experiment", "Seed", "Tasks", "Solved", "Low", "High", "Dollars a task", "Core-s a task"],
        rows=[
            [
                p.strategy,
                p.experiment,
                p.seed,
                p.tasks,
                p.macro,
                p.macro_low,
                p.macro_high,
                p.dollars_per_task,
                p.core_seconds_per_task,
            ]
            for p in points
        ],
        series=[one.name for one in series],
    )


def score_series(points: Sequence[ScoreCostPoint]) -> list[Series]:
    """A series a strategy, in alphabetical order so that colours stay."""
    return [_one(name, [p for p in points if p.strategy == name]) for name in sorted({p.strategy for p in points})]


def _one(name: str, points: Sequence[ScoreCostPoint]) -> Series:
    return Series(
        name,
        {
            "x": [max(p.dollars_per_task, 1e-9) for p in points],
            "y": [100 * p.macro for p in points],
            "low": [100 * p.macro_low for p in points],
            "high": [100 * p.macro_high for p in points],
            "experiment": [p.experiment for p in points],
            "tasks": [p.tasks for p in points],
            "core_seconds": [p.core_seconds_per_task for p in points],
        },
    )


def _reading(points: Sequence[ScoreCostPoint]) -> str:
    best = max(points, key=lambda p: (p.macro, -p.dollars_per_task))
    words = (
        f"Best: {best.strategy}, {100 * best.macro:.1f} % of {best.tasks} tasks at ${best.dollars_per_task:.3g} a task"
    )
    rivals = [p for p in points if p.macro_high >= best.macro_low and p.dollars_per_task < best.dollars_per_task / 2]
    if not rivals:
        return f"{words}."
    cheapest = min(rivals, key=lambda p: p.dollars_per_task)
    return (
        f"{words}; {cheapest.strategy} ({100 * cheapest.macro:.1f} %) lies within its interval for "
        f"{best.dollars_per_task / cheapest.dollars_per_task:.2g} times less money."
    )
