"""Charts the server draws: every point in its place, whatever the values, and no word that is not escaped."""

from __future__ import annotations

import re

import pytest

from apps.core.plots import Dot, scatter


def places(svg: str) -> list[tuple[float, float]]:
    """Where the markers stand: per cent across, pixels down."""
    return [(float(x), float(y)) for x, y in re.findall(r'<svg x="([\d.]+)%" y="([\d.]+)"', svg)]


def test_dearer_stands_to_the_right_and_better_above() -> None:
    cheap, dear = Dot(0.001, 0.2, 0.1, 0.3), Dot(0.1, 0.6, 0.5, 0.7)
    (x1, y1), (x2, y2) = places(scatter([[cheap], [dear]], x_label="dollars", y_label="solved"))
    assert x1 < x2
    assert y1 > y2


def test_series_differ_in_colour_and_in_shape() -> None:
    one = Dot(1, 0.5, 0.4, 0.6)
    svg = scatter([[one], [one]], x_label="x", y_label="y")
    assert re.findall(r'<g class="(s\d)">', svg) == ["s1", "s2"]
    assert "<circle" in svg
    assert "<rect" in svg


@pytest.mark.parametrize("values", [[], [0.0], [0.0, 5.0], [1e-9], [1e-9, 1e6], [3.0, 3.0]])
def test_whatever_the_values_all_stands_inside(values: list[float]) -> None:
    svg = scatter([[Dot(value, 1.0, 0.0, 1.0) for value in values]], x_label="x", y_label="y")
    found = places(svg)
    assert len(found) == len(values)
    assert all(0 <= x <= 100 and 0 <= y <= 300 for x, y in found)
    assert 2 <= len(re.findall(r'y="274', svg)) <= 8


def test_words_are_escaped_and_the_drawing_needs_no_inline_style() -> None:
    svg = scatter([[Dot(1, 0.5, 0.4, 0.6, words='<b>"Dawn"')]], x_label="<x>", y_label="&y")
    assert "<b>" not in svg
    assert "&lt;x&gt;" in svg
    assert "&amp;y" in svg
    assert "style=" not in svg
