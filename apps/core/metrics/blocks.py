"""Summing up curves that have become long, so that drawing one costs the same whatever its length.

A block of level 0 spans 2^shift steps, chosen when a curve becomes long so that about eight points lie in one; a block
of each level above spans four of the level below, up to a level of few blocks. Blocks are computed anew from what lies
below them whenever something in them was written, never adjusted: a point that is replaced leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apps.core.metrics.sql import run, spans

LONG = 128
"""A curve is summed up from so many points on."""
_POINTS_A_BLOCK = 8
_FEW_BLOCKS = 64
_MAX_LEVELS = 16
_FAN = 2
"""Each level's block is 2^_FAN of the level below."""


@dataclass(frozen=True)
class Touched:
    """A curve as it stands after a batch, and the steps the batch wrote."""

    id: int
    job_id: str
    key: str
    first_step: int
    last_step: int
    written: int
    shift: int | None
    levels: int
    steps: Sequence[int]


def shift_at(shift: int, level: int) -> int:
    """A block of a level spans 2^this steps."""
    return shift + _FAN * level


def update(touched: Iterable[Touched]) -> None:
    """Bring the blocks of long curves up to date: one statement a level, however many curves."""
    plans = [_Plan(one) for one in touched if one.shift is not None or one.written >= LONG]
    if not plans:
        return
    base = [row for plan in plans for row in plan.base()]
    head, parameters = spans(("series_id", "shift", "lo", "hi"), base)
    run(head + _BASE, parameters)
    for level in range(1, max(plan.levels for plan in plans) + 1):
        rows = [row for plan in plans if plan.levels >= level for row in plan.above(level)]
        head, parameters = spans(("series_id", "level", "lo", "hi"), rows)
        run(head + _ABOVE, parameters)
    changed = [(plan.one.id, plan.shift, plan.levels) for plan in plans if plan.is_new]
    if changed:
        head, parameters = spans(("series_id", "shift", "level"), changed)
        run(head + _NOTE, parameters)


class _Plan:
    """Which blocks of a curve must be computed anew."""

    def __init__(self, one: Touched) -> None:
        self.one = one
        self.shift = one.shift if one.shift is not None else _first_shift(one)
        self.levels = max(one.levels, _levels(one, self.shift))
        self.is_new = (self.shift, self.levels) != (one.shift, one.levels)
        self._touched = {step >> self.shift for step in one.steps}

    def base(self) -> list[tuple[int, int, int, int]]:
        """Rows (curve, shift, from step, to step)."""
        if self.one.shift is None:
            return [(self.one.id, self.shift, self.one.first_step, self.one.last_step)]
        return [
            (self.one.id, self.shift, first << self.shift, ((last + 1) << self.shift) - 1)
            for first, last in _runs(self._touched)
        ]

    def above(self, level: int) -> list[tuple[int, int, int, int]]:
        """Rows (curve, level, from block, to block), counted in blocks of the level below."""
        if self.one.shift is None or level > self.one.levels:
            below = shift_at(self.shift, level - 1)
            return [(self.one.id, level, self.one.first_step >> below, self.one.last_step >> below)]
        blocks = {block >> _FAN * level for block in self._touched}
        return [(self.one.id, level, first << _FAN, ((last + 1) << _FAN) - 1) for first, last in _runs(blocks)]


def _first_shift(one: Touched) -> int:
    width = (one.last_step - one.first_step + 1) * _POINTS_A_BLOCK // one.written
    return max(0, width.bit_length() - 1)


def _levels(one: Touched, shift: int) -> int:
    for level in range(_MAX_LEVELS):
        wide = shift_at(shift, level)
        if (one.last_step >> wide) - (one.first_step >> wide) < _FEW_BLOCKS:
            return level
    return _MAX_LEVELS


def _runs(blocks: set[int]) -> list[tuple[int, int]]:
    """Neighbouring blocks as ranges."""
    found: list[tuple[int, int]] = []
    for block in sorted(blocks):
        if found and found[-1][1] == block - 1:
            found[-1] = (found[-1][0], block)
        else:
            found.append((block, block))
    return found


_NOTE = " UPDATE core_metricseries SET shift = s.shift, levels = s.level FROM s WHERE id = s.series_id"
_INSERT = """
    INSERT INTO core_metricblock
        (series_id, level, block, low, low_step, high, high_step, nonfinite_step, nonfinite)
"""
_REPLACE = """
    ON CONFLICT (series_id, level, block) DO UPDATE SET low = excluded.low, low_step = excluded.low_step,
        high = excluded.high, high_step = excluded.high_step,
        nonfinite_step = excluded.nonfinite_step, nonfinite = excluded.nonfinite
"""
_OF_BLOCK = """core_metricpoint q WHERE q.series_id = f.series_id
    AND q.step BETWEEN f.block << f.shift AND ((f.block + 1) << f.shift) - 1"""
_BASE = f"""
    , f AS (
        SELECT p.series_id, s.shift, p.step >> s.shift AS block, min(p.value) AS low, max(p.value) AS high,
            min(CASE WHEN p.value IS NULL THEN p.step END) AS odd
        FROM s CROSS JOIN core_metricpoint p
        WHERE p.series_id = s.series_id AND p.step BETWEEN s.lo AND s.hi
        GROUP BY p.series_id, s.shift, p.step >> s.shift)
    {_INSERT}
    SELECT f.series_id, 0, f.block, f.low, (SELECT min(q.step) FROM {_OF_BLOCK} AND q.value = f.low),
        f.high, (SELECT min(q.step) FROM {_OF_BLOCK} AND q.value = f.high), f.odd,
        COALESCE((SELECT q.nonfinite FROM core_metricpoint q WHERE q.series_id = f.series_id AND q.step = f.odd), '')
    FROM f WHERE true
    {_REPLACE}
"""  # noqa: S608 - constants only
_OF_ABOVE = f"""core_metricblock c WHERE c.series_id = f.series_id AND c.level = f.level - 1
    AND c.block BETWEEN f.block << {_FAN} AND ((f.block + 1) << {_FAN}) - 1"""
_ABOVE = f"""
    , f AS (
        SELECT b.series_id, s.level, b.block >> {_FAN} AS block, min(b.low) AS low, max(b.high) AS high,
            min(b.nonfinite_step) AS odd
        FROM s CROSS JOIN core_metricblock b
        WHERE b.series_id = s.series_id AND b.level = s.level - 1 AND b.block BETWEEN s.lo AND s.hi
        GROUP BY b.series_id, s.level, b.block >> {_FAN})
    {_INSERT}
    SELECT f.series_id, f.level, f.block, f.low, (SELECT min(c.low_step) FROM {_OF_ABOVE} AND c.low = f.low),
        f.high, (SELECT min(c.high_step) FROM {_OF_ABOVE} AND c.high = f.high), f.odd,
        COALESCE((SELECT c.nonfinite FROM {_OF_ABOVE} AND c.nonfinite_step = f.odd), '')
    FROM f WHERE true
    {_REPLACE}
"""  # noqa: S608 - constants only
