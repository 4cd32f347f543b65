"""Reading jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from apps.core.errors import NotFound
from apps.core.jobs import kinds
from apps.core.models import Job, JobAttempt, Worker

_SEEN_WITHIN = timedelta(seconds=60)


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


@dataclass(frozen=True)
class WarmUp:
    """How far a worker is that makes ready what a kind of job needs."""

    done: int
    total: int
    note: str


def warm_up(kind: str) -> WarmUp | None:
    """How far the foremost worker is while none can start jobs of this kind yet; None when one can, or none is there."""
    alive = Worker.objects.filter(last_seen_at__gte=timezone.now() - _SEEN_WITHIN)
    serving = [worker for worker in alive if kinds.get(kind).queue in worker.slots]
    states = [worker.warming.get(kind) for worker in serving]
    ups = [WarmUp(int(state["done"]), int(state["total"]), str(state["note"])) for state in states if state]
    if not ups or len(ups) < len(states):
        return None
    return max(ups, key=lambda up: up.done / max(1, up.total))
