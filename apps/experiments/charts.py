"""The charts of an experiment."""

from __future__ import annotations

from collections.abc import Sequence

from apps.core.charts import Chart, Series, add_line, make_chart, new_figure, series_data
from apps.experiments.queries.curves import Curve
from apps.experiments.strategies import title_of

CURVE_ID = "solve-curve"
HEAD = ("Strategy", "Seed", "Core-seconds a task", "Solved, %")
_LEAST = 1e-3


def _name(curve: Curve, several_seeds: bool) -> str:
    title = title_of(curve.strategy)
    return f"{title}, seed {curve.seed}" if several_seeds else title


def curve_series(curves: Sequence[Curve]) -> list[Series]:
    """A step line a row: from nothing at the left edge to its last solve, drawn on to its longest task."""
    seeds = {curve.seed for curve in curves}
    made = []
    for curve in curves:
        points = [(max(_LEAST, seconds), 100 * share) for seconds, share in curve.points]
        start = [(points[0][0], 0.0)] if points else [(_LEAST, 0.0)]
        end = [(max(_LEAST, curve.longest), points[-1][1] if points else 0.0)]
        drawn = [*start, *points, *end]
        made.append(Series(_name(curve, len(seeds) > 1), {"x": [x for x, _ in drawn], "y": [y for _, y in drawn]}))
    return made


def curve_rows(curves: Sequence[Curve]) -> list[tuple[str, int, float, float]]:
    """The data beneath the chart."""
    return [(c.strategy, c.seed, round(x, 4), round(100 * y, 2)) for c in curves for x, y in c.points]


def reading(curves: Sequence[Curve]) -> str:
    """What the chart says, in a sentence."""
    solved = [curve for curve in curves if curve.points]
    if not solved:
        return "Nothing has been solved yet."
    best = max(solved, key=lambda curve: curve.final)
    half = next(seconds for seconds, share in best.points if share >= best.final / 2)
    return (
        f"{title_of(best.strategy)} (seed {best.seed}) solves {100 * best.final:.1f} % of {best.tasks} tasks; "
        f"half of that within {half:.3g} core-seconds a task."
    )


def solve_curve_chart(curves: Sequence[Curve]) -> Chart:
    """Share of tasks solved against core-seconds a task, both for every row of the matrix."""
    plot = new_figure(
        x_label="Core-seconds a task (log scale)",
        y_label="Score, %",
        x_log=True,
        height=420,
        tooltips=[("", "@series"), ("within", "@x{0.000} core-s"), ("solved", "@y{0.0} %")],
    )
    series = curve_series(curves)
    for index, one in enumerate(series):
        add_line(plot, index, one, step=True)
    plot.y_range.start = 0
    return make_chart(
        plot,
        id=CURVE_ID,
        title="Score against effort",
        reading=reading(curves),
        head=HEAD,
        rows=curve_rows(curves),
        series=[one.name for one in series],
    )


def solve_curve_data(curves: Sequence[Curve]) -> str:
    """New data for the chart on a page."""
    return series_data(curve_series(curves))
