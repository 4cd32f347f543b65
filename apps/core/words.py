"""How figures, times and states are written, once for pages, charts, messages and commands.

A figure that is not known is a dash, never a zero. Between a figure and its unit stands `THIN`.
Templates have these as filters of `{% load ui %}`.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

THIN = "\u202f"
"""The narrow space, never broken, between a figure and its unit."""

UNKNOWN = "–"
"""What stands where nothing was measured."""

JOULES_PER_KWH = 3.6e6

_STATUS_WORDS = {
    "in_progress": "running",
    "preparing": "preparing the solver",
    "timeout": "timed out",
    "st_ok": "ok",
}


def status_word(status: object) -> str:
    """The state as a person says it: `in_progress` is "running"."""
    text = str(status or "")
    return _STATUS_WORDS.get(text, text.replace("_", " "))


def count(value: object) -> str:
    """A whole number, grouped: 12,480."""
    value = number(value)
    return UNKNOWN if value is None else f"{round(value):,}"


def noun(value: object, words: str) -> str:
    """The noun that goes with a number: task, tasks. What takes no s says both: "family,families"."""
    one, _, many = words.partition(",")
    return one if count(value) in ("1", "-1") else many or f"{one}s"


def plural(value: object, words: str) -> str:
    """A number with its noun: "1 task", "1,920 tasks", "2 families"."""
    return f"{count(value)} {noun(value, words)}"


def digits(value: object, places: int = 3) -> str:
    """So many significant digits, three by default, grouped."""
    value = number(value)
    return UNKNOWN if value is None else _significant(value, places)


def si(value: object, unit: str = "") -> str:
    """Three significant digits with an SI prefix: 12.5 k, 3.2 MW. The unit stands after a thin space."""
    value = number(value)
    if value is None:
        return UNKNOWN
    size = abs(value)
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""), (1e-3, "m"), (1e-6, "µ")):
        if size >= factor or (factor == 1e-6) or size == 0:
            if size == 0:
                factor, prefix = 1, ""
            tail = f"{prefix}{unit}"
            return _significant(value / factor) + (THIN + tail if tail else "")
    return _significant(value)


def energy(joules: object) -> str:
    """Energy: joules with a prefix, and kilowatt-hours from one on: 61.0 J, 12.5 kJ, 1.25 kWh."""
    value = number(joules)
    if value is not None and abs(value) >= JOULES_PER_KWH:
        return f"{_significant(value / JOULES_PER_KWH)}{THIN}kWh"
    return si(value, "J")


def power(watts: object) -> str:
    """Watts with a prefix: 65.0 W."""
    return si(watts, "W")


def effort(core_seconds: object, places: int = 3) -> str:
    """Core-seconds: 3.20 core-s."""
    value = number(core_seconds)
    return UNKNOWN if value is None else f"{_significant(value, places)}{THIN}core-s"


def size(value: object) -> str:
    """Bytes in binary units: 1.40 GiB."""
    value = number(value)
    if value is None:
        return UNKNOWN
    units = ("B", "KiB", "MiB", "GiB", "TiB")
    power = 0
    while abs(value) >= 1024 and power < len(units) - 1:
        value /= 1024
        power += 1
    return f"{_significant(value)}{THIN}{units[power]}"


def pct(value: object, places: int = 1) -> str:
    """A share of one as per cent: 0.225 is "22.5 %"."""
    value = number(value)
    return UNKNOWN if value is None else f"{value * 100:.{int(places)}f}{THIN}%"


def interval(low: object, high: object) -> str:
    """An interval of shares by its two ends, which need not lie evenly: "57–98 %"; finer where it is narrow."""
    first, last = number(low), number(high)
    if first is None or last is None:
        return UNKNOWN
    width = last - first
    places = 0 if width >= 0.05 else 1 if width >= 0.005 else 2
    return f"{100 * first:.{places}f}–{100 * last:.{places}f}{THIN}%"


def money(value: object) -> str:
    """Dollars and cents; below one, three significant digits: $1,234.50, $0.50, $0.0042."""
    value = number(value)
    if value is None:
        return UNKNOWN
    sign, dollars = ("-" if value < 0 else ""), abs(value)
    if dollars >= 0.995 or dollars == 0:
        return f"{sign}${dollars:,.2f}" if dollars else "$0"
    decimals = 2 - math.floor(math.log10(dollars))
    text = f"{dollars:.{decimals}f}".rstrip("0")
    return f"{sign}${text.ljust(4, '0')}"


def pace(per_second: object) -> str:
    """A rate in the unit that reads well: 1.9/s, 12/min, 3/h."""
    value = number(per_second)
    if value is None:
        return UNKNOWN
    if value == 0:
        return "0/s"
    for factor, unit in ((1, "s"), (60, "min"), (3600, "h")):
        if value * factor >= 0.95 or unit == "h":
            return f"{_significant(value * factor, 2)}/{unit}"
    return ""


def duration(value: object) -> str:
    """Seconds (or a timedelta) as a person says them: 320 ms, 4.2 s, 1 min 10 s, 2 h 05 min, 3 d 4 h."""
    value = _seconds(value)
    if value is None:
        return UNKNOWN
    if value < 0.9995:
        return f"{max(0, round(value * 1000))}{THIN}ms" if value > 0 else f"0{THIN}s"
    if value < 59.5:
        return f"{value:.1f}{THIN}s" if value < 9.95 else f"{round(value)}{THIN}s"
    seconds = round(value)
    if seconds < 3600:
        return f"{seconds // 60}{THIN}min {seconds % 60:02d}{THIN}s"
    if seconds < 86400:
        return f"{seconds // 3600}{THIN}h {seconds % 3600 // 60:02d}{THIN}min"
    return f"{seconds // 86400}{THIN}d {seconds % 86400 // 3600}{THIN}h"


def clock(value: object) -> str:
    """Seconds left as a clock: 1:10, 2:03:40. For ETAs."""
    value = _seconds(value)
    if value is None:
        return UNKNOWN
    seconds = max(0, math.ceil(value))
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def relative(moment: datetime, now: datetime) -> str:
    """How long before (or after) `now`, in the largest unit that fits."""
    seconds = (now - moment).total_seconds()
    future = seconds < 0
    seconds = abs(seconds)
    if seconds < 10:
        return "now"
    for limit, unit, length in ((60, "s", 1), (3600, "min", 60), (86400, "h", 3600), (86400 * 30, "d", 86400)):
        if seconds < limit:
            text = f"{int(seconds // length)}{THIN}{unit}"
            return f"in {text}" if future else f"{text} ago"
    return moment.strftime("%d %b %Y").lstrip("0")


def tail(value: object, length: int = 8) -> str:
    """The end of a long id, where ids differ."""
    text = str(value)
    return text if len(text) <= length + 2 else f"…{text[-length:]}"


def number(value: object) -> float | None:
    """A finite number, or None for what is none."""
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def _seconds(value: object) -> float | None:
    return value.total_seconds() if isinstance(value, timedelta) else number(value)


def _significant(value: float, places: int = 3) -> str:
    if value == 0:
        return "0"
    before = math.floor(math.log10(abs(value))) + 1
    decimals = max(0, places - before)
    text = f"{round(value, decimals):,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text and abs(value) < 1e-2 else text
