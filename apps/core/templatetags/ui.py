"""Words and shapes for pages: icons, figures with their units, times, states, and the components that wrap a body."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from html import escape
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from apps.core import icons, words
from apps.core.log_lines import LogLine, drawn
from apps.core.pagination import page_numbers

register = template.Library()

for _filter in (
    words.clock,
    words.count,
    words.digits,
    words.duration,
    words.effort,
    words.energy,
    words.money,
    words.noun,
    words.pace,
    words.pct,
    words.plural,
    words.power,
    words.si,
    words.size,
    words.status_word,
    words.tail,
):
    register.filter(_filter)
register.simple_tag(words.interval)


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """`{% icon "play" %}`: an inline SVG; `extra` adds classes."""
    return mark_safe(icons.svg(name, str(conditional_escape(extra))))  # noqa: S308 - our own drawing


@register.simple_tag
def status_icon(status: str, extra: str = "") -> SafeString:
    """The shape that says the state, for use beside its word."""
    name = icons.STATUS_ICONS.get(str(status), "st-queued")
    return mark_safe(icons.svg(name, str(conditional_escape(extra))))  # noqa: S308 - our own drawing


@register.simple_tag
def badge(status: object, label: object = "") -> SafeString:
    """A state: its shape, then its word. Drawn without a template: a list has one a row."""
    state, said = str(status or ""), str(label or "")
    return _badge(state, said or words.status_word(state))


@lru_cache(maxsize=512)
def _badge(state: str, said: str) -> SafeString:
    shape = icons.svg(icons.STATUS_ICONS.get(state, "st-queued"))
    return format_html('<span class="badge st-{}">{}{}</span>', state, SafeString(shape), said)


@register.simple_tag
def cell_icon(state: str, extra: str = "") -> SafeString:
    """The shape of a matrix cell: exact, partial, wrong, nothing, error, running, waiting or cancelled."""
    name = f"cell-{state}" if f"cell-{state}" in icons.PATHS else "cell-waiting"
    return mark_safe(icons.svg(name, str(conditional_escape(extra))))  # noqa: S308 - our own drawing


@register.filter
def ago(value: datetime | None) -> SafeString | str:
    """A moment, relative, with the absolute in the title; `time.js` keeps it true while the page stays open."""
    if not isinstance(value, datetime):
        return "–"
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        value.isoformat(timespec="seconds"),
        timezone.localtime(value).strftime("%Y-%m-%d %H:%M:%S %Z"),
        words.relative(value, timezone.now()),
    )


@register.filter
def pretty_json(value: object) -> str:
    """A stored value as indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str, sort_keys=False)


@register.simple_tag
def spark(values: Sequence[float], label: str = "") -> SafeString:
    """A word-sized line of recent values."""
    points = [float(value) for value in values]
    if len(points) < 2:
        return SafeString("")
    low, high = min(points), max(points)
    span = (high - low) or 1.0
    step = 72 / (len(points) - 1)
    path = " ".join(f"{i * step:.1f},{18 - (p - low) / span * 16:.1f}" for i, p in enumerate(points))
    role = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html(
        '<svg class="spark" viewBox="0 0 72 20" preserveAspectRatio="none" {}><polyline points="{}"/></svg>', role, path
    )


@register.simple_tag(takes_context=True)
def page_links(context: template.Context, page: int, pages: int, name: str = "page") -> list[dict[str, Any]]:
    """Page numbers to show, each `{number, url, current}`; a gap has no number."""
    query = context["request"].GET.copy()

    def url(number: int) -> str:
        query[name] = str(number)
        return f"?{query.urlencode()}"

    return [
        {"number": number, "url": url(number) if number else "", "current": number == page}
        for number in page_numbers(page, pages)
    ]


@register.simple_tag(takes_context=True)
def with_query(context: template.Context, **changes: Any) -> str:
    """The current query string with some values changed; None removes one."""
    query = context["request"].GET.copy()
    for key, value in changes.items():
        if value is None:
            query.pop(key, None)
        else:
            query[key] = str(value)
    return f"?{query.urlencode()}"


