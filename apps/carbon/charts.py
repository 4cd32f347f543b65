"""The timeline, drawn by the server: a bar a stretch of time, stacked by component."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.safestring import mark_safe

from apps.carbon.queries.reports import Point
from apps.core.plots import HEIGHT, Plot
from apps.core.words import THIN, energy, power

_TOP, _BASE = 34, HEIGHT - 44
_LEFT, _WIDTH = 9.0, 90.0
PARTS = (("cpu_joules", "Processors"), ("gpu_joules", "Accelerators"), ("ram_joules", "Memory"))


def timeline_plot(points: Sequence[Point]) -> Plot:
    """Mean power over time."""
    most = max((point.watts for point in points), default=0.0) or 1.0
    total = sum(point.sums.joules for point in points)
    highest = max(points, key=lambda point: point.watts)
    reading = f"{energy(total)} in all; most at {highest.at:%d %b %H:%M} UTC, {power(highest.watts)} on average."
    return Plot(
        id="timeline",
        title="Power over time",
        reading=reading,
        svg=mark_safe(_svg(points, most)),  # noqa: S308 - numbers and words of ours
        head=("From (UTC)", "Hours", "Processors, J", "Accelerators, J", "Memory, J", "g CO2e"),
        rows=[
            (
                f"{point.at:%Y-%m-%d %H:%M}",
                f"{point.seconds / 3600:g}",
                f"{point.sums.cpu_joules:.6g}",
                f"{point.sums.gpu_joules:.6g}",
                f"{point.sums.ram_joules:.6g}",
                f"{point.sums.grams:.6g}",
            )
            for point in points
        ],
        series=[words for _, words in PARTS],
    )


def _svg(points: Sequence[Point], most: float) -> str:
    parts = ['<text class="plot-word" x="0" y="12">Power</text>']
    for share in (0.0, 0.5, 1.0):
        y = _BASE - share * (_BASE - _TOP)
        parts.append(
            f'<line class="plot-rule" x1="0" x2="{_LEFT + _WIDTH}%" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="plot-word" x="0" y="{y - 4:.1f}">{power(share * most) if share else 0}</text>'
        )
    for number, (name, _) in enumerate(PARTS, 1):
        bars = "".join(_bar(points, place, name, most) for place in range(len(points)))
        parts.append(f'<g class="s{number}">{bars}</g>')
    for place, anchor in ((0, "start"), (len(points) - 1, "end")):
        x = _LEFT if anchor == "start" else _LEFT + _WIDTH
        words = f"{points[place].at:%d %b %H:%M}".replace(" ", THIN)
        parts.append(f'<text class="plot-word" x="{x}%" y="{_BASE + 18}" text-anchor="{anchor}">{words}</text>')
    return (
        f'<svg class="plot" width="100%" height="{HEIGHT}" aria-hidden="true" focusable="false">{"".join(parts)}</svg>'
    )


def _bar(points: Sequence[Point], place: int, name: str, most: float) -> str:
    point = points[place]
    joules = getattr(point.sums, name)
    if joules <= 0:
        return ""
    below = 0.0
    for other, _ in PARTS:
        if other == name:
            break
        below += getattr(point.sums, other)
    scale = (_BASE - _TOP) / (most * point.seconds)
    width = _WIDTH / len(points)
    x, height = _LEFT + width * place, joules * scale
    words = f"{point.at:%d %b %H:%M} UTC: {power(point.watts)}, {energy(point.sums.joules)}"
    return (
        f'<rect x="{x:.3f}%" width="{width * 0.86:.3f}%" y="{_BASE - below * scale - height:.2f}" '
        f'height="{max(height, 0.5):.2f}" fill="currentColor"><title>{words}</title></rect>'
    )
