"""The one way a job changes its status: a compare-and-set, its event, the kind's hook, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from apps.core.jobs import kinds
from apps.core.jobs.events import EventEntry, status_change, write
from apps.core.jobs.hooks import record_failure, tell_attempts, tell_finish_guarded, tell_status
from apps.core.jobs.reports import Usage
from apps.core.models import TERMINAL_STATUSES, AttemptOutcome, Job, JobAttempt, JobStatus
from apps.core.sql import finish_time, update_returning

_NOT_RUNNING: dict[str, Any] = {
    "worker": "",
    "lease_expires_at": None,
    "cancel_requested_at": None,
    "pause_requested_at": None,
    "stop_early_requested_at": None,
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
        fields |= {"finished_at": finish_time(), "checkpoint_artefact": None}
    moved = update_returning(rows.filter(status=old), status=to, last_seq=F("last_seq") + 1 + len(before), **fields)
    change = status_change(old, to, **(note or {}))
    write([(job, entry) for job in moved for entry in (*before, change)])
    if to not in TERMINAL_STATUSES:
        tell_status(moved, old)
    return moved


def end_without_worker(
    job: Job, *, to: str, error_code: str = "", error_message: str = "", usage: Usage | None = None
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
    finished = kinds.Finished(ended, to, usage or Usage(), error_code=error_code, error_message=error_message)
    tell_finish_guarded([finished])
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
            kinds.Finished(job, JobStatus.CANCELLED, Usage(), error_code=code, error_message=message)
            for job in sorted(moved, key=lambda job: job.pk)
        ]
        tell_finish_guarded(ended)


def end_attempt(
    job: Job,
    *,
    outcome: str,
    usage: Usage,
    error_code: str = "",
    error_message: str = "",
    stack_trace: str = "",
) -> None:
    """Close the execution `job.attempt` and tell the ledger, in the caller's transaction."""
    JobAttempt.objects.filter(job_id=job.pk, number=job.attempt, outcome=AttemptOutcome.RUNNING).update(
        outcome=outcome,
        ended_at=Now(),
        **usage_columns(usage),
        error_code=error_code[:64],
        error_message=error_message,
        stack_trace=stack_trace,
    )
    tell_attempts([kinds.AttemptEnd(job, job.attempt, usage, outcome)])


def usage_columns(usage: Usage) -> dict[str, Any]:
    """What an execution used, as the columns of its `JobAttempt`."""
    return {**asdict(usage), "calls": dict(usage.calls)}


def failures(job: Job) -> int:
    """How many executions went wrong since the job's last checkpoint; what was released, paused or cancelled does not count."""
    wrong = Q(outcome=AttemptOutcome.LOST) | Q(outcome=AttemptOutcome.FAILED)
    return JobAttempt.objects.filter(wrong, job_id=job.pk, number__gte=job.checkpoint_attempt).count()