@register.simple_tag
def json_text(value: object) -> SafeString:
    """A value as JSON that cannot end the element it stands in."""
    text = json.dumps(value, separators=(",", ":"), default=str)
    for character, escaped in (("<", "\\u003C"), (">", "\\u003E"), ("&", "\\u0026")):
        text = text.replace(character, escaped)
    return mark_safe(text)  # noqa: S308 - escaped above


@register.simple_tag
def series_mark(number: int) -> SafeString:
    """The marker of the series of that number, from 1, for a legend."""
    shapes = (
        '<circle cx="6" cy="6" r="4.5"/>',
        '<rect x="1.5" y="1.5" width="9" height="9"/>',
        '<path d="M6 1 11 10.5H1Z"/>',
        '<path d="M6 .5 11.5 6 6 11.5.5 6Z"/>',
        '<path d="M6 11 1 1.5h10Z"/>',
        '<path d="M4.5 1h3v3.5H11v3H7.5V11h-3V7.5H1v-3h3.5Z"/>',
        '<path d="M1 3 3 1l3 3 3-3 2 2-3 3 3 3-2 2-3-3-3 3-2-2 3-3Z"/>',
        '<path d="m6 .5 1.7 3.7 4 .4-3 2.7.9 4L6 9.2l-3.6 2.1.9-4-3-2.7 4-.4Z"/>',
    )
    return SafeString(shapes[(number - 1) % len(shapes)])


@register.simple_tag
def series_dash(number: int) -> SafeString:
    """The dash of the series of that number, from 1, for the legend of lines."""
    dashes = ("", "6 3", "2 3", "2 3 6 3", "6 3 2 3", "", "6 3", "2 3")
    return format_html('<path d="M0 6h22" stroke-dasharray="{}"/>', dashes[(number - 1) % len(dashes)])


@register.simple_tag
def log_lines(lines: Iterable[LogLine]) -> SafeString:
    """The lines of a log viewer."""
    return drawn(lines)


@register.simple_tag
def data_rows(rows: Iterable[Sequence[object]]) -> SafeString:
    """The rows of a data table; drawn without a template each, there may be hundreds."""
    return mark_safe("".join(f"<tr>{''.join(map(_data_cell, row))}</tr>" for row in rows))  # noqa: S308 - escaped in the cells


def _data_cell(value: object) -> str:
    """Figures to the right, at full precision for whoever copies them."""
    if value is None:
        return '<td class="num" data-value="">–</td>'
    number = words.number(value) if isinstance(value, int | float) else None
    if number is None:
        return f"<td>{escape(str(value))}</td>"
    shown = f"{value:,}" if isinstance(value, int) else words.digits(number, 4)
    return f'<td class="num" data-value="{value!r}">{shown}</td>'


@register.simple_block_tag
def dialog(content: str, id: str, title: str, css: str = "") -> str:
    """`{% dialog id="x" title="…" %}…{% enddialog %}`: a native dialog, opened by `data-dialog-open="x"`."""
    return render_to_string(
        "components/dialog.html", {"id": id, "title": title, "css": css, "kind": "dialog", "body": content}
    )


@register.simple_block_tag
def side_panel(content: str, id: str, title: str, close_url: str = "", open: bool = False) -> str:
    """`{% side_panel id="x" title="…" %}…{% endside_panel %}`: details at the right, with their own URL."""
    return render_to_string(
        "components/side_panel.html",
        {"id": id, "title": title, "close_url": close_url, "open": open, "body": content},
    )


@register.simple_block_tag
def menu(content: str, label: str = "More", css: str = "btn btn-icon", icon_name: str = "more") -> str:
    """`{% menu label="More" %}…{% endmenu %}`: what does not fit the title row, behind one button."""
    return render_to_string(
        "components/menu.html", {"label": label, "css": css, "icon_name": icon_name, "body": content}
    )
