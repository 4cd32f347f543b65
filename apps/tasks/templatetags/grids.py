"""`{% load grids %}`: ARC grids in templates. CSS may scale the pictures (`.arc-grid`, `.arc-pair`); they stay crisp."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe

from apps.tasks import svg

register = template.Library()


def _cells(value: Any) -> svg.Cells | None:
    """Rows of colours, or None where there is nothing that can be drawn (no answer, a withheld truth)."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, list | tuple) or not value or not isinstance(value[0], list | tuple) or not value[0]:
        return None
    width = len(value[0])
    for row in value:
        if not isinstance(row, list | tuple) or len(row) != width:
            return None
        if not all(isinstance(cell, int) and 0 <= cell <= 9 for cell in row):
            return None
    return value


@register.simple_tag
def grid(
    cells: Any, size: int = 160, digits: bool = False, label: str | None = None, cell: int = 0, beside: int = 0
) -> SafeString:
    """`{% grid cells size=160 digits=True label="Test input" %}`: a grid; nothing where there is none.

    `size` is about the longer side in pixels (or `cell` the pixels of each, to show several to one scale); `label` is for screen readers (default: dimensions and colours; "" for
    decoration beside text that says it); `beside` the columns of the widest grid that stands in the same row.
    """
    drawn = _cells(cells)
    if drawn is None:
        return mark_safe("")
    drawn_text = svg.grid_svg(
        drawn, size=int(size), cell=int(cell or 0), digits=bool(digits), label=label, beside=int(beside or 0)
    )
    return mark_safe(drawn_text)  # noqa: S308 - numbers and an escaped label


@register.simple_tag
def grid_diff(
    predicted: Any, truth: Any, size: int = 160, label: str | None = None, cell: int = 0, beside: int = 0
) -> SafeString:
    """`{% grid_diff predicted truth %}`: the prediction with its errors marked; shows the truth, so ask first."""
    left, right = _cells(predicted), _cells(truth)
    if left is None or right is None:
        return mark_safe("")
    text = svg.diff_svg(left, right, size=int(size), cell=int(cell or 0), label=label, beside=int(beside or 0))
    return mark_safe(text)  # noqa: S308 - as above


@register.simple_tag
def grid_pair(pair: Any, size: int = 72, label: str = "") -> SafeString:
    """`{% grid_pair pair size=72 %}`: an (input, output) pair as one picture."""
    source, target = (_cells(part) for part in pair)
    if source is None or target is None:
        return mark_safe("")
    return mark_safe(svg.pair_svg(source, target, size=int(size), label=label))  # noqa: S308 - as above


@register.simple_tag
def grid_difference(predicted: Any, truth: Any) -> str:
    """`{% grid_difference predicted truth %}`: the difference in words."""
    left, right = _cells(predicted), _cells(truth)
    return svg.difference_sentence(left, right) if left is not None and right is not None else ""


@register.filter
def grid_size(cells: Any) -> str:
    """`{{ cells|grid_size }}`: "rows × columns"."""
    drawn = _cells(cells)
    return f"{len(drawn)} × {len(drawn[0])}" if drawn is not None else ""
