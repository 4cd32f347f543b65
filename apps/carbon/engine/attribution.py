"""Whose energy it was: the spans of a host shared out among the intervals of its work, and the rest, which was idle.

Whatever is shared out and what is idle add up to the spans, always. A device's energy goes to whoever it was assigned
to; a processor's above what it draws at rest by CPU-seconds; the memory's by memory held; and what a server drew goes to
the requests it was answering, by tokens. Time that nothing is known of is told apart for each interval.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from apps.carbon.engine.energy import Component, Kind, Method, Span, weakest

SHARING = {Kind.GPU: 0.2, Kind.CPU: 0.1, Kind.RAM: 0.2}
"""What sharing adds to the doubt about a figure, relative; nothing where a device had one user."""
BY_TOKENS = 0.25


class Profile:
    """Something counted up over time, straight between its points and still outside of them."""

    def __init__(self, points: Iterable[tuple[float, float]]) -> None:
        kept = sorted(points)
        self._times = [time for time, _ in kept]
        self._values: list[float] = []
        for _, value in kept:
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{value} counts nothing")
            self._values.append(max(value, self._values[-1] if self._values else value))

    def between(self, start: float, end: float) -> float:
        """What was counted from one moment to another."""
        return max(0.0, self._at(end) - self._at(start)) if self._times else 0.0

    def _at(self, time: float) -> float:
        after = bisect_right(self._times, time)
        if after == 0:
            return self._values[0]
        if after == len(self._times):
            return self._values[-1]
        before = after - 1
        width = self._times[after] - self._times[before]
        return (
            self._values[before] + (self._values[after] - self._values[before]) * (time - self._times[before]) / width
        )


@dataclass(frozen=True)
class Interval:
    """A job's execution, a request, a server: from when to when, and what it used of what is shared.

    `cpu` counts the seconds of its whole process tree, children that were killed included. A `parent` is the server that
    answered a request.
    """

    key: str
    start: float
    end: float
    devices: frozenset[str] = frozenset()
    cpu: Profile = field(default_factory=lambda: Profile(()))
    memory_mb: float = 0.0
    tokens: float = 0.0
    parent: str | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start) and math.isfinite(self.end) and self.end >= self.start):
            raise ValueError(f"{self.key}: an interval ends when it started or later, not {self.start} to {self.end}")
        if not all(math.isfinite(value) and value >= 0 for value in (self.memory_mb, self.tokens)):
            raise ValueError(f"{self.key}: memory and tokens are counted from 0 up")

    @property
    def token_rate(self) -> float:
        """Tokens a second."""
        return self.tokens / (self.end - self.start) if self.end > self.start else 0.0


def uniform(start: float, end: float, cpu_seconds: float) -> Profile:
    """CPU-seconds of which only the sum is known."""
    return Profile(((start, 0.0), (end, cpu_seconds))) if end > start else Profile(())


@dataclass(frozen=True)
class Host:
    """What the shares are shares of. `busy` counts the CPU-seconds of everything on the host."""

    cores: int
    memory_mb: float
    busy: Profile | None = None
    base_watts: Mapping[Component, float] = field(default_factory=dict)


@dataclass
class Share:
    """What an interval got of a component, or what was idle."""

    joules: float = 0.0
    doubt: float = 0.0
    """Joules up or down."""
    methods: set[Method] = field(default_factory=set)

    @property
    def method(self) -> Method:
        """The weakest of what it is made of."""
        return weakest(list(self.methods))

    @property
    def uncertainty(self) -> float:
        """Relative."""
        return self.doubt / self.joules if self.joules else 0.0

    def add(self, joules: float, span: Span, sharing: float = 0.0) -> None:
        """A part of a span. The doubts of parts add up: they come from one meter."""
        self.joules += joules
        self.doubt += joules * math.hypot(span.uncertainty, sharing)
        self.methods.add(span.method)


@dataclass
class Settlement:
    """The outcome: shares by interval and component, the idle rest by component, and unknown seconds by interval."""

    shares: dict[tuple[str, Component], Share] = field(default_factory=dict)
    idle: dict[Component, Share] = field(default_factory=dict)
    unknown_seconds: dict[str, float] = field(default_factory=dict)

    def of(self, key: str) -> dict[Component, Share]:
        """What one interval got."""
        return {component: share for (owner, component), share in self.shares.items() if owner == key}

    @property
    def attributed(self) -> float:
        """Joules that were somebody's."""
        return math.fsum(share.joules for share in self.shares.values())

    @property
    def rest(self) -> float:
        """Joules that were nobody's."""
        return math.fsum(share.joules for share in self.idle.values())


def settle(spans: Sequence[Span], intervals: Sequence[Interval], host: Host) -> Settlement:
    """Share out spans, each wholly, in any order of either."""
    _no_circles(intervals)
    result = Settlement()
    waiting = sorted(intervals, key=lambda one: (one.start, one.key), reverse=True)
    near: list[Interval] = []
    for span in sorted(spans, key=lambda one: (one.start, one.component)):
        while waiting and waiting[-1].start < span.end:
            near.append(waiting.pop())
        near = [one for one in near if one.end > span.start]
        touching = [one for one in near if one.start < span.end]
        if span.joules is None:
            _unknown(result, span, touching)
        else:
            _share_out(result, span, touching, host)
    return result


