"""What a job measures, as its page shows it: the latest values with their curves in small."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from apps.core import words
from apps.core.metrics import curves, series_of

SHOWN = 40
_POINTS = 60


@dataclass(frozen=True)
class MetricRow:
    """One metric: its latest value, or the word for what is no number, and its curve."""

    key: str
    step: int
    value: float | None
    nonfinite: str
    at: datetime
    curve: list[float]

    @property
    def words(self) -> str:
        """The curve, said to who does not see it."""
        if len(self.curve) < 2:
            return ""
        return f"{self.key}: from {words.digits(self.curve[0])} to {words.digits(self.curve[-1])}"


@dataclass(frozen=True)
class Metrics:
    """The metrics of a job."""

    rows: list[MetricRow]
    left_out: int


def metrics(job_id: str) -> Metrics | None:
    """By name; nothing for a job that measures nothing."""
    found = list(series_of([job_id]))
    shown = list(islice(found, SHOWN))
    if not shown:
        return None
    drawn = curves([job_id], [series.key for series in shown], max_points=_POINTS)
    rows = [
        MetricRow(series.key, series.last_step, series.last_value, series.last_nonfinite, series.last_at, curve.values)
        for series, curve in zip(shown, drawn, strict=True)
    ]
    return Metrics(rows, len(found) - len(shown))
