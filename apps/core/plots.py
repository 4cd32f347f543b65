"""Small charts drawn by the server: an SVG of a few kilobytes, in the style sheet's colours, for what no one zooms.

Places across are percentages, so that the drawing takes the width it is given and its words keep their size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from apps.core.words import money

HEIGHT = 300
_TOP, _BOTTOM = 26, 44
_LEFT, _RIGHT = 8.0, 2.0  # per cent; the scale of a phone needs no more
_STEPS = (1, 2, 5, 10, 20, 25)
_MOST_TICKS = 6

SHAPES = (
    '<circle r="5"/>',
    '<rect x="-4.5" y="-4.5" width="9" height="9"/>',
    '<path d="M0-5.5 5.5 4.5h-11Z"/>',
    '<path d="M0-6 6 0 0 6-6 0Z"/>',
    '<path d="M0 5.5-5.5-4.5h11Z"/>',
    '<path d="M-1.7-5.5h3.4v3.8h3.8v3.4H1.7v3.8h-3.4V1.7h-3.8v-3.4h3.8Z"/>',
    '<path d="M-5-3-3-5 0-2 3-5 5-3 2 0 5 3 3 5 0 2-3 5-5 3-2 0Z"/>',
    '<path d="m0-6 1.7 3.9 4.3.4-3.2 2.8 1 4.2L0 3l-3.8 2.3 1-4.2L-6-1.7l4.3-.4Z"/>',
)
"""The markers of the series by position, as in the legend."""


@dataclass(frozen=True)
class Dot:
    """A point with its interval; `words` say all of it to whoever points at it."""

    x: float
    y: float
    low: float
    high: float
    words: str = ""


@dataclass(frozen=True)
class Steps:
    """A share that grows in steps: its dots from left to right, and how far right it is known to stay as it is."""

    dots: Sequence[Dot]
    until: float


@dataclass(frozen=True)
class Plot:
    """What `components/plot.html` shows: a title, one line that reads it, the drawing, its data."""

    id: str
    title: str
    reading: str
    svg: SafeString
    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    series: Sequence[str] = field(default_factory=tuple)
    lines: bool = False

    @property
    def legend(self) -> list[tuple[int, str]]:
        """Number (from 1) and name of each series."""
        return list(enumerate(self.series, start=1))


def scatter(
    series: Sequence[Sequence[Dot]], *, x_label: str, y_label: str, x_words: Callable[[float], str] = money
) -> SafeString:
    """Points with their intervals, shares of one upward, a logarithmic scale across; a colour and a marker a series."""
    dots = [dot for one in series for dot in one]
    ticks = _log_scale([dot.x for dot in dots])
    top = _ceiling(max((dot.high for dot in dots), default=1.0))

    def across(value: float) -> float:
        share = math.log10(max(value, ticks[0]) / ticks[0]) / math.log10(ticks[-1] / ticks[0])
        return _LEFT + share * (100 - _LEFT - _RIGHT)

    def up(share: float) -> float:
        return HEIGHT - _BOTTOM - min(share, top) / top * (HEIGHT - _BOTTOM - _TOP)

    parts = [*_rules(top, up, y_label), *_marks(ticks, across, x_words, x_label)]
    for number, one in enumerate(series):
        shape = SHAPES[number % len(SHAPES)]
        marks = "".join(_dot(dot, across(dot.x), up, shape) for dot in one)
        parts.append(f'<g class="s{number % len(SHAPES) + 1}">{marks}</g>')
    return mark_safe(  # noqa: S308 - numbers, and words escaped where they are put in
        f'<svg class="plot" width="100%" height="{HEIGHT}" aria-hidden="true" focusable="false">{"".join(parts)}</svg>'
    )


def steps(series: Sequence[Steps], *, x_label: str, y_label: str, x_words: Callable[[float], str]) -> SafeString:
    """Shares of one, from nothing to all, that grow in steps, each in a band; a logarithmic scale across, a dash a series."""
    ticks = _log_scale([x for one in series for x in (*(dot.x for dot in one.dots), one.until)])
    base = HEIGHT - _BOTTOM

    def share_across(value: float) -> float:
        return math.log10(min(max(value, ticks[0]), ticks[-1]) / ticks[0]) / math.log10(ticks[-1] / ticks[0])

    def across(value: float) -> float:
        return _LEFT + share_across(value) * (100 - _LEFT - _RIGHT)

    def up(share: float) -> float:
        return base - share * (base - _TOP)

    parts = [*_rules(1.0, up, y_label), *_marks(ticks, across, x_words, x_label)]
    for number, one in enumerate(series):
        dash = DASHES[number % len(DASHES)]
        parts.append(f'<g class="s{number % len(SHAPES) + 1}">{_stairs(one, share_across, up, dash)}')
        parts += [
            f'<svg x="{across(dot.x):.2f}%" y="{up(dot.y):.1f}" overflow="visible">'
            f'<circle class="plot-hit" r="7"><title>{escape(dot.words)}</title></circle></svg>'
            for dot in one.dots
            if dot.words
        ]
        parts.append("</g>")
    return mark_safe(  # noqa: S308 - numbers, and words escaped where they are put in
        f'<svg class="plot" width="100%" height="{HEIGHT}" aria-hidden="true" focusable="false">{"".join(parts)}</svg>'
    )


DASHES = ("", "7 4", "2 4", "2 4 7 4", "7 4 2 4", "", "7 4", "2 4")
"""The dashes of the series by position, as in the legend."""
_ACROSS = 1000


def _stairs(one: Steps, across: Callable[[float], float], up: Callable[[float], float], dash: str) -> str:
    """The line and its band, in a frame that is stretched to the width there is."""
    places = [across(dot.x) * _ACROSS for dot in one.dots]
    ends = [*places[1:], max(across(one.until) * _ACROSS, places[-1])] if places else []

    def treads(heights: Sequence[float]) -> list[str]:
        return [f"{x:.1f} {y:.1f}L{end:.1f} {y:.1f}" for x, end, y in zip(places, ends, heights, strict=True)]

    start = f"0 {up(0.0):.1f}"
    rise = f"{places[0] if places else across(one.until) * _ACROSS:.1f} {up(0.0):.1f}"
    line = "L".join([start, rise, *treads([up(dot.y) for dot in one.dots])])
    upper = treads([up(dot.high) for dot in one.dots])
    lower = [
        f"{end:.1f} {y:.1f}L{x:.1f} {y:.1f}"
        for x, end, y in zip(places, ends, [up(d.low) for d in one.dots], strict=True)
    ]
    band = f'<path class="plot-band" d="M{"L".join([*upper, *reversed(lower)])}Z"/>' if places else ""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<svg x="{_LEFT}%" width="{100 - _LEFT - _RIGHT}%" height="{HEIGHT}" viewBox="0 0 {_ACROSS} {HEIGHT}" '
        f'preserveAspectRatio="none">{band}<path class="plot-line" vector-effect="non-scaling-stroke" d="M{line}"{dashed}/></svg>'
    )


def _dot(dot: Dot, x: float, up: Callable[[float], float], shape: str) -> str:
    """A marker on its interval; the group carries the words."""
    title = f"<title>{escape(dot.words)}</title>" if dot.words else ""
    return (
        f'<g>{title}<line class="plot-range" x1="{x:.2f}%" x2="{x:.2f}%" y1="{up(dot.low):.1f}" y2="{up(dot.high):.1f}"/>'
        f'<svg x="{x:.2f}%" y="{up(dot.y):.1f}" overflow="visible">{shape}</svg></g>'
    )


def _rules(top: float, up: Callable[[float], float], label: str) -> list[str]:
    """Lines across at round shares, each with its figure."""
    step = next((step for step in _STEPS if 100 * top / step <= _MOST_TICKS), _STEPS[-1])
    parts = [f'<text class="plot-word" x="0" y="12">{escape(label)}</text>']
    for percent in range(0, round(100 * top) + 1, step):
        y = up(percent / 100)
        parts.append(
            f'<line class="plot-rule" x1="{_LEFT}%" x2="{100 - _RIGHT}%" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="plot-word" x="{_LEFT - 1}%" y="{y + 4:.1f}" text-anchor="end">{percent}</text>'
        )
    return parts


def _marks(
    ticks: Sequence[float], across: Callable[[float], float], words: Callable[[float], str], label: str
) -> list[str]:
    """The figures along the foot."""
    base = HEIGHT - _BOTTOM
    parts = [f'<text class="plot-word" x="50%" y="{HEIGHT - 6}" text-anchor="middle">{escape(label)}</text>']
    for tick in ticks:
        x = across(tick)
        anchor = "start" if tick == ticks[0] else "end" if tick == ticks[-1] else "middle"
        parts.append(
            f'<line class="plot-rule" x1="{x:.2f}%" x2="{x:.2f}%" y1="{base}" y2="{base + 4}"/>'
            f'<text class="plot-word" x="{x:.2f}%" y="{base + 18}" text-anchor="{anchor}">{escape(words(tick))}</text>'
        )
    return parts


def _log_scale(values: Sequence[float]) -> list[float]:
    """Round figures (1, 2, 5 and their tenfolds) from below the values to above, few enough to be read."""
    known = [value for value in values if value > 0] or [1e-6]
    low, high = math.floor(math.log10(min(known))) - 1, math.ceil(math.log10(max(known))) + 1
    steps = [float(f"{digit}e{power}") for power in range(low, high + 1) for digit in (1, 2, 5)]
    first = max(index for index, step in enumerate(steps) if step < min(known))
    last = min(index for index, step in enumerate(steps) if step > max(known))
    ticks = steps[first : last + 1]
    if len(ticks) <= _MOST_TICKS:
        return ticks
    every = -(-(len(ticks) // 3 + 1) // _MOST_TICKS)
    tens = [tick for index, tick in enumerate(steps) if index % (3 * every) == 0]
    before = [tick for tick in tens if tick <= ticks[0]][-1]
    after = next((tick for tick in tens if tick >= ticks[-1]), tens[-1] * 10**every)
    return [*(tick for tick in tens if before <= tick < after), after]


def _ceiling(share: float) -> float:
    """A round share above all that is drawn."""
    return min(1.0, max(0.1, math.ceil(share * 10 + 0.2) / 10))