def _unknown(result: Settlement, span: Span, touching: Sequence[Interval]) -> None:
    for one in touching:
        overlap = min(one.end, span.end) - max(one.start, span.start)
        result.unknown_seconds[one.key] = result.unknown_seconds.get(one.key, 0.0) + overlap


def _share_out(result: Settlement, span: Span, touching: Sequence[Interval], host: Host) -> None:
    assert span.joules is not None
    given: dict[str, tuple[float, float]] = {}
    for start, end in _segments(span, touching):
        active = [one for one in touching if one.start <= start and one.end >= end]
        if active:
            joules = span.joules * (end - start) / span.seconds
            for key, (part, sharing) in _parts(span, joules, start, end, active, host).items():
                before, worst = given.get(key, (0.0, 0.0))
                given[key] = (before + part, max(worst, sharing))
    total = math.fsum(part for part, _ in given.values())
    # Rounding must not make more of a span than it has.
    scale = span.joules / total if total > span.joules else 1.0
    for key, (part, sharing) in given.items():
        result.shares.setdefault((key, span.component), Share()).add(part * scale, span, sharing)
    result.idle.setdefault(span.component, Share()).add(max(0.0, span.joules - total * scale), span)


def _segments(span: Span, touching: Sequence[Interval]) -> Iterable[tuple[float, float]]:
    """The span cut wherever an interval begins or ends."""
    edges = {span.start, span.end}
    for one in touching:
        edges.update(edge for edge in (one.start, one.end) if span.start < edge < span.end)
    ordered = sorted(edges)
    return pairwise(ordered)


def _parts(
    span: Span, joules: float, start: float, end: float, active: Sequence[Interval], host: Host
) -> dict[str, tuple[float, float]]:
    """Joules by interval within one segment, with the doubt that sharing adds."""
    present = {one.key for one in active}
    roots = [one for one in active if one.parent not in present]
    below: dict[str, list[Interval]] = {}
    for one in active:
        if one.parent in present and one.parent is not None:
            below.setdefault(one.parent, []).append(one)
    parts = _among_roots(span.component, joules, start, end, roots, host)
    for root in roots:
        if root.key in parts:
            _hand_down(parts, root.key, below)
    return parts


def _among_roots(
    component: Component, joules: float, start: float, end: float, roots: Sequence[Interval], host: Host
) -> dict[str, tuple[float, float]]:
    if component.kind is Kind.GPU:
        users = [one for one in roots if component.name in one.devices]
        weights = _rates(users)
        whole = math.fsum(weights)
        doubt = SHARING[Kind.GPU] if len(users) > 1 else 0.0
        return {one.key: (joules * weight / whole, doubt) for one, weight in zip(users, weights, strict=True)}
    if component.kind is Kind.CPU:
        weights = [one.cpu.between(start, end) for one in roots]
        seconds = host.cores * (end - start) if host.busy is None else host.busy.between(start, end)
        whole = max(seconds, math.fsum(weights))
    else:
        weights = [one.memory_mb for one in roots]
        whole = max(host.memory_mb, math.fsum(weights))
    at_rest = min(joules, host.base_watts.get(component, 0.0) * (end - start))
    doubt = SHARING[component.kind]
    return {
        one.key: ((joules - at_rest) * weight / whole, doubt)
        for one, weight in zip(roots, weights, strict=True)
        if weight > 0
    }


def _hand_down(parts: dict[str, tuple[float, float]], owner: str, below: Mapping[str, Sequence[Interval]]) -> None:
    """What a server drew while it answered goes to the requests."""
    requests = below.get(owner)
    if not requests:
        return
    joules, doubt = parts.pop(owner)
    weights = _rates(requests)
    whole = math.fsum(weights)
    for one, weight in zip(requests, weights, strict=True):
        parts[one.key] = (joules * weight / whole, math.hypot(doubt, BY_TOKENS) if len(requests) > 1 else doubt)
        _hand_down(parts, one.key, below)


def _rates(users: Sequence[Interval]) -> list[float]:
    """By tokens a second where all say theirs, else alike."""
    rates = [one.token_rate for one in users]
    return rates if rates and all(rate > 0 for rate in rates) else [1.0] * len(users)


def _no_circles(intervals: Sequence[Interval]) -> None:
    parents: dict[str, str | None] = {}
    for one in intervals:
        if one.key in parents:
            raise ValueError(f"{one.key}: there are two intervals of that name")
        parents[one.key] = one.parent
    for key in parents:
        seen: set[str] = set()
        at: str | None = key
        while at is not None and at in parents:
            if at in seen:
                raise ValueError(f"{key}: its parents go round in a circle")
            seen.add(at)
            at = parents[at]
