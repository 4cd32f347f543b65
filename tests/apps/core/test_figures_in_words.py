"""Figures as a person reads them: unit after a thin space, three digits that count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.template import Context, Template
from django.test import RequestFactory

from apps.core import icons, words
from apps.core.templatetags import ui


def said(text: str) -> str:
    """With thin spaces made visible as plain ones."""
    return text.replace("\u202f", " ")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "–"),
        (0, "0 s"),
        (0.0004, "0 ms"),
        (0.32, "320 ms"),
        (0.9999, "1.0 s"),
        (4.24, "4.2 s"),
        (59.4, "59 s"),
        (59.9, "1 min 00 s"),
        (70, "1 min 10 s"),
        (7500, "2 h 05 min"),
        (timedelta(days=3, hours=4), "3 d 4 h"),
        ("nonsense", "–"),
        (float("nan"), "–"),
    ],
)
def test_durations(seconds: Any, expected: str) -> None:
    assert said(words.duration(seconds)) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(70, "1:10"), (0.2, "0:01"), (7420, "2:03:40"), (None, "–"), (-4, "0:00")]
)
def test_etas(seconds: Any, expected: str) -> None:
    assert words.clock(seconds) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0 J"),
        (0.0042, "4.20 mJ"),
        (61, "61.0 J"),
        (999, "999 J"),
        (3.2e6, "3.20 MJ"),
        (-1500, "-1.50 kJ"),
        (None, "–"),
    ],
)
def test_si_units(value: Any, expected: str) -> None:
    assert said(words.si(value, "J")) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "$0"),
        (0.0042, "$0.0042"),
        (0.0000214, "$0.0000214"),
        (0.5, "$0.50"),
        (0.1234, "$0.123"),
        (0.9999, "$1.00"),
        (42, "$42.00"),
        (1234.5, "$1,234.50"),
        (-3, "-$3.00"),
        (None, "–"),
    ],
)
def test_money(value: Any, expected: str) -> None:
    assert words.money(value) == expected


@pytest.mark.parametrize(
    ("joules", "expected"),
    [(None, "–"), (0, "0 J"), (61, "61.0 J"), (12_480, "12.5 kJ"), (3.6e6, "1.00 kWh"), (4.5e9, "1,250 kWh")],
)
def test_energy_is_joules_and_from_one_kilowatt_hour_on_kilowatt_hours(joules: Any, expected: str) -> None:
    assert said(words.energy(joules)) == expected


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (None, "–"),
        (0, "0/s"),
        (1.9, "1.9/s"),
        (12480, "12,480/s"),
        (0.2, "12/min"),
        (0.99, "0.99/s"),
        (0.0005, "1.8/h"),
    ],
)
def test_rates_are_told_in_the_unit_that_reads_well(rate: Any, expected: str) -> None:
    assert words.pace(rate) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.572, 0.98, "57–98 %"),
        (0.0, 1.0, "0–100 %"),
        (0.219, 0.231, "21.9–23.1 %"),
        (0.2251, 0.2262, "22.51–22.62 %"),
        (None, 0.3, "–"),
    ],
)
def test_an_interval_has_two_ends_and_tells_them_apart(low: Any, high: Any, expected: str) -> None:
    assert said(words.interval(low, high)) == expected


@pytest.mark.parametrize(
    ("number", "noun", "expected"),
    [
        (1, "experiment", "1 experiment"),
        (0, "experiment", "0 experiments"),
        (1920, "task", "1,920 tasks"),
        (2, "family,families", "2 families"),
        (1, "family,families", "1 family"),
        (None, "task", "– tasks"),
    ],
)
def test_one_is_singular(number: Any, noun: str, expected: str) -> None:
    assert words.plural(number, noun) == expected


def test_effort_and_power_carry_their_units() -> None:
    assert said(words.effort(3.2)) == "3.20 core-s"
    assert said(words.power(65)) == "65.0 W"
    assert words.effort(None) == "–"


def test_shares_counts_and_sizes() -> None:
    assert said(words.pct(0.225)) == "22.5 %"
    assert said(words.pct(0.225, 0)) == "22 %"
    assert words.count(12480) == "12,480"
    assert said(words.size(1536)) == "1.50 KiB"
    assert said(words.size(0)) == "0 B"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(3, "now"), (42, "42 s ago"), (150, "2 min ago"), (7300, "2 h ago"), (90000, "1 d ago"), (-90, "in 1 min")],
)
def test_moments_are_told_from_now(seconds: float, expected: str) -> None:
    now = datetime(2026, 5, 4, 12, tzinfo=UTC)
    assert said(words.relative(now - timedelta(seconds=seconds), now)) == expected


def test_an_old_moment_is_a_date() -> None:
    assert words.relative(datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 5, 4, tzinfo=UTC)) == "2 Jan 2026"


def test_a_moment_carries_its_absolute_time() -> None:
    assert 'title="2026-05-04 12:00:00 UTC"' in ui.ago(datetime(2026, 5, 4, 12, tzinfo=UTC))


@pytest.mark.parametrize("status", sorted(icons.STATUS_ICONS))
def test_every_state_has_a_shape_of_its_own_drawing_and_a_word(status: str) -> None:
    assert icons.STATUS_ICONS[status] in icons.PATHS
    assert words.status_word(status)


def test_states_that_end_differently_look_different() -> None:
    shapes = [
        icons.PATHS[icons.STATUS_ICONS[name]] for name in ("completed", "failed", "cancelled", "timeout", "paused")
    ]
    assert len(set(shapes)) == len(shapes)


def test_json_cannot_end_the_element_it_stands_in() -> None:
    assert "</script>" not in ui.json_text({"name": "</script><script>alert(1)</script>"})


def test_page_numbers_keep_the_query_and_leave_gaps() -> None:
    request = RequestFactory().get("/x/?status=failed&page=6")
    links = ui.page_links(Context({"request": request}), 6, 12)
    assert [link["number"] for link in links] == [1, None, 5, 6, 7, None, 12]
    assert [link["number"] for link in ui.page_links(Context({"request": request}), 1, 3)] == [1, 2, 3]
    assert links[0]["url"] == "?status=failed&page=1"


def test_text_in_a_component_is_escaped() -> None:
    html = Template('{% load ui %}{% dialog id="d" title=title %}{{ title }}{% enddialog %}').render(
        Context({"title": "<b>"})
    )
    assert "<b>" not in html
    assert html.count("&lt;b&gt;") == 2


def test_the_table_under_a_chart_keeps_full_precision_and_escapes_names() -> None:
    rows = [["<b>", 1234, 0.123456789, None], ['a" b', 0, float("nan"), True]]
    html = Template("{% load ui %}{% data_rows rows %}").render(Context({"rows": rows}))
    assert html == (
        '<tr><td>&lt;b&gt;</td><td class="num" data-value="1234">1,234</td>'
        '<td class="num" data-value="0.123456789">0.1235</td><td class="num" data-value="">–</td></tr>'
        '<tr><td>a&quot; b</td><td class="num" data-value="0">0</td><td>nan</td><td>True</td></tr>'
    )
