"""What no single worker can do: take over from the dead, keep deadlines, wake what is due, forget what is old.

Every function may run in any number of workers at once; each change is a compare-and-set.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Literal

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
from apps.core.metrics.forgetting import metrics_forget
from apps.core.models import WAITING_STATUSES, Job, JobAttempt, JobEvent, JobStatus, SystemEvent, Worker
from apps.core.references import unreferenced
from apps.core.sql import in_seconds

logger = logging.getLogger("terrarium.jobs")

BATCH = 100
"""So many jobs a pass."""
_DELETE_BATCH = 1000
_SOON_SECONDS = 30.0
"""So soon after a worker was killed its supervisor has another one running."""


def expire_leases(*, lease_seconds: float) -> int:
    """Take jobs from workers that stopped renewing: back to the queue with backoff, or failed. Returns how many."""
    lost = Job.objects.filter(status=JobStatus.RUNNING, lease_expires_at__lt=Now()).order_by("lease_expires_at")
    taken = 0
    jobs = list(lost[:BATCH])
    workers = _workers(lease_seconds) if jobs else {}
    for job in jobs:
        fate = workers.get(job.worker, "gone")
        verdict = Verdict(
            outcome="killed" if fate == "killed" else "lost",
            usage=_last_usage(job),
            error_code="worker_lost",
            error_message=_FATES[fate].format(worker=job.worker),
        )
        try:
            settle(job.pk, job.attempt, verdict, expired_only=True)
            taken += 1
        except Fenced:
            continue
    return taken


_Fate = Literal["alive", "killed", "gone"]
_FATES: dict[_Fate, str] = {
    "alive": "Worker {worker} did not renew its lease on this job in time.",
    "killed": "Worker {worker} was killed while it ran this job; its machine went on.",
    "gone": "Worker {worker} fell silent while it ran this job, and its whole machine with it.",
}


def _workers(lease_seconds: float) -> dict[str, _Fate]:
    """What became of each worker.

    One that fell silent was killed, maybe by its job, if another of the same run of its machine was there then, or came
    soon after (its supervisor started it anew), and is heard of still. Else its machine went down with all it ran, or
    nobody can tell, and that is not held against the job.
    """
    rows = list(Worker.objects.annotate(now=Now()))
    patience, soon = timedelta(seconds=lease_seconds), timedelta(seconds=max(_SOON_SECONDS, 2 * lease_seconds))
    alive = [row for row in rows if row.last_seen_at > row.now - patience]
    fates: dict[str, _Fate] = {}
    for row in rows:
        witnesses = (
            one
            for one in alive
            if (one.host, one.boot_id) == (row.host, row.boot_id) and one.started_at < row.last_seen_at + soon
        )
        fates[row.name] = "alive" if row in alive else "killed" if row.boot_id and any(witnesses) else "gone"
    return fates


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
    waiting = (*WAITING_STATUSES, JobStatus.PAUSED)
    late = Job.objects.filter(deadline_at__lte=Now(), finished_at__isnull=True, status__in=waiting)
    ended = 0
    for job in list(late.order_by("deadline_at")[:BATCH]):
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
    ids = list(due.values_list("job_id", flat=True)[:BATCH])
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
    """Remove the rows of workers long gone; one whose jobs nobody has taken over yet tells what became of it."""
    holding = Job.objects.filter(status=JobStatus.RUNNING).values("worker")
    gone = Worker.objects.filter(last_seen_at__lt=in_seconds(-silent_seconds))
    return gone.exclude(name__in=holding).delete()[0]


def forget_old(
    *, event_days: float, job_days: float, system_event_days: float, stop: Callable[[], bool] = lambda: False
) -> dict[str, int]:
    """Delete what is past its retention, in short transactions; `stop()` ends it early.

    A job that a domain's row needs (a foreign key with `on_delete=PROTECT`) stays, and with it what it measured.
    """
    now = timezone.now()
    old: dict[str, QuerySet[JobEvent] | QuerySet[Job] | QuerySet[SystemEvent]] = {
        "events": JobEvent.objects.filter(at__lt=now - timedelta(days=event_days)).order_by("at"),
        "jobs": Job.objects.filter(unreferenced(Job), finished_at__lt=now - timedelta(days=job_days)).order_by(
            "finished_at"
        ),
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
        if rows.model is Job:
            metrics_forget(job_ids=ids, stop=stop)
            if stop():
                break
        with transaction.atomic():
            rows.model._default_manager.filter(pk__in=ids).delete()
        deleted += len(ids)
        time.sleep(0.02)  # writers who wait for SQLite's lock get their turn
    return deleted
