"""Figures as a person reads them: unit after a thin space, three digits that count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.template import Context, Template
from django.test import RequestFactory

from apps.core import icons
from apps.core.templatetags import ui


def said(text: str) -> str:
    """With thin spaces made visible as plain ones."""
    return text.replace("\u202f", " ")


@pytest.mark.parametrize(
    ("seconds", "words"),
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
def test_durations(seconds: Any, words: str) -> None:
    assert said(ui.duration(seconds)) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(70, "1:10"), (0.2, "0:01"), (7420, "2:03:40"), (None, "–"), (-4, "0:00")]
)
def test_etas(seconds: Any, words: str) -> None:
    assert ui.clock(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"),
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
def test_si_units(value: Any, words: str) -> None:
    assert said(ui.si(value, "J")) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "$0"),
        (0.0042, "$0.0042"),
        (0.5, "$0.500"),
        (42, "$42.0"),
        (1234.5, "$1,234.50"),
        (-3, "-$3.00"),
        (None, "–"),
    ],
)
def test_money(value: Any, words: str) -> None:
    assert ui.money(value) == words


def test_shares_counts_and_sizes() -> None:
    assert said(ui.pct(0.225)) == "22.5 %"
    assert said(ui.pct(0.225, 0)) == "22 %"
    assert ui.count(12480) == "12,480"
    assert said(ui.size(1536)) == "1.50 KiB"
    assert said(ui.size(0)) == "0 B"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3, "now"), (42, "42 s ago"), (150, "2 min ago"), (7300, "2 h ago"), (90000, "1 d ago"), (-90, "in 1 min")],
)
def test_moments_are_told_from_now(seconds: float, words: str) -> None:
    now = datetime(2026, 5, 4, 12, tzinfo=UTC)
    assert said(ui.relative(now - timedelta(seconds=seconds), now)) == words


def test_an_old_moment_is_a_date() -> None:
    assert ui.relative(datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 5, 4, tzinfo=UTC)) == "2 Jan 2026"


def test_a_moment_carries_its_absolute_time() -> None:
    assert 'title="2026-05-04 12:00:00 UTC"' in ui.ago(datetime(2026, 5, 4, 12, tzinfo=UTC))


@pytest.mark.parametrize("status", sorted(icons.STATUS_ICONS))
def test_every_state_has_a_shape_of_its_own_drawing_and_a_word(status: str) -> None:
    assert icons.STATUS_ICONS[status] in icons.PATHS
    assert ui.status_word(status)


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


def test_a_column_is_sorted_the_other_way_by_a_second_click_and_starts_on_page_one() -> None:
    request = RequestFactory().get("/x/?q=a&sort=name&page=4")
    html = Template('{% load ui %}{% sort_header "name" "Name" %}{% sort_header "cost" "Cost" first="desc" %}').render(
        Context({"request": request})
    )
    assert 'aria-sort="ascending"' in html
    assert 'href="?q=a&amp;sort=-name"' in html
    assert 'href="?q=a&amp;sort=-cost"' in html


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
