"""Reading jobs."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from apps.core.errors import NotFound
from apps.core.models import Job, JobAttempt


def job_get(job_id: str) -> Job:
    """The job of that id, with its owner."""
    job = Job.objects.select_related("owner").filter(pk=job_id[:40]).first()
    if job is None:
        raise NotFound(f"There is no job {job_id[:40]!r}; it may have passed its retention.")
    return job


def jobs(
    *,
    states: tuple[str, ...] = (),
    kind: str = "",
    queue: str = "",
    topic: str = "",
    owner: str = "",
    since: datetime | None = None,
    quarantined: bool | None = None,
) -> QuerySet[Job]:
    """Jobs, newest first (ids sort by time of creation), narrowed by whatever is given; `owner` is a user's name."""
    found = Job.objects.select_related("owner").order_by("-job_id")
    exact = {"kind": kind, "queue": queue, "topic": topic, "owner__username": owner}
    found = found.filter(**{column: value for column, value in exact.items() if value})
    if states:
        found = found.filter(status__in=states)
    if since is not None:
        found = found.filter(created_at__gte=since)
    if quarantined is not None:
        found = found.filter(quarantined_at__isnull=not quarantined)
    return found


def attempts(job: Job) -> QuerySet[JobAttempt]:
    """The executions of a job, first to last."""
    return JobAttempt.objects.filter(job_id=job.pk).order_by("number")
