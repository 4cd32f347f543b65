"""The fast path of settling: many completed executions at once, the same writes as `settle` in a handful of statements.

No savepoint a job, so one `on_finish` that fails undoes the batch: the caller then settles each job by itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.db import connection

from apps.core import sql
from apps.core.jobs import kinds
from apps.core.jobs.events import said_entries, status_change, write
from apps.core.jobs.hooks import tell_attempts, tell_finish, tell_reports
from apps.core.jobs.lease import note_last_words
from apps.core.jobs.reports import Said
from apps.core.jobs.verdict import Verdict
from apps.core.models import AttemptOutcome, Job, JobStatus

_DONE = status_change(JobStatus.RUNNING, JobStatus.COMPLETED)


def settle_completed(ended: Sequence[tuple[str, int, Verdict, Said]]) -> list[tuple[str, int]]:
    """Complete these executions, each with its result; returns those that were fenced."""
    entries = {job_id: (*said_entries((*verdict.last_words, result)), _DONE) for job_id, _, verdict, result in ended}
    by_length: dict[int, list[tuple[str, int]]] = {}
    for job_id, attempt, _, _ in ended:
        by_length.setdefault(len(entries[job_id]), []).append((job_id, attempt))
    jobs = {job.pk: job for count, held in by_length.items() for job in _complete_rows(held, count)}
    ours = [(jobs[job_id], verdict) for job_id, attempt, verdict, _ in ended if _is_ours(jobs.get(job_id), attempt)]
    write([(job, entry) for job, _ in ours for entry in entries[job.pk]])
    _close_attempts(ours)
    for job, verdict in ours:
        if verdict.last_words:
            note_last_words(job, verdict.last_words)
            tell_reports(job, [said.report for said in verdict.last_words])
    tell_attempts([kinds.AttemptEnd(job, job.attempt, one.usage, AttemptOutcome.COMPLETED) for job, one in ours])
    tell_finish([kinds.Finished(job, JobStatus.COMPLETED, one.usage, one.result) for job, one in ours])
    return [(job_id, attempt) for job_id, attempt, _, _ in ended if not _is_ours(jobs.get(job_id), attempt)]


def _is_ours(job: Job | None, attempt: int) -> bool:
    return job is not None and job.attempt == attempt


def _complete_rows(held: Sequence[tuple[str, int]], events: int) -> list[Job]:
    """The compare-and-set for jobs with equally many events."""
    pairs = " OR ".join(["(job_id = %s AND attempt = %s)"] * len(held))
    statement = f"""
        UPDATE core_job SET status = 'completed', progress = 1, worker = '', lease_expires_at = NULL,
            cancel_requested_at = NULL, pause_requested_at = NULL, stop_early_requested_at = NULL,
            available_at = NULL, checkpoint_artefact_id = NULL, error_code = '', error_message = '', last_seq = last_seq + %s,
            finished_at = {sql.larger()}({sql.now_value()}, COALESCE(started_at, {sql.now_value()}))
        WHERE status = 'running' AND ({pairs}) RETURNING *
    """  # noqa: S608 - constants only
    return list(Job.objects.raw(statement, [events, *(value for pair in held for value in pair)]))


def _close_attempts(ours: Sequence[tuple[Job, Verdict]]) -> None:
    if not ours:
        return
    calls = sql.json_value()
    types = ("::double precision", "::bigint") if connection.vendor == "postgresql" else ("", "")
    one = f"SELECT %s AS id, %s AS n, %s AS cpu, %s AS wall, %s AS mb, %s{types[0]} AS gpu, %s{types[1]} AS said, {calls} AS asked"
    used = " UNION ALL ".join([one] * len(ours))
    parameters: list[Any] = []
    for job, verdict in ours:
        usage = verdict.usage
        parameters += [job.pk, job.attempt, usage.cpu_seconds, usage.wall_seconds, usage.peak_memory_mb]
        parameters += [usage.gpu_memory_mb, usage.tokens, json.dumps(dict(usage.calls)) if usage.calls else "{}"]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE core_jobattempt SET outcome = 'completed', ended_at = {sql.now_value()},
                cpu_seconds = used.cpu, wall_seconds = used.wall, peak_memory_mb = used.mb,
                gpu_memory_mb = used.gpu, tokens = used.said, calls = used.asked
            FROM ({used}) AS used
            WHERE job_id = used.id AND number = used.n AND outcome = 'running'
            """,  # noqa: S608 - constants only
            parameters,
        )
