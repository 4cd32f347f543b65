"""Completing many jobs at once: the same writes as `settle`, in a handful of statements for the whole batch.

No savepoints, so one hook that fails undoes the batch: the caller then settles each job by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db import connection

from apps.core.jobs import kinds, rows
from apps.core.jobs.events import EventEntry, status_change, write
from apps.core.jobs.transitions import tell_finish
from apps.core.models import AttemptOutcome, Job, JobStatus

if TYPE_CHECKING:
    from apps.core.jobs.settle import Verdict

_DONE = status_change(JobStatus.RUNNING, JobStatus.COMPLETED)


def complete(ended: Sequence[tuple[str, int, Verdict, EventEntry]]) -> list[tuple[str, int]]:
    """Complete these executions, each with its result event; returns those that were fenced."""
    by_length: dict[int, list[tuple[str, int]]] = {}
    for job_id, attempt, verdict, _ in ended:
        by_length.setdefault(len(verdict.entries) + 2, []).append((job_id, attempt))
    jobs = {job.pk: job for count, held in by_length.items() for job in _complete_rows(held, count)}
    ours = [(jobs[job_id], verdict, result) for job_id, _, verdict, result in ended if job_id in jobs]
    write([(job, entry) for job, verdict, result in ours for entry in (*verdict.entries, result, _DONE)])
    _close_attempts([(job, verdict) for job, verdict, _ in ours])
    ends = [kinds.AttemptEnd(job, job.attempt, verdict.usage, AttemptOutcome.COMPLETED) for job, verdict, _ in ours]
    for hook in kinds.attempt_hooks() if ends else ():
        hook(ends)
    for job, verdict, _ in ours:
        tell_finish(kinds.Finished(job, JobStatus.COMPLETED, verdict.usage, verdict.result))
    return [(job_id, attempt) for job_id, attempt, _, _ in ended if job_id not in jobs]


def _complete_rows(held: Sequence[tuple[str, int]], events: int) -> list[Job]:
    """The compare-and-set for jobs with equally many events."""
    larger = "GREATEST" if connection.vendor == "postgresql" else "MAX"
    pairs = " OR ".join(["(job_id = %s AND attempt = %s)"] * len(held))
    sql = f"""
        UPDATE core_job SET status = 'completed', progress = 1, worker = '', lease_expires_at = NULL,
            cancel_requested_at = NULL, pause_requested_at = NULL, available_at = NULL, error_code = '',
            error_message = '', last_seq = last_seq + %s,
            finished_at = {larger}({rows.now_value()}, COALESCE(started_at, {rows.now_value()}))
        WHERE status = 'running' AND ({pairs}) RETURNING *
    """  # noqa: S608 - constants only
    return list(Job.objects.raw(sql, [events, *(value for pair in held for value in pair)]))


def _close_attempts(ours: Sequence[tuple[Job, Verdict]]) -> None:
    if not ours:
        return
    used = " UNION ALL ".join(["SELECT %s AS id, %s AS n, %s AS cpu, %s AS wall, %s AS mb"] * len(ours))
    parameters: list[Any] = []
    for job, verdict in ours:
        usage = verdict.usage
        parameters += [job.pk, job.attempt, usage.cpu_seconds, usage.wall_seconds, usage.peak_memory_mb]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE core_jobattempt SET outcome = 'completed', ended_at = {rows.now_value()},
                cpu_seconds = used.cpu, wall_seconds = used.wall, peak_memory_mb = used.mb
            FROM ({used}) AS used
            WHERE job_id = used.id AND number = used.n AND outcome = 'running'
            """,  # noqa: S608 - constants only
            parameters,
        )
