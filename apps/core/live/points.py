"""Metric points for those who look on: not entries of the log but a state, which a stream is told has moved.

A reader is never sent every point that came too fast for it, but the lowest, the highest and the last of each stretch.
What was missed while nobody listened is read from the curves themselves, after the last step one has.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection

from apps.core.metrics.reading import curves_of, series_of
from apps.core.models import Job

POINTS_A_MESSAGE = 200
"""So many of a curve are sent at once."""
MAX_JOBS = 200
"""So many jobs one stream watches."""


def moved_on(job_ids: Iterable[str]) -> dict[str, int]:
    """A number for each job that has metrics, which grows with whatever is written to them. One cheap statement."""
    chosen = list(job_ids)
    if not chosen:
        return {}
    marks = ", ".join(["%s"] * len(chosen))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT job_id, CAST(sum(written) AS bigint) FROM core_metricseries WHERE job_id IN ({marks}) GROUP BY job_id",  # noqa: S608
            chosen,
        )
        return dict(cursor.fetchall())


class PointReader:
    """What one stream for programs has been sent of a job's curves; `from_start` for one that heard the job begin."""

    def __init__(self, job_id: str, *, from_start: bool = False) -> None:
        self._job_id = job_id
        self._topic: str | None = None
        self._sent: dict[str, int] | None = {} if from_start else None

    def messages(self, cursor: str) -> list[dict[str, Any]]:
        """MetricsEvents in the order of their steps: first where each curve stands, from then on what is new."""
        rows = list(series_of([self._job_id]))
        if self._topic is None:
            self._topic = Job.objects.filter(pk=self._job_id).values_list("topic", flat=True).first() or ""
        if self._sent is None:
            self._sent = {row.key: row.last_step - 1 for row in rows}
        new = [row for row in rows if row.last_step > self._sent.get(row.key, row.first_step - 1)]
        ranges = [(row, self._sent.get(row.key, row.first_step - 1) + 1, row.last_step) for row in new]
        curves = curves_of(ranges, max_points=POINTS_A_MESSAGE, with_times=True)
        self._sent.update({row.key: row.last_step for row in new})
        by_step: dict[int, _Step] = {}
        for curve, row in zip(curves, new, strict=True):
            for step, value, at in zip(curve.steps, curve.values, curve.ats, strict=True):
                by_step.setdefault(step, _Step(at)).take(curve.key, value, at)
            for step, word in curve.nonfinite:
                by_step.setdefault(step, _Step(row.last_at)).odd[curve.key] = word
        thinned = any(not curve.is_whole for curve in curves)
        return [self._message(step, said, cursor, thinned) for step, said in sorted(by_step.items())]

    def _message(self, step: int, said: _Step, cursor: str, thinned: bool) -> dict[str, Any]:
        return {
            "type": "metrics",
            "cursor": cursor,
            "job_id": self._job_id,
            "topic": self._topic,
            "seq": None,
            "timestamp": said.at.isoformat(),
            "step": step,
            "metrics": {**said.metrics, **dict.fromkeys(said.odd)},
            **({"nonfinite": said.odd} if said.odd else {}),
            **({"thinned": True} if thinned else {}),
        }


class _Step:
    """The values of one step."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.metrics: dict[str, float] = {}
        self.odd: dict[str, str] = {}

    def take(self, key: str, value: float, at: datetime) -> None:
        """One more."""
        self.metrics[key] = value
        self.at = max(self.at, at)
