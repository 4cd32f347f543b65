"""Reading curves: every point while they are few, else the lowest and the highest of each stretch, chosen by the database.

The first and the last point are always there, and what was no number is told apart. However many curves are asked for,
it is the same handful of statements; a long curve is read from its blocks, so that its length does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from apps.core.metrics.blocks import shift_at
from apps.core.metrics.sql import fetch, spans
from apps.core.models import MetricSeries
from apps.core.models.metrics import MAX_STEP

MAX_POINTS = 5000
DEFAULT_POINTS = 500
FEWEST_POINTS = 10
READ_WHOLE = 4_000
"""So many points are looked at one by one before blocks are used."""
MOST_BLOCKS = 10_000
"""When finer blocks would be more than this for all curves asked for, coarser ones are read, and fewer points come out."""


@dataclass
class Curve:
    """A curve in at most so many points: `steps` ascending with their `values`, and apart from them what was no number.

    `is_whole` says that no point between the ends was left out. `ats` are the moments of the steps, where asked for.
    """

    job_id: str
    key: str
    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    nonfinite: list[tuple[int, str]] = field(default_factory=list)
    ats: list[datetime] = field(default_factory=list)
    is_whole: bool = True


@dataclass
class _Asked:
    """A curve on its way: its row, the steps wanted of it, and what was found."""

    series: MetricSeries
    lo: int
    hi: int
    curve: Curve
    found: dict[int, float | str] = field(default_factory=dict)

    @property
    def expected(self) -> float:
        """About how many points lie between, were they spread evenly."""
        series = self.series
        return (self.hi - self.lo + 1) / (series.last_step - series.first_step + 1) * series.written

    def is_all_of_few(self, max_points: int) -> bool:
        """Whether it is known without counting that there are not too many."""
        return self.series.written <= max_points


def series_of(job_ids: Iterable[str], keys: Iterable[str] | None = None) -> QuerySet[MetricSeries]:
    """What these jobs measure, with the latest value of each: by job and key."""
    found = MetricSeries.objects.filter(job_id__in=list(job_ids)).order_by("job_id", "key")
    return found if keys is None else found.filter(key__in=list(keys))


def latest(job_ids: Iterable[str], keys: Iterable[str] | None = None) -> dict[str, dict[str, MetricSeries]]:
    """The latest values by job and key, in one statement: for lists."""
    found: dict[str, dict[str, MetricSeries]] = {}
    for series in series_of(job_ids, keys):
        found.setdefault(series.job_id, {})[series.key] = series
    return found


def curves(
    job_ids: Sequence[str],
    keys: Sequence[str] | None = None,
    *,
    max_points: int = DEFAULT_POINTS,
    after_step: int | None = None,
    until_step: int | None = None,
    with_times: bool = False,
) -> list[Curve]:
    """The curves of these jobs (all keys unless named) in at most `max_points` each, jobs in the order given, then by key.

    `after_step` is excluded, `until_step` included: a reader goes on after the last step it has.
    """
    lo = -MAX_STEP if after_step is None else after_step + 1
    hi = MAX_STEP if until_step is None else until_step
    place = {job_id: number for number, job_id in enumerate(job_ids)}
    rows = sorted(series_of(job_ids, keys), key=lambda series: (place[series.job_id], series.key))
    return curves_of([(series, lo, hi) for series in rows], max_points=max_points, with_times=with_times)


def curves_of(
    ranges: Sequence[tuple[MetricSeries, int, int]], *, max_points: int = DEFAULT_POINTS, with_times: bool = False
) -> list[Curve]:
    """A curve for each (curve's row, first step, last step)."""
    asked = [
        _Asked(series, max(lo, series.first_step), min(hi, series.last_step), Curve(series.job_id, series.key))
        for series, lo, hi in ranges
    ]
    wanted = [one for one in asked if one.lo <= one.hi]
    few = sum(one.expected for one in wanted) <= READ_WHOLE
    _read_points([one for one in wanted if few or one.series.shift is None], max_points)
    _read_blocks([one for one in wanted if not few and one.series.shift is not None], max_points)
    for one in wanted:
        _finish(one)
    if with_times:
        _read_times(
            [one.curve for one in wanted], {(one.series.job_id, one.series.key): one.series.pk for one in wanted}
        )
    return [one.curve for one in asked]


def _finish(one: _Asked) -> None:
    for step, value in sorted(one.found.items()):
        if isinstance(value, str):
            one.curve.nonfinite.append((step, value))
        else:
            one.curve.steps.append(step)
            one.curve.values.append(value)


def _buckets(max_points: int) -> int:
    """A low and a high of each, and the two ends."""
    return max(1, (max_points - 2) // 2)


# --- curves that are not long, or of which not much is wanted -------------------------------------------------------


def _read_points(asked: Sequence[_Asked], max_points: int) -> None:
    if not asked:
        return
    rows = [(number, one.series.pk, one.lo, one.hi) for number, one in enumerate(asked)]
    many = {number for number, one in enumerate(asked) if not one.is_all_of_few(max_points)}
    counted = {found[0]: found for found in _over(("lo", "hi"), [row for row in rows if row[0] in many], _COUNT)}
    thinned = [found for found in counted.values() if found[1] > max_points]
    left = {found[0] for found in thinned}
    _take(asked, _over(("lo", "hi"), [row for row in rows if row[0] not in left], _ALL))
    ranges = []
    for number, _, first, last, _ in thinned:
        asked[number].curve.is_whole = False
        ranges.append((number, asked[number].series.pk, first, last))
    buckets = _buckets(max_points)
    scaled = [(*row, buckets / (row[3] - row[2] + 1)) for row in ranges]
    with_odd = any(found[4] for found in thinned)
    _take(asked, _over(("lo", "hi", "scale"), scaled, *_extremes("core_metricpoint", _OF_POINTS, with_odd)))
    _take_ends(asked, ranges)


def _take_ends(asked: Sequence[_Asked], rows: Sequence[tuple[int, int, int, int]]) -> None:
    """The first and the last point of each range."""
    _take(asked, _over(("step",), [(row[0], row[1], end) for row in rows for end in row[2:4]], _AT_STEPS))


def _over(columns: Sequence[str], rows: Sequence[Sequence[Any]], *statements: str) -> list[tuple[Any, ...]]:
    """What statements find over ranges (n, curve, …); nothing is asked without ranges."""
    if not rows:
        return []
    head, parameters = spans(("n", "series_id", *columns), rows)
    return [row for statement in statements for row in fetch(head + statement, parameters)]


def _take(asked: Sequence[_Asked], rows: Iterable[tuple[Any, ...]]) -> None:
    """Rows (n, step, value, nonfinite)."""
    for number, step, value, word in rows:
        asked[number].found[step] = word or value


# --- long curves ----------------------------------------------------------------------------------------------------


def _read_blocks(asked: Sequence[_Asked], max_points: int) -> None:
    """Blocks that lie in the range, points where a block reaches beyond it, and the ends."""
    buckets = _buckets(max_points - 4)
    most = 4 * buckets if 4 * buckets * len(asked) <= MOST_BLOCKS else buckets
    inside: list[tuple[int, int, int, int, int, float]] = []
    beside: list[tuple[int, int, int, int]] = []
    for number, one in enumerate(asked):
        level, wide = _level(one, most)
        first, last = one.lo >> wide, one.hi >> wide
        if one.lo > max(first << wide, one.series.first_step):
            first += 1
            beside.append((number, one.series.pk, one.lo, min(one.hi, (first << wide) - 1)))
        if one.hi < min(((last + 1) << wide) - 1, one.series.last_step) and last >= first:
            beside.append((number, one.series.pk, last << wide, one.hi))
            last -= 1
        if first <= last:
            inside.append((number, one.series.pk, level, first, last, buckets / (last - first + 1)))
        one.curve.is_whole = False
    _take(asked, _over(("level", "lo", "hi", "scale"), inside, *_extremes("core_metricblock", _OF_BLOCKS)))
    scaled = [(*row, 1 / (row[3] - row[2] + 1)) for row in beside]
    _take(asked, _over(("lo", "hi", "scale"), scaled, *_extremes("core_metricpoint", _OF_POINTS)))
    rows = [(number, one.series.pk, one.lo, one.hi) for number, one in enumerate(asked)]
    ends = _over(("lo", "hi"), rows, _ENDS)
    _take_ends(asked, [(row[0], row[1], row[2], row[3]) for row in ends if row[2] is not None])


def _level(one: _Asked, most: int) -> tuple[int, int]:
    """The finest level of which not more than `most` blocks lie in the range, else the coarsest; and its width's power of 2."""
    shift = one.series.shift or 0
    for level in range(one.series.levels + 1):
        wide = shift_at(shift, level)
        if (one.hi >> wide) - (one.lo >> wide) < most or level == one.series.levels:
            return level, wide
    raise AssertionError("a long curve has a level")


# --- moments --------------------------------------------------------------------------------------------------------


def _read_times(found: Sequence[Curve], numbers: dict[tuple[str, str], int]) -> None:
    rows = [(n, numbers[curve.job_id, curve.key], step) for n, curve in enumerate(found) for step in curve.steps]
    moments = {(n, step): _moment(at) for n, step, at in _over(("step",), rows, _TIMES)}
    for n, curve in enumerate(found):
        curve.ats = [moments[n, step] for step in curve.steps]


def _moment(value: Any) -> datetime:
    """With its time zone, which SQLite does not keep."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# --- statements -----------------------------------------------------------------------------------------------------

_WITHIN = "FROM s CROSS JOIN core_metricpoint t WHERE t.series_id = s.series_id AND t.step BETWEEN s.lo AND s.hi"
_COUNT = f" SELECT s.n, count(*), min(t.step), max(t.step), count(*) - count(t.value) {_WITHIN} GROUP BY s.n"
_ALL = f" SELECT s.n, t.step, t.value, t.nonfinite {_WITHIN}"
_AT = "FROM s CROSS JOIN core_metricpoint t WHERE t.series_id = s.series_id AND t.step = s.step"
_AT_STEPS = f" SELECT s.n, t.step, t.value, t.nonfinite {_AT}"
_TIMES = f" SELECT s.n, t.step, t.at {_AT}"
_END = "(SELECT {}(t.step) FROM core_metricpoint t WHERE t.series_id = s.series_id AND t.step BETWEEN s.lo AND s.hi)"
_ENDS = f" SELECT s.n, s.series_id, {_END.format('min')}, {_END.format('max')} FROM s"  # noqa: S608 - constants only

_OF_POINTS = {
    "where": "t.step BETWEEN s.lo AND s.hi",
    "x": "t.step",
    "low": "t.value",
    "low_step": "t.step",
    "high": "t.value",
    "high_step": "t.step",
    "odd_step": "t.step",
}
_OF_BLOCKS = {
    "where": "t.level = s.level AND t.block BETWEEN s.lo AND s.hi",
    "x": "t.block",
    "low": "t.low",
    "low_step": "t.low_step",
    "high": "t.high",
    "high_step": "t.high_step",
    "odd_step": "t.nonfinite_step",
}


def _extremes(table: str, names: dict[str, str], with_odd: bool = True) -> list[str]:
    """Statements for rows (n, step, value, nonfinite): of each stretch the lowest, the highest, the first that is no number.

    Three statements and not one, because SQLite reads the whole table for a filter when `s` is used more than once.
    """
    if connection.vendor == "postgresql":
        bucket = f"s.n, floor(({names['x']} - s.lo) * s.scale)"
        form = """ SELECT DISTINCT ON ({bucket}) s.n, {step}, {value}, {word} {source} AND {filter}
            ORDER BY {bucket}, {order}, {step}"""
    else:  # the row of a lone min() or max() lends the other columns their values
        bucket = f"s.n, CAST(({names['x']} - s.lo) * s.scale AS INTEGER)"
        form = " SELECT s.n, {step}, {chosen}, {word} {source} AND {filter} GROUP BY {bucket}"
    source = f"FROM s CROSS JOIN {table} t WHERE t.series_id = s.series_id AND {names['where']}"
    low, high = (
        form.format(
            bucket=bucket, source=source, step=names[f"{which}_step"], value=names[which], word="''",
            filter=f"{names[which]} IS NOT NULL", order=f"{names[which]} {direction}",
            chosen=f"{function}({names[which]})",
        )
        for which, direction, function in (("low", "ASC", "min"), ("high", "DESC", "max"))
    )  # fmt: skip
    odd = form.format(
        bucket=bucket, source=source, step=names["odd_step"], value="NULL", word="t.nonfinite",
        filter="t.nonfinite <> ''", order=names["odd_step"], chosen=f"min({names['odd_step']})",
    )  # fmt: skip
    return [low, high, odd] if with_odd else [low, high]
