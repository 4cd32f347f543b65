"""What jobs report as metrics becomes points, in the transaction that writes down what they said."""

from __future__ import annotations

from collections.abc import Sequence

from apps.core.jobs.events import event_emit
from apps.core.jobs.reports import Log, Metrics, Report
from apps.core.metrics.writing import MAX_KEYS_A_JOB, Point, points_upsert
from apps.core.models import Job, MetricSeries, Severity
from apps.core.system_events import system_event_record


def metrics_heard(job: Job, said: Sequence[Report]) -> None:
    """The hook for reports of every kind of job. A value that is null says that nothing was measured."""
    points = [
        Point(job.pk, key, report.step, value)
        for report in said
        if isinstance(report, Metrics)
        for key, value in report.metrics.items()
        if value is not None
    ]
    if points:
        points_upsert(points=_within_bounds(job, points))


def _within_bounds(job: Job, points: Sequence[Point]) -> Sequence[Point]:
    """Without names beyond the number a job may have; its log and the system's events say so once."""
    known = set(MetricSeries.objects.filter(job=job).values_list("key", flat=True))
    new = sorted({point.key for point in points} - known)
    room = MAX_KEYS_A_JOB - len(known)
    if len(new) <= room:
        return points
    text = f"Metrics beyond {MAX_KEYS_A_JOB:,} names are left out, such as {new[room]!r}."
    event = system_event_record(
        event_type="metrics_left_out",
        event_source="metrics",
        severity=Severity.WARNING,
        message=f"{job.pk}: {text}",
        context={"job_id": job.pk, "kind": job.kind},
        dedupe_key=f"job:{job.pk}:metrics",
    )
    if "count" not in (event.context or {}):
        event_emit(Log(level="WARNING", message=text), job=job)
    kept = known | set(new[:room])
    return [point for point in points if point.key in kept]
