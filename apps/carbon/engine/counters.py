"""Counters of energy, read now and then, turned into spans: each joule counted once, each gap marked.

A reading has two clocks: `at`, the wall's, says when; `steady`, which no one sets, says how long. What a counter says is
cumulative, so that a late reading loses nothing, and one counter goes on over a restart of the reader as long as the
machine was not started anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from apps.carbon.engine.energy import UNCERTAINTY, Component, Kind, Method, Span

CLOCK_SLACK = 2.0
"""Seconds by which the wall's clock may run apart from the steady one between two readings before it has jumped."""
CLOCK_SET = "the clock was set"
A_DAY = 86_400.0
BUSY_WATTS = 500.0
"""What a socket draws at most for long: how soon a counter that wraps must be read again."""
MAX_WATTS = {Kind.GPU: 2_000.0, Kind.CPU: 2_000.0, Kind.RAM: 1_000.0}
"""More than a component of that kind can draw: a counter that says so has stepped, not counted."""


@dataclass(frozen=True)
class Reading:
    """What a counter said. `joules` counts up from anywhere; null is a reading that failed, with its `fault`.

    `wraps_at` is where it starts again from zero; `lasts` says that it goes on counting while nobody reads it, as those
    of the hardware do and those kept by a reader do not.
    """

    component: Component
    at: float
    steady: float
    joules: float | None
    method: Method
    uncertainty: float | None = None
    wraps_at: float | None = None
    lasts: bool = True
    fault: str = ""


@dataclass(frozen=True)
class Mark:
    """The last good reading of a counter, and until when its time is accounted for. Kept beside the spans."""

    boot: str
    at: float
    steady: float
    joules: float
    until: float


class Counter:
    """One component's counter. `take` returns the spans between the last reading and this one, in order of time."""

    def __init__(self, component: Component, *, boot: str, mark: Mark | None = None) -> None:
        self.component = component
        self._boot = boot
        self._mark = mark
        self._restarted = mark is not None
        self._fault = ""

    @property
    def mark(self) -> Mark | None:
        """What to keep for the next start."""
        return self._mark

    def take(self, reading: Reading) -> list[Span]:
        """Account for the time since the last reading."""
        if reading.component != self.component:
            raise ValueError(f"a reading of {reading.component} is none of {self.component}")
        if reading.joules is None or not math.isfinite(reading.joules) or reading.joules < 0:
            self._fault = reading.fault or "the counter could not be read"
            return []
        last = self._mark
        if last is None:
            self._mark = Mark(self._boot, reading.at, reading.steady, reading.joules, reading.at)
            return []
        same_boot = last.boot == self._boot
        elapsed = reading.steady - last.steady if same_boot else None
        if elapsed is not None and elapsed <= 0:
            return []  # twice the same moment, or out of order: what came first holds
        until, set_to = _moved_on(last, reading.at, elapsed)
        joules, remark = self._drawn(last, reading, elapsed)
        self._mark = Mark(self._boot, reading.at, reading.steady, reading.joules, until)
        self._restarted, self._fault = False, ""
        if until <= last.until:
            return []  # only after a new start of the machine, or a clock that was a day wrong: nothing lies between
        uncertainty = reading.uncertainty if reading.uncertainty is not None else UNCERTAINTY[reading.method]
        reason = "; ".join(filter(None, (remark, set_to)))
        return [Span(self.component, last.until, until, joules, reading.method, uncertainty, reason)]

    def _drawn(self, last: Mark, now: Reading, elapsed: float | None) -> tuple[float | None, str]:
        """The joules between two readings, or null and why not; else a remark on them, mostly none."""
        assert now.joules is not None
        if elapsed is None:
            return None, "the machine was started anew"
        if self._restarted and not now.lasts:
            return None, "nobody was looking"
        if now.wraps_at is not None and elapsed * BUSY_WATTS >= now.wraps_at:
            return None, "the counter may have wrapped unseen"
        drawn = now.joules - last.joules
        if drawn < 0 and now.wraps_at is not None and last.joules <= now.wraps_at:
            drawn += now.wraps_at
        if drawn < 0:
            return None, "the counter stepped back"
        if drawn > MAX_WATTS[self.component.kind] * (elapsed + 1.0):
            return None, "the counter stepped by more than can be drawn"
        return drawn, "read again after a restart" if self._restarted else self._fault


