"""Charts: a Bokeh figure in the house's style, its data as a table, one sentence that reads it.

Colours, dashes and markers are set by position in the series; the browser repaints them from the style sheet's
tokens, so that a chart follows light and dark. No scripts travel inside a figure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

# Bokeh is imported where it draws: it takes half a second, which every worker and every command would spend for nothing.
if TYPE_CHECKING:
    from bokeh.models import ColumnDataSource

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#7a7f7c")
"""Okabe and Ito's, in the order of the tokens --s1 to --s8."""

MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "plus", "cross", "star")
DASHES = ("solid", "dashed", "dotted", "dotdash", "dashdot", "solid", "dashed", "dotted")


@dataclass(frozen=True)
class Series:
    """One line or cloud of points: columns of equal length, of which `x` and `y` are drawn.

    `low` and `high` draw an interval; every other column may stand in a tooltip.
    """

    name: str
    columns: Mapping[str, Sequence[Any]]

    def data(self) -> dict[str, list[Any]]:
        """The columns as a data source takes them, with the series' name for the tooltip."""
        size = len(self.columns["x"])
        return {**{key: list(values) for key, values in self.columns.items()}, "series": [self.name] * size}


@dataclass(frozen=True)
class Chart:
    """What `components/chart.html` shows."""

    id: str
    title: str
    reading: str
    item: dict[str, Any]
    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    series: Sequence[str] = field(default_factory=tuple)
    lines: bool = False

    @property
    def legend(self) -> list[tuple[int, str]]:
        """Number (from 1) and name of each series."""
        return list(enumerate(self.series, start=1))


def new_figure(
    *,
    x_label: str,
    y_label: str,
    x_log: bool = False,
    y_log: bool = False,
    y_range: tuple[float, float] | None = None,
    height: int = 300,
    tooltips: Sequence[tuple[str, str]] = (),
) -> Any:
    """An empty figure in the house's style; add to it by `add_points` and `add_line`, or by Bokeh's own means."""
    from bokeh.models import HoverTool, NumeralTickFormatter, Range1d
    from bokeh.plotting import figure

    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        toolbar_location=None,
        tools="",
        x_axis_label=x_label,
        y_axis_label=y_label,
        x_axis_type="log" if x_log else "linear",
        y_axis_type="log" if y_log else "linear",
        output_backend="canvas",
        min_border_right=16,
    )
    if x_log:
        plot.xaxis.formatter = NumeralTickFormatter(format="0,0.[00000000]")
    if y_log:
        plot.yaxis.formatter = NumeralTickFormatter(format="0,0.[00000000]")
    if y_range is not None:
        plot.y_range = Range1d(start=y_range[0], end=y_range[1])
    if tooltips:
        plot.add_tools(HoverTool(tooltips=list(tooltips)))
    plot.outline_line_color = None
    plot.background_fill_color = None
    plot.border_fill_color = None
    plot.xgrid.visible = False
    for axis in plot.axis:
        axis.minor_tick_line_color = None
        axis.major_tick_line_color = None
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = "12px"
        axis.major_label_text_font_size = "12px"
    return plot


def add_points(plot: Any, index: int, series: Series, *, size: int = 10) -> None:
    """A cloud of points, its colour and marker by `index`; with `low` and `high`, an interval through each."""
    source = _source(index, series)
    if {"low", "high"} <= set(series.columns):
        plot.segment(
            x0="x",
            x1="x",
            y0="low",
            y1="high",
            source=source,
            line_color=_colour(index),
            line_alpha=0.5,
            tags=[f"series-{index}"],
        )
    plot.scatter(
        "x",
        "y",
        source=source,
        size=size,
        marker=MARKERS[index % 8],
        fill_color=_colour(index),
        line_color=_colour(index),
        fill_alpha=0.85,
        tags=[f"series-{index}"],
    )


def add_line(plot: Any, index: int, series: Series, *, step: bool = False) -> None:
    """A line, its colour and dash by `index`; with `low` and `high`, a band around it."""
    source = _source(index, series)
    if {"low", "high"} <= set(series.columns):
        plot.varea(
            "x", "low", "high", source=source, fill_color=_colour(index), fill_alpha=0.12, tags=[f"series-{index}"]
        )
    draw = plot.step if step else plot.line
    draw(
        "x",
        "y",
        source=source,
        line_color=_colour(index),
        line_width=2,
        line_dash=DASHES[index % 8],
        tags=[f"series-{index}"],
        **({"mode": "after"} if step else {}),
    )


def make_chart(
    plot: Any,
    *,
    id: str,
    title: str,
    reading: str,
    head: Sequence[str],
    rows: Sequence[Sequence[Any]],
    series: Sequence[str] = (),
    lines: bool = False,
) -> Chart:
    """The finished chart. `reading` says in one line what a person should see; `head` and `rows` are its data.

    With more than one of the `series` there is a legend, of dashes where they are `lines`.
    """
    from bokeh.embed import json_item

    return Chart(
        id=id,
        title=title,
        reading=reading,
        item=dict(json_item(plot, cast(Any, id))),
        head=head,
        rows=rows,
        series=series,
        lines=lines,
    )


def series_data(series: Sequence[Series]) -> str:
    """New data for a chart on a page: JSON for `components/chart_data.html`, swapped in out of band."""
    text = json.dumps({f"series-{index}": one.data() for index, one in enumerate(series)})
    return text.replace("<", "\\u003C")  # nothing in it may end the element it stands in


def _source(index: int, series: Series) -> ColumnDataSource:
    from bokeh.models import ColumnDataSource

    return ColumnDataSource(series.data(), name=f"series-{index}")


def _colour(index: int) -> str:
    return COLOURS[index % 8]
