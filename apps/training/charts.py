"""Charts of the training pages, drawn by the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from django.utils.safestring import mark_safe

from apps.core.plots import HEIGHT, Plot
from apps.core.words import count, pct, si

_LEFT, _RIGHT, _TOP, _BOTTOM = 8.0, 2.0, 26, 44


def length_plot(name: str, title: str, histogram: Sequence[Mapping[str, Any]], unit: str) -> Plot:
    """How many examples lie between powers of two: a bar each."""
    total = sum(one["count"] for one in histogram) or 1
    largest = max(histogram, key=lambda one: one["count"], default={"from": 0, "below": 0, "count": 0})
    reading = (
        f"{pct(largest['count'] / total)} of the examples have {count(largest['from'])} to {count(largest['below'] - 1)} {unit}."
        if histogram
        else "There are no examples."
    )
    return Plot(
        id=name,
        title=title,
        reading=reading,
        svg=mark_safe(_bars(histogram, unit, total)),  # noqa: S308 - numbers, and words escaped where they are put in
        head=("From", "Below", "Examples"),
        rows=[(count(one["from"]), count(one["below"]), count(one["count"])) for one in histogram],
    )


def _bars(histogram: Sequence[Mapping[str, Any]], unit: str, total: int) -> str:
    base = HEIGHT - _BOTTOM
    most = max((one["count"] for one in histogram), default=0) or 1
    width = (100 - _LEFT - _RIGHT) / max(1, len(histogram))
    parts = ['<text class="plot-word" x="0" y="12">examples</text>']
    for share in (0.0, 0.5, 1.0):
        y = base - share * (base - _TOP)
        parts.append(
            f'<line class="plot-rule" x1="{_LEFT}%" x2="{100 - _RIGHT}%" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="plot-word" x="{_LEFT - 1}%" y="{y + 4:.1f}" text-anchor="end">{escape(si(round(most * share)))}</text>'
        )
    every = -(-len(histogram) // 8) or 1
    for number, one in enumerate(histogram):
        height = one["count"] / most * (base - _TOP)
        x = _LEFT + number * width
        words = f"{count(one['from'])} to {count(one['below'] - 1)} {unit}: {count(one['count'])} ({pct(one['count'] / total)})"
        parts.append(
            f'<rect class="plot-bar" x="{x + width * 0.06:.2f}%" width="{width * 0.88:.2f}%" y="{base - height:.1f}" '
            f'height="{height:.1f}"><title>{escape(words)}</title></rect>'
        )
        if number % every == 0:
            parts.append(f'<text class="plot-word" x="{x:.2f}%" y="{base + 18}">{escape(si(one["from"]))}</text>')
    parts.append(f'<text class="plot-word" x="50%" y="{HEIGHT - 6}" text-anchor="middle">{escape(unit)}</text>')
    return (
        f'<svg class="plot" width="100%" height="{HEIGHT}" aria-hidden="true" focusable="false">{"".join(parts)}</svg>'
    )
