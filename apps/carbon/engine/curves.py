"""Carbon intensity by the hour: a curve read from CSV whole or not at all, the mean over a time, and its cleanest window."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

HOUR = 3600.0
EDGE = 1e-6
"""Seconds that floats lose."""
MAX_GRAMS = 3000.0
"""More than burning anything: a curve above is in another unit."""
MAX_HOURS = 24 * 366 * 3
MAX_FAULTS = 20
TIME_COLUMNS = ("timestamp", "datetime", "datetime (utc)", "hour", "time")
GRAMS_COLUMNS = ("grams_per_kwh", "g_per_kwh", "gco2e_per_kwh", "carbon_intensity_g_per_kwh")


class BadCurve(ValueError):
    """A curve that cannot be used, with every fault found: line and reason."""

    def __init__(self, faults: Sequence[tuple[int, str]]) -> None:
        self.faults = list(faults)
        super().__init__("; ".join(f"line {line}: {reason}" for line, reason in self.faults))


class Rows(Protocol):
    """A reader of CSV."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...


@dataclass(frozen=True)
class Curve:
    """Grams a kilowatt-hour, hour after hour without a gap, from `start` (seconds since 1970)."""

    start: float
    grams: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.grams or not all(math.isfinite(value) and 0 <= value <= MAX_GRAMS for value in self.grams):
            raise ValueError(f"a curve has hours, each of 0 to {MAX_GRAMS:g} g a kWh")

    @property
    def end(self) -> float:
        """Where it ends."""
        return self.start + HOUR * len(self.grams)

    def at(self, moment: float) -> float | None:
        """The hour's value; null outside of the curve."""
        hour = math.floor((moment - self.start) / HOUR)
        return self.grams[hour] if 0 <= hour < len(self.grams) else None

    def mean(self, start: float, end: float) -> float | None:
        """Over a time by its seconds; null where a part of it lies outside."""
        if end <= start:
            return self.at(start)
        if start < self.start or end > self.end + EDGE:
            return None
        total, moment = 0.0, start
        while moment < end:
            hour = min(len(self.grams) - 1, math.floor((moment - self.start) / HOUR))
            until = min(end, self.start + HOUR * (hour + 1))
            if until <= moment:  # the last bit of a float at the edge of an hour
                break
            total += self.grams[hour] * (until - moment)
            moment = until
        return total / (end - start)

    def overlaps(self, other: Curve) -> bool:
        """Whether both say something of one hour."""
        return self.start < other.end and other.start < self.end


def read_csv(text: str) -> Curve:
    """A curve from `timestamp,grams_per_kwh`, one line an hour; `BadCurve` names the line and the reason of each fault."""
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        time_column, grams_column = _columns(header)
        found, faults = _hours(rows, time_column, grams_column, len(header))
    except csv.Error as error:
        raise BadCurve([(rows.line_num, f"this is no CSV: {error}")]) from None
    if not found and not faults:
        faults.append((2, "there are no hours below the header"))
    if found and not faults and max(grams for _, _, grams in found) < 2 and any(grams > 0 for _, _, grams in found):
        faults.append((2, "all values are below 2 g: these look like kilograms a kWh, multiply them by 1000"))
    if faults:
        raise BadCurve(faults[:MAX_FAULTS])
    return Curve(found[0][1], tuple(grams for _, _, grams in found))


def _columns(header: list[str]) -> tuple[int, int]:
    times = [number for number, name in enumerate(header) if name in TIME_COLUMNS]
    grams = [number for number, name in enumerate(header) if name in GRAMS_COLUMNS]
    if not times:
        raise BadCurve([(1, "no column of times: name one timestamp")])
    if not grams:
        raise BadCurve([(1, "no column of values with their unit: name it grams_per_kwh, in grams of CO2e a kWh")])
    if len(times) > 1 or len(grams) > 1:
        raise BadCurve([(1, "two columns of the same kind: keep one of times and one of values")])
    return times[0], grams[0]


