"""An event of the log as a line for people, for every page that shows a log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from apps.core.jobs import reports


@dataclass(frozen=True)
class LogLine:
    """One line of a log viewer. `key` is the position of its event, so that a live page never adds a line twice."""

    at: datetime
    level: str
    text: str
    key: str = ""


def log_line(type: str, payload: Mapping[str, Any], at: datetime, key: str = "") -> LogLine | None:
    """What people are shown of an event; None for what a log leaves out."""
    said = reports.read(type, payload)
    line = said.line() if said is not None else None
    return LogLine(at, line.level.lower(), line.text, key) if line is not None else None


def drawn(lines: Iterable[LogLine]) -> SafeString:
    """The lines as a log viewer holds them; without a template each, there may be hundreds."""
    return mark_safe("".join(map(_drawn, lines)))  # noqa: S308 - escaped in the parts


def _drawn(line: LogLine) -> str:
    level, key = escape(line.level), f' id="e{escape(line.key)}"' if line.key else ""
    return (
        f'<div class="log-line"{key} data-level="{level}"><time datetime="{line.at.isoformat()}" '
        f'title="{line.at:%Y-%m-%d %H:%M:%S} UTC">{line.at:%H:%M:%S}.{line.at.microsecond // 1000:03d}</time>'
        f'<span class="log-level st-{level}">{level}</span><span class="log-text">{escape(line.text)}</span></div>'
    )
