"""Removing points, in transactions so short that nobody waits for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from django.db import transaction

from apps.core.metrics.sql import fetch, run
from apps.core.models import MetricBlock, MetricSeries

_BATCH = 10_000


def metrics_forget(*, job_ids: Iterable[str], stop: Callable[[], bool] = lambda: False) -> int:
    """Remove everything these jobs have measured; not inside a transaction. Returns how many curves went.

    A curve's row goes last, so that what a `stop()` or a crash interrupted is found again.
    """
    gone = 0
    for series_id in MetricSeries.objects.filter(job_id__in=list(job_ids)).order_by("pk").values_list("pk", flat=True):
        while not stop() and _some(series_id):
            time.sleep(0.01)  # writers who wait for SQLite's lock get their turn
        if stop():
            break
        with transaction.atomic():
            MetricBlock.objects.filter(series=series_id).delete()
            gone += MetricSeries.objects.filter(pk=series_id).delete()[0] > 0
    return gone


def _some(series_id: int) -> bool:
    """Remove the first points of a curve; False when there were none."""
    upto = fetch(
        "SELECT max(step) FROM (SELECT step FROM core_metricpoint WHERE series_id = %s ORDER BY step LIMIT %s) AS first",
        [series_id, _BATCH],
    )[0][0]
    if upto is not None:
        run("DELETE FROM core_metricpoint WHERE series_id = %s AND step <= %s", [series_id, upto])
    return upto is not None
