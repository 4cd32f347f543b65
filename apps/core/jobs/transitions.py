"""The one way a job changes its status: a compare-and-set, its event, the kind's hook, in one transaction."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from django.db import DatabaseError, OperationalError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from apps.core.jobs import kinds
from apps.core.jobs.clock import finish_time, update_returning
from apps.core.jobs.events import EventEntry, status_change, write
from apps.core.models import TERMINAL_STATUSES, AttemptOutcome, Job, JobAttempt, JobStatus, Severity
from apps.core.system_events import system_event_record

logger = logging.getLogger("terrarium.jobs")

_NOT_RUNNING: dict[str, Any] = {
    "worker": "",
    "lease_expires_at": None,
    "cancel_requested_at": None,
    "pause_requested_at": None,
}


def move(
    rows: QuerySet[Job],
    *,
    old: str,
    to: str,
    before: tuple[EventEntry, ...] = (),
    note: dict[str, Any] | None = None,
    **values: Any,
) -> list[Job]:
    """Take those of `rows` that are `old` to status `to`; returns the ones that moved, as they now stand.

    `before` are events of the job that precede the change (its last words); with them, `rows` is one job.
    """
    fields: dict[str, Any] = {**_NOT_RUNNING, "available_at": None, **values}
    if to in TERMINAL_STATUSES:
        fields["finished_at"] = finish_time()
    moved = update_returning(rows.filter(status=old), status=to, last_seq=F("last_seq") + 1 + len(before), **fields)
    change = status_change(old, to, **(note or {}))
    write([(job, entry) for job in moved for entry in (*before, change)])
    if to not in TERMINAL_STATUSES:
        for job in moved:
            tell_status(job, old, to)
    return moved


def tell_status(job: Job, old: str, new: str) -> None:
    """The kind's `on_status`. A hook that fails is recorded; the life of a job does not depend on it."""
    kind = kinds.find(job.kind)
    if kind is None or kind.on_status is None:
        return
    hook = kind.on_status
    guarded_hook(job, "on_status", lambda: hook(job, old, new))


def tell_finish(finished: kinds.Finished) -> None:
    """The kind's `on_finish`, unguarded: the caller decides what a failure means."""
    kind = kinds.find(finished.job.kind)
    if kind is not None and kind.on_finish is not None:
        kind.on_finish(finished)


def guarded_hook(job: Job, name: str, hook: Callable[[], None]) -> bool:
    """Run a hook in its own savepoint. False when it failed: undone, recorded, and everything else goes on."""
    try:
        with transaction.atomic():
            hook()
    except OperationalError:
        raise  # the database's trouble is retried as a whole
    except Exception as error:
        logger.exception("%s of %s failed for %s", name, job.kind, job.pk)
        record_failure(
            job,
            code="hook_failed",
            message=f"{name} of kind {job.kind!r} failed for {job.pk}: {type(error).__name__}: {error}",
            trace=traceback.format_exc(),
            severity=Severity.CRITICAL,
        )
        return False
    return True


def end_without_worker(
    job: Job, *, to: str, error_code: str = "", error_message: str = "", usage: kinds.Usage | None = None
) -> Job | None:
    """End a job that nobody executes (cancelled or overdue while it waited). None when it moved meanwhile."""
    moved = move(
        Job.objects.filter(pk=job.pk, attempt=job.attempt),
        old=job.status,
        to=to,
        note={"reason": error_code} if error_code else None,
        error_code=error_code,
        error_message=error_message,
    )
    if not moved:
        return None
    ended = moved[0]
    if to in (JobStatus.FAILED, JobStatus.TIMEOUT):
        record_failure(ended, code=error_code, message=f"{ended.kind} {ended.pk}: {error_message}")
    finished = kinds.Finished(ended, to, usage or kinds.Usage(), error_code=error_code, error_message=error_message)
    guarded_hook(ended, "on_finish", lambda: tell_finish(finished))
    return ended


def cancel_waiting(jobs: Sequence[Job]) -> None:
    """Cancel many that nobody executes, whose rows the caller holds: one statement a status, then each kind's `on_finish`."""
    code, message = "cancelled", "Cancelled before it ran."
    for status in sorted({job.status for job in jobs}):
        moved = move(
            Job.objects.filter(pk__in=[job.pk for job in jobs if job.status == status]),
            old=status,
            to=JobStatus.CANCELLED,
            note={"reason": code},
            error_code=code,
            error_message=message,
        )
        ended = [
            kinds.Finished(job, JobStatus.CANCELLED, kinds.Usage(), error_code=code, error_message=message)
            for job in sorted(moved, key=lambda job: job.pk)
        ]
        if not _told(ended):
            for finished in ended:
                guarded_hook(finished.job, "on_finish", lambda finished=finished: tell_finish(finished))  # type: ignore[misc]


def _told(ended: Sequence[kinds.Finished]) -> bool:
    """Tell them all in one savepoint. False when one of the hooks failed: undone, to be told one by one."""
    try:
        with transaction.atomic():
            for finished in ended:
                tell_finish(finished)
    except OperationalError:
        raise
    except Exception:
        return False
    return True


def end_attempt(
    job: Job,
    *,
    outcome: str,
    usage: kinds.Usage,
    error_code: str = "",
    error_message: str = "",
    stack_trace: str = "",
) -> None:
    """Close the execution `job.attempt` and tell the ledger, in the caller's transaction."""
    JobAttempt.objects.filter(job_id=job.pk, number=job.attempt, outcome=AttemptOutcome.RUNNING).update(
        outcome=outcome,
        ended_at=Now(),
        cpu_seconds=usage.cpu_seconds,
        wall_seconds=usage.wall_seconds,
        peak_memory_mb=usage.peak_memory_mb,
        error_code=error_code[:64],
        error_message=error_message,
        stack_trace=stack_trace,
    )
    end = kinds.AttemptEnd(job, job.attempt, usage, outcome)
    for hook in kinds.attempt_hooks():
        guarded_hook(job, "attempt hook", lambda hook=hook: hook([end]))  # type: ignore[misc]


def failures(job: Job) -> int:
    """How many executions of the job went wrong; what was released, paused or cancelled does not count."""
    wrong = Q(outcome=AttemptOutcome.LOST) | Q(outcome=AttemptOutcome.FAILED)
    return JobAttempt.objects.filter(wrong, job_id=job.pk).count()


def record_failure(
    job: Job, *, code: str, message: str, trace: str | None = None, severity: str = Severity.ERROR
) -> None:
    """One system event for the failure of a job, however often it is reported."""
    try:
        with transaction.atomic():
            system_event_record(
                event_type="job_failed",
                event_source="jobs",
                severity=severity,
                message=message,
                context={"job_id": job.pk, "kind": job.kind, "topic": job.topic, "attempt": job.attempt, "code": code},
                stack_trace=trace or None,
                dedupe_key=f"job:{job.pk}:{code}"[:120],
            )
    except OperationalError:
        raise
    except DatabaseError:
        logger.exception("could not record the failure of %s", job.pk)
