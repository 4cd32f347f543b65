"""Writing points: two statements a batch, and a few more for curves that have become long."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from django.db import connection, transaction
from django.utils import timezone

from apps.core.errors import Invalid
from apps.core.live.wakeup import wake
from apps.core.metrics import blocks
from apps.core.metrics.sql import fetch, run
from apps.core.models.metrics import MAX_KEY, MAX_STEP, Nonfinite

T = TypeVar("T")
MAX_KEYS_A_JOB = 1000
_ROWS = 1000
"""So many rows a statement: five parameters each, and SQLite takes 32,766."""


class Point(NamedTuple):
    """A value of a job's key at a step. A value may be NaN or infinite: that is kept as what it is, beside the numbers."""

    job_id: str
    key: str
    step: int
    value: float
    at: datetime | None = None


@dataclass
class _Line:
    """What a batch says of one curve: rows `(value, nonfinite, at)` by step."""

    rows: dict[int, tuple[float | None, str, datetime]] = field(default_factory=dict)


def points_upsert(*, points: Iterable[Point]) -> int:
    """Write points in the caller's transaction; one that is there already is replaced. Returns how many.

    `Invalid` names what cannot be kept: a name of no or too many characters, a step out of range, or more than
    `MAX_KEYS_A_JOB` names for a job; then nothing of the batch is.
    """
    lines = _gather(points)
    if not lines:
        return 0
    with transaction.atomic():
        touched = [one for part in _parts(sorted(lines), _ROWS // 2) for one in _write_series(part, lines)]
        _check_number_of_keys({one.job_id for one in touched if one.written == len(one.steps)})
        rows = [(one.id, step, *values) for one in touched for step, values in lines[one.job_id, one.key].rows.items()]
        for part in _parts(rows, _ROWS):
            _write_points(part)
        blocks.update(touched)
        names = sorted({one.job_id for one in touched})
        transaction.on_commit(lambda: wake(names), robust=True)
    return len(rows)


def _gather(points: Iterable[Point]) -> dict[tuple[str, str], _Line]:
    """By curve and step, the last word counting; checked."""
    now = timezone.now()
    lines: dict[tuple[str, str], _Line] = {}
    for job_id, key, step, value, at in points:
        line = lines.get((job_id, key))
        if line is None:
            check_key(key)
            line = lines[job_id, key] = _Line()
        if type(step) is not int or not -MAX_STEP <= step <= MAX_STEP:
            raise Invalid(f"Step {step!r} of {key!r} is no whole number within ±(2^53 - 1).", field="step")
        if math.isfinite(value):
            line.rows[step] = (float(value), "", at or now)
        else:
            line.rows[step] = (None, nonfinite_word(value), at or now)
    return lines


def check_key(key: str) -> str:
    """The name of a metric, or `Invalid`."""
    if not 0 < len(key) <= MAX_KEY or not key.isprintable():
        raise Invalid(f"{key[:60]!r} is no name of a metric: 1 to {MAX_KEY} printable characters.", field="key")
    return key


def nonfinite_word(value: float) -> str:
    """How a value that is no number is kept."""
    return str(Nonfinite.NAN if math.isnan(value) else Nonfinite.INF if value > 0 else Nonfinite.NEGATIVE_INF)


def _write_series(names: Sequence[tuple[str, str]], lines: dict[tuple[str, str], _Line]) -> list[blocks.Touched]:
    """Each curve's row, new or moved on; the order of names is one order of locks for all."""
    moment = connection.ops.adapt_datetimefield_value
    parameters: list[Any] = []
    for name in names:
        rows = lines[name].rows
        last = max(rows)
        value, word, at = rows[last]
        parameters += [*name, min(rows), last, value, word, moment(at), len(rows)]
    one = f"(%s, %s, %s, %s, {_number('%s')}, %s, {_moment('%s')}, %s, 0)"
    found = fetch(
        f"""
        INSERT INTO core_metricseries
            (job_id, key, first_step, last_step, last_value, last_nonfinite, last_at, written, levels)
        VALUES {", ".join([one] * len(names))}
        ON CONFLICT (job_id, key) DO UPDATE SET
            first_step = CASE WHEN excluded.first_step < core_metricseries.first_step
                THEN excluded.first_step ELSE core_metricseries.first_step END,
            last_value = CASE WHEN {_NEWER} THEN excluded.last_value ELSE core_metricseries.last_value END,
            last_nonfinite = CASE WHEN {_NEWER} THEN excluded.last_nonfinite ELSE core_metricseries.last_nonfinite END,
            last_at = CASE WHEN {_NEWER} THEN excluded.last_at ELSE core_metricseries.last_at END,
            last_step = CASE WHEN {_NEWER} THEN excluded.last_step ELSE core_metricseries.last_step END,
            written = core_metricseries.written + excluded.written
        RETURNING id, job_id, key, first_step, last_step, written, shift, levels
        """,  # noqa: S608 - constants only
        parameters,
    )
    return [
        blocks.Touched(number, job_id, key, first, last, written, shift, levels, sorted(lines[job_id, key].rows))
        for number, job_id, key, first, last, written, shift, levels in found
    ]


_NEWER = "excluded.last_step >= core_metricseries.last_step"


def _write_points(rows: Sequence[tuple[Any, ...]]) -> None:
    """One statement. `rows` are (series, step, value, nonfinite, at)."""
    if connection.vendor == "postgresql":
        source = (
            "SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::double precision[], %s::text[], %s::timestamptz[])"
        )
        parameters: list[Any] = [list(column) for column in zip(*rows, strict=True)]
    else:
        source = f"VALUES {', '.join(['(%s, %s, %s, %s, %s)'] * len(rows))}"
        moments = {at: connection.ops.adapt_datetimefield_value(at) for at in {row[4] for row in rows}}  # mostly one
        parameters = [value for row in rows for value in (*row[:4], moments[row[4]])]
    run(
        f"""
        INSERT INTO core_metricpoint (series_id, step, value, nonfinite, at) {source}
        ON CONFLICT (series_id, step) DO UPDATE SET
            value = excluded.value, nonfinite = excluded.nonfinite, at = excluded.at
        """,
        parameters,
    )


def _check_number_of_keys(job_ids: set[str]) -> None:
    """Called for jobs with names not seen before; the caller's savepoint takes them back."""
    if not job_ids:
        return
    marks = ", ".join(["%s"] * len(job_ids))
    statement = f"SELECT job_id FROM core_metricseries WHERE job_id IN ({marks}) GROUP BY job_id HAVING count(*) > %s"  # noqa: S608
    over = fetch(statement, [*sorted(job_ids), MAX_KEYS_A_JOB])
    if over:
        raise Invalid(f"{over[0][0]} would have more than {MAX_KEYS_A_JOB:,} metrics.", field="key")


def _number(text: str) -> str:
    return f"{text}::double precision" if connection.vendor == "postgresql" else text


def _moment(text: str) -> str:
    return f"{text}::timestamptz" if connection.vendor == "postgresql" else text


def _parts(rows: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
