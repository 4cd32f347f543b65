"""What no single worker can do: take over from the dead, keep deadlines, wake what is due, forget what is old.

Every function may run in any number of workers at once; each change is a compare-and-set.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from apps.core.jobs.doorbell import ring, ring_on_commit
from apps.core.jobs.lease import Fenced
from apps.core.jobs.reports import Usage
from apps.core.jobs.settle import settle
from apps.core.jobs.transitions import end_without_worker, move
from apps.core.jobs.verdict import Verdict
from apps.core.models import Job, JobAttempt, JobEvent, JobStatus, SystemEvent, Worker
from apps.core.sql import in_seconds

logger = logging.getLogger("terrarium.jobs")

_BATCH = 100
_DELETE_BATCH = 1000


def expire_leases(*, lease_seconds: float) -> int:
    """Take jobs from workers that stopped renewing: back to the queue with backoff, or failed. Returns how many."""
    lost = Job.objects.filter(status=JobStatus.RUNNING, lease_expires_at__lt=Now()).order_by("lease_expires_at")
    taken = 0
    jobs = list(lost[:_BATCH])
    alive = _alive({job.worker for job in jobs}, lease_seconds)
    for job in jobs:
        verdict = Verdict(
            outcome="lost" if job.worker in alive else "killed",
            usage=_last_usage(job),
            error_code="worker_lost",
            error_message=f"Worker {job.worker} stopped answering while it ran this job.",
        )
        try:
            settle(job.pk, job.attempt, verdict, expired_only=True)
            taken += 1
        except Fenced:
            continue
    return taken


def _alive(names: set[str], lease_seconds: float) -> set[str]:
    """The workers among these that have been heard of within a lease."""
    seen = Worker.objects.filter(name__in=names, last_seen_at__gt=in_seconds(-lease_seconds)) if names else None
    return set() if seen is None else set(seen.values_list("name", flat=True))


def _last_usage(job: Job) -> Usage:
    """What a lost execution had used at its last heartbeat."""
    attempt = JobAttempt.objects.filter(job_id=job.pk, number=job.attempt).first()
    if attempt is None:
        return Usage()
    until = min(timezone.now(), job.lease_expires_at or timezone.now())
    return Usage(
        cpu_seconds=attempt.cpu_seconds or 0.0,
        wall_seconds=max(0.0, (until - attempt.started_at).total_seconds()),
        peak_memory_mb=attempt.peak_memory_mb or 0.0,
        gpu_memory_mb=attempt.gpu_memory_mb,
        tokens=attempt.tokens,
        calls=attempt.calls,
    )


def pass_deadlines() -> int:
    """End what waited past its deadline. Running jobs are told by their own worker."""
    waiting = (JobStatus.PENDING, JobStatus.QUEUED, JobStatus.PAUSED)
    late = Job.objects.filter(deadline_at__lte=Now(), finished_at__isnull=True, status__in=waiting)
    ended = 0
    for job in list(late.order_by("deadline_at")[:_BATCH]):
        with transaction.atomic():
            done = end_without_worker(
                job,
                to=JobStatus.TIMEOUT,
                error_code="deadline",
                error_message="Its deadline passed before it ran to its end.",
            )
        ended += done is not None
    return ended


def promote_due() -> int:
    """Queue what was waiting for its time (a retry's backoff, a job for later)."""
    due = Job.objects.filter(status=JobStatus.PENDING, available_at__lte=Now()).order_by("available_at")
    ids = list(due.values_list("job_id", flat=True)[:_BATCH])
    if not ids:
        return 0
    with transaction.atomic():
        moved = move(Job.objects.filter(pk__in=ids), old=JobStatus.PENDING, to=JobStatus.QUEUED)
        ring_on_commit({job.queue for job in moved})
    return len(moved)


def ring_waiting(queues: Iterable[str]) -> list[str]:
    """Ring every queue that has work nobody has taken."""
    index = " INDEXED BY core_job_claim" if connection.vendor == "sqlite" else ""
    waiting = []
    with connection.cursor() as cursor:
        for queue in sorted(set(queues)):
            cursor.execute(
                f"SELECT 1 FROM core_job{index} WHERE status = 'queued' AND queue = %s LIMIT 1",  # noqa: S608
                [queue],
            )
            if cursor.fetchone():
                waiting.append(queue)
    for queue in waiting:
        ring(queue)
    return waiting


def forget_workers(*, silent_seconds: float) -> int:
    """Remove the rows of workers long gone."""
    return Worker.objects.filter(last_seen_at__lt=in_seconds(-silent_seconds)).delete()[0]


def forget_old(
    *, event_days: float, job_days: float, system_event_days: float, stop: Callable[[], bool] = lambda: False
) -> dict[str, int]:
    """Delete what is past its retention, in short transactions; `stop()` ends it early."""
    now = timezone.now()
    old: dict[str, QuerySet[JobEvent] | QuerySet[Job] | QuerySet[SystemEvent]] = {
        "events": JobEvent.objects.filter(at__lt=now - timedelta(days=event_days)).order_by("at"),
        "jobs": Job.objects.filter(finished_at__lt=now - timedelta(days=job_days)).order_by("finished_at"),
        "system_events": SystemEvent.objects.filter(occurred_at__lt=now - timedelta(days=system_event_days)).order_by(
            "occurred_at"
        ),
    }
    return {name: _delete(rows, stop) for name, rows in old.items()}


def _delete(rows: QuerySet[JobEvent] | QuerySet[Job] | QuerySet[SystemEvent], stop: Callable[[], bool]) -> int:
    deleted = 0
    while not stop():
        ids: list[Any] = list(rows.values_list("pk", flat=True)[:_DELETE_BATCH])
        if not ids:
            break
        with transaction.atomic():
            rows.model._default_manager.filter(pk__in=ids).delete()
        deleted += len(ids)
        time.sleep(0.02)  # writers who wait for SQLite's lock get their turn
    return deleted