def _hours(
    rows: Rows, time_column: int, grams_column: int, width: int
) -> tuple[list[tuple[int, float, float]], list[tuple[int, str]]]:
    found: list[tuple[int, float, float]] = []
    faults: list[tuple[int, str]] = []
    expected: float | None = None
    for row in rows:
        line = rows.line_num
        if not any(cell.strip() for cell in row):
            continue
        if len(faults) >= MAX_FAULTS or len(found) > MAX_HOURS:
            break
        try:
            if len(row) != width:
                raise ValueError(f"{len(row)} columns, the header has {width}")
            moment = _moment(row[time_column].strip())
            grams = _grams(row[grams_column].strip())
            if expected is not None and moment != expected:
                raise ValueError(_not_next(expected, moment))
        except ValueError as error:
            faults.append((line, str(error)))
            expected = expected + HOUR if expected is not None else None
            continue
        found.append((line, moment, grams))
        expected = moment + HOUR
    if len(found) > MAX_HOURS:
        faults.append((found[-1][0], f"more than {MAX_HOURS:,} hours: divide the curve"))
    return found, faults


def _moment(text: str) -> float:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no time: write 2026-03-01T13:00:00+00:00") from None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    seconds = when.timestamp()
    if seconds % HOUR:
        raise ValueError(f"{text} is within an hour: one line an hour, at its beginning")
    return seconds


def _grams(text: str) -> float:
    try:
        grams = float(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no number" if text else "the value is missing") from None
    if not math.isfinite(grams):
        raise ValueError(f"{text} is no amount")
    if grams < 0:
        raise ValueError(f"{text} g is less than nothing")
    if grams > MAX_GRAMS:
        raise ValueError(f"{text} g a kWh is more than burning anything: check the unit (g, not mg or g/MWh)")
    return grams


def _not_next(expected: float, moment: float) -> str:
    words = _utc(moment)
    if moment > expected:
        hours = round((moment - expected) / HOUR)
        return f"{hours} hour{'s are' if hours > 1 else ' is'} missing before {words}"
    return f"{words} is there twice or out of order; {_utc(expected)} was next"


def _utc(moment: float) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=moment)).strftime("%Y-%m-%d %H:%M UTC")


# --- when it is cleanest -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Window:
    """A time to run in, against running at once."""

    start: float
    end: float
    grams_per_kwh: float
    at_once: float

    def grams_avoided(self, kwh: float) -> float:
        """What waiting saves; never negative, since starting at once is among the choices."""
        return kwh * (self.at_once - self.grams_per_kwh)


def cleanest(curve: Curve, *, now: float, deadline: float, seconds: float) -> Window | None:
    """The window of `seconds` that ends by the deadline and is cleanest, the earliest of equals; null where none fits
    or where the curve does not reach so far.

    The mean over a window changes in straight lines between the moments at which one of its ends crosses an hour: so the
    best begins now, at the latest, or at one of those.
    """
    latest = min(deadline, curve.end) - seconds
    if seconds < 0 or latest < now - EDGE or now < curve.start:
        return None
    latest = max(latest, now)
    begins = {now, latest}
    first = math.floor((now - curve.start) / HOUR)
    for hour in range(first, len(curve.grams) + 1):
        edge = curve.start + HOUR * hour
        begins.update(begin for begin in (edge, edge - seconds) if now <= begin <= latest)
    means = [(mean, begin) for begin in begins if (mean := curve.mean(begin, begin + seconds)) is not None]
    at_once = curve.mean(now, now + seconds)
    if not means or at_once is None:
        return None
    lowest = min(mean for mean, _ in means)
    # A difference in the last digits is none worth waiting for.
    best = min(begin for mean, begin in means if mean <= lowest + 1e-9 * max(1.0, lowest))
    mean = curve.mean(best, best + seconds)
    assert mean is not None
    return Window(best, best + seconds, min(mean, at_once), at_once)
