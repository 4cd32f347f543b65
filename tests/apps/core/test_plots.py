"""Charts the server draws: every point in its place, whatever the values, and no word that is not escaped."""

from __future__ import annotations

import re

import pytest

from apps.core.plots import Dot, Steps, scatter, steps


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


def stairs(svg: str, name: str) -> list[list[tuple[float, float]]]:
    """The corners of each line or band, in the units of the drawing."""
    paths = re.findall(rf'<path class="plot-{name}"[^>]* d="M([^"Z]*)', svg)
    return [[(float(x), float(y)) for x, y in (corner.split() for corner in path.split("L"))] for path in paths]


def rise(*dots: Dot, until: float) -> str:
    """One series of steps."""
    return steps([Steps(dots, until)], x_label="effort", y_label="solved", x_words=str)


def test_steps_begin_at_nothing_rise_where_something_is_reached_and_go_on_to_the_end() -> None:
    (line,) = stairs(rise(Dot(1, 0.5, 0.3, 0.7), Dot(10, 1.0, 0.8, 1.0), until=100), "line")
    heights = [y for _, y in line]
    assert heights == [256.0, 256.0, 141.0, 141.0, 26.0, 26.0]
    across = [x for x, _ in line]
    assert across == sorted(across)
    assert across[1] == across[2]
    assert across[3] == across[4]


def test_a_band_holds_its_line_and_stays_between_nothing_and_all() -> None:
    svg = rise(Dot(1, 0.5, 0.3, 0.7), Dot(10, 0.9, 0.6, 1.0), until=100)
    (band,) = stairs(svg, "band")
    assert [y for _, y in band] == [95.0, 95.0, 26.0, 26.0, 118.0, 118.0, 187.0, 187.0]
    assert all(0 <= x <= 1000 for x, _ in band)


def test_the_scale_of_steps_goes_to_a_hundred_whatever_was_reached() -> None:
    svg = rise(Dot(1, 0.1, 0.0, 0.2), until=2)
    assert re.findall(r'text-anchor="end">(\d+)<', svg)[:6] == ["0", "20", "40", "60", "80", "100"]


@pytest.mark.parametrize("until", [0.0, 1e-9, 5.0])
def test_a_series_that_reached_nothing_is_a_line_along_the_foot(until: float) -> None:
    svg = steps([Steps([], until)], x_label="x", y_label="y", x_words=str)
    (line,) = stairs(svg, "line")
    assert {y for _, y in line} == {256.0}
    assert stairs(svg, "band") == []


def test_series_of_steps_differ_in_colour_and_in_dash() -> None:
    one = Steps([Dot(1, 0.5, 0.4, 0.6, words='<i>"Dawn"')], 2)
    svg = steps([one, one], x_label="x", y_label="y", x_words=str)
    assert re.findall(r'<g class="(s\d)">', svg) == ["s1", "s2"]
    assert svg.count("stroke-dasharray") == 1
    assert "<i>" not in svg
    assert "style=" not in svg
