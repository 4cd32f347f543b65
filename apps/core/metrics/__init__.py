"""What jobs measure, step by step: written in batches, read as curves of a bounded length. docs/metrics.md explains it."""

from apps.core.metrics.forgetting import metrics_forget
from apps.core.metrics.reading import Curve, curves, curves_of, latest, series_of
from apps.core.metrics.writing import MAX_KEYS_A_JOB, Point, points_upsert

__all__ = [
    "MAX_KEYS_A_JOB",
    "Curve",
    "Point",
    "curves",
    "curves_of",
    "latest",
    "metrics_forget",
    "points_upsert",
    "series_of",
]