def _moved_on(last: Mark, at: float, elapsed: float | None) -> tuple[float, str]:
    """Until when time is accounted for now, and whether a clock was set.

    Time only goes on. A clock set back is waited for: until the wall's has caught up, the steady one is believed. One
    that is set back by more than a day was wrong before, and is believed now.
    """
    if last.until - at > A_DAY:
        return at, CLOCK_SET
    if elapsed is None:
        return max(at, last.until), ""
    expected = last.until + elapsed
    if at > expected + CLOCK_SLACK:
        return at, CLOCK_SET
    if at < expected - CLOCK_SLACK:
        return expected, CLOCK_SET
    return (at if at > last.until else expected), ""


def stored(mark: Mark) -> dict[str, Any]:
    """A mark as JSON."""
    return asdict(mark)


def restored(kept: dict[str, Any] | None) -> Mark | None:
    """The mark that was kept; null where it cannot be read, which costs the time in between and no more."""
    try:
        return (
            Mark(str(kept["boot"]), *(float(kept[name]) for name in ("at", "steady", "joules", "until")))
            if kept
            else None
        )
    except (KeyError, TypeError, ValueError):
        return None


class Meter:
    """The integral of a power that no counter sums up: a counter kept by whoever reads it.

    With `mean`, a power is that since the look before, as a load is; else that of the moment, as a sensor's is.
    """

    def __init__(self, *, mean: bool = False) -> None:
        self.joules = 0.0
        self._mean = mean
        self._last: tuple[float, float] | None = None

    def take(self, steady: float, watts: float) -> float:
        """Joules so far."""
        if not (math.isfinite(watts) and watts >= 0):
            raise ValueError(f"{watts} is no power in watts")
        if self._last is not None and steady > self._last[0]:
            drawn = watts if self._mean else (watts + self._last[1]) / 2
            self.joules += drawn * (steady - self._last[0])
        self._last = (steady, watts)
        return self.joules


class Grid:
    """Puts spans onto a common grid: one a cell and component where all is ordinary.

    A gap, and a span longer than two cells, stays as it is: its shape is unknown, and cutting would invent one.
    """

    def __init__(self, seconds: float) -> None:
        if not (math.isfinite(seconds) and seconds > 0):
            raise ValueError(f"a grid of {seconds} seconds is none")
        self.seconds = seconds
        self._open: dict[Component, Span] = {}

    def add(self, spans: Sequence[Span]) -> list[Span]:
        """The spans that are complete now."""
        done: list[Span] = []
        for span in spans:
            if span.joules is None or span.reason or span.seconds > 2 * self.seconds:
                done += [*self.close(span.component), span]
                continue
            rest: Span | None = span
            while rest is not None:
                edge = (math.floor(rest.start / self.seconds) + 1) * self.seconds
                piece, rest = rest.cut(edge) if rest.start < edge < rest.end else (rest, None)
                done += self._put(piece, full=piece.end >= edge)
        return done

    def close(self, component: Component | None = None) -> list[Span]:
        """What was begun, of one component or of all: before a gap, and at the end."""
        names = [component] if component is not None else sorted(self._open)
        return [self._open.pop(name) for name in names if name in self._open]

    def _put(self, piece: Span, *, full: bool) -> list[Span]:
        begun = self._open.pop(piece.component, None)
        if begun is not None and (begun.end != piece.start or begun.method != piece.method):
            return [begun, *self._put(piece, full=full)]
        if begun is not None:
            assert begun.joules is not None
            assert piece.joules is not None
            doubt = max(begun.uncertainty, piece.uncertainty)
            piece = replace(piece, start=begun.start, joules=begun.joules + piece.joules, uncertainty=doubt)
        if full:
            return [piece]
        self._open[piece.component] = piece
        return []
