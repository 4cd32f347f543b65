"""The end of an execution: what became of it decides what becomes of its job. One transaction, exactly once.

A worker and a sweeper may both come to settle the same attempt; the compare-and-set lets one of them.
"""

from __future__ import annotations

import json
import logging
import random
import traceback
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.core.jobs import settle_completed
from apps.core.jobs.doorbell import ring_on_commit
from apps.core.jobs.events import said_entries
from apps.core.jobs.hooks import record_failure, tell_finish, tell_finish_guarded, tell_reports
from apps.core.jobs.kinds import Finished
from apps.core.jobs.lease import Fenced, said_columns, speak
from apps.core.jobs.reports import Result, Said
from apps.core.jobs.transitions import end_attempt, failures, move
from apps.core.jobs.verdict import Verdict
from apps.core.models import AttemptOutcome, Job, JobStatus
from apps.core.sql import in_seconds

logger = logging.getLogger("terrarium.jobs")

MAX_KILLS = 3
"""A job that took this many processes down with it is not tried again."""
BACKOFF_SECONDS = 0.5
BACKOFF_LIMIT = 120.0
MAX_RESULT_IN_LOG = 16_384
MAX_MESSAGE = 8_000
MAX_TRACE = 32_000

_ATTEMPT_OUTCOME: dict[str, str] = {
    "completed": AttemptOutcome.COMPLETED,
    "failed": AttemptOutcome.FAILED,
    "killed": AttemptOutcome.LOST,
    "lost": AttemptOutcome.LOST,
    "timeout": AttemptOutcome.TIMEOUT,
    "cancelled": AttemptOutcome.CANCELLED,
    "paused": AttemptOutcome.PAUSED,
    "released": AttemptOutcome.PAUSED,
}


def backoff(tries: int) -> float:
    """Seconds to wait before try `tries + 1`: doubling, with jitter so that many do not return at once."""
    return min(BACKOFF_LIMIT, BACKOFF_SECONDS * 2.0 ** min(tries - 1, 20)) * random.uniform(0.5, 1.0)


def settle(job_id: str, attempt: int, verdict: Verdict, *, expired_only: bool = False) -> Job:
    """Write the end of attempt `attempt`. `Fenced` when it has ended already or is no longer the current one.

    With `expired_only` the lease must have run out too (the sweeper). If the kind's hook fails, everything it wrote
    is undone and the job ends as failed, once.
    """
    try:
        with transaction.atomic():
            return _settle(job_id, attempt, verdict, expired_only=expired_only, guarded=False)
    except (Fenced, OperationalError, InterfaceError):
        raise
    except Exception as error:
        broken = replace(
            verdict,
            outcome="failed",
            result=None,
            retryable=False,
            error_code="finish_failed",
            error_message=f"Storing the outcome failed: {type(error).__name__}: {error}",
            stack_trace=traceback.format_exc(),
        )
        with transaction.atomic():
            return _settle(job_id, attempt, broken, expired_only=expired_only, guarded=True)


def settle_all(ended: Sequence[tuple[str, int, Verdict]]) -> list[tuple[str, int]]:
    """Settle many in one transaction; returns those that were fenced.

    Completed ones are written together. Should that fail, each is settled in a savepoint of its own.
    """
    done = [(*one, result_said(one[2].result)) for one in ended if one[2].outcome == "completed"]
    rest = [one for one in ended if one[2].outcome != "completed"]
    if done:
        try:
            with transaction.atomic():
                return settle_completed.settle_completed(done) + _settle_each(rest)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.info("completing %d jobs together failed; each alone now", len(done), exc_info=True)
    with transaction.atomic():
        return _settle_each(ended)


def _settle_each(ended: Sequence[tuple[str, int, Verdict]]) -> list[tuple[str, int]]:
    fenced = []
    for job_id, attempt, verdict in ended:
        try:
            settle(job_id, attempt, verdict)
        except Fenced:
            fenced.append((job_id, attempt))
    return fenced


def _settle(job_id: str, attempt: int, verdict: Verdict, *, expired_only: bool, guarded: bool) -> Job:
    verdict = replace(
        verdict, error_message=verdict.error_message[:MAX_MESSAGE], stack_trace=verdict.stack_trace[-MAX_TRACE:]
    )
    ours = Job.objects.filter(pk=job_id, attempt=attempt)
    if verdict.outcome == "completed":
        done = move(
            ours,
            old=JobStatus.RUNNING,
            to=JobStatus.COMPLETED,
            before=said_entries((*verdict.last_words, result_said(verdict.result))),
            **{**said_columns(verdict.last_words, attempt), "progress": 1.0, "error_code": "", "error_message": ""},
        )
        if not done:
            raise Fenced(job_id)
        tell_reports(done[0], [said.report for said in verdict.last_words])
        _end(done[0], verdict)
        _tell(done[0], verdict, guarded=guarded)
        return done[0]
    held = ours.filter(status=JobStatus.RUNNING)
    if expired_only:
        held = held.filter(lease_expires_at__lt=Now())
    job = held.select_for_update().first()
    if job is None:
        raise Fenced(job_id)
    if verdict.outcome not in ("cancelled", "timeout") and job.cancel_requested_at is not None:
        verdict = replace(verdict, outcome="cancelled", error_code="cancelled", error_message="Cancelled.")
    if verdict.last_words:
        job = _hear(job, verdict)
        verdict = replace(verdict, last_words=())
    _end(job, verdict)
    settled = _after(job, verdict)
    if settled.is_terminal:
        _tell(settled, verdict, guarded=guarded)
    return settled


def _hear(job: Job, verdict: Verdict) -> Job:
    """Write down the last words of an execution first: a checkpoint among them decides what counts as a failure since."""
    speak(job.pk, job.attempt, verdict.last_words)
    return Job.objects.get(pk=job.pk)


def _end(job: Job, verdict: Verdict) -> None:
    end_attempt(
        job,
        outcome=_ATTEMPT_OUTCOME[verdict.outcome],
        usage=verdict.usage,
        error_code=verdict.error_code,
        error_message=verdict.error_message,
        stack_trace=verdict.stack_trace,
    )


def _after(job: Job, verdict: Verdict) -> Job:
    """Where a job goes whose execution did not complete."""
    match verdict.outcome:
        case "cancelled":
            return _to(job, verdict, JobStatus.CANCELLED)
        case "timeout":
            return _to(job, verdict, JobStatus.TIMEOUT)
        case "failed" if not verdict.retryable:
            return _to(job, verdict, JobStatus.FAILED)
        case "paused" if job.pause_requested_at is not None:
            return _to(job, verdict, JobStatus.PAUSED)
        case "paused":  # taken back since: it goes on
            verdict = replace(verdict, outcome="released")
    return _again(job, verdict)


def _again(job: Job, verdict: Verdict) -> Job:
    """Another try, unless it had its chances since its last checkpoint: at once when released or lost for the first time,
    which may well be nobody's fault, else after a wait."""
    kills = job.kills + (verdict.outcome == "killed")
    if kills >= MAX_KILLS:
        message = f"Quarantined: {kills} processes that ran it were killed. Last: {verdict.error_message}"
        return _to(
            job, replace(verdict, error_code="quarantined", error_message=message), JobStatus.FAILED, kills=kills
        )
    tries = failures(job)
    if verdict.outcome != "released" and tries >= job.max_attempts:
        return _to(job, verdict, JobStatus.FAILED, kills=kills)
    if job.pause_requested_at is not None:
        return _to(job, verdict, JobStatus.PAUSED, kills=kills)
    lost = verdict.outcome in ("lost", "killed")
    if verdict.outcome == "released" or (lost and tries <= 1):
        ring_on_commit([job.queue])
        return _to(job, verdict, JobStatus.QUEUED, kills=kills)
    wait = backoff(tries - lost)
    return _to(job, verdict, JobStatus.PENDING, kills=kills, available_at=in_seconds(wait))


def _to(job: Job, verdict: Verdict, status: str, **values: Any) -> Job:
    """Write the new status of a job whose row we hold."""
    if status == JobStatus.FAILED and verdict.error_code == "quarantined":
        values["quarantined_at"] = Now()
    note: dict[str, Any] = {"attempt": job.attempt}
    if verdict.error_code:
        note["reason"] = verdict.error_code
    moved = move(
        Job.objects.filter(pk=job.pk, attempt=job.attempt),
        old=JobStatus.RUNNING,
        to=status,
        note=note,
        error_code=verdict.error_code[:64],
        error_message=verdict.error_message,
        **values,
    )
    if not moved:
        raise Fenced(job.pk)
    if status in (JobStatus.FAILED, JobStatus.TIMEOUT):
        record_failure(
            moved[0],
            code=moved[0].error_code,
            message=f"{moved[0].kind} {moved[0].pk}: {moved[0].error_message}",
            trace=verdict.stack_trace,
        )
    return moved[0]


def _tell(job: Job, verdict: Verdict, *, guarded: bool) -> None:
    """The kind's `on_finish`; guarded the second time, when the first made the job fail."""
    completed = job.status == JobStatus.COMPLETED
    finished = Finished(
        job=job,
        outcome=job.status,
        usage=verdict.usage,
        result=verdict.result if completed else None,
        error_code=job.error_code,
        error_message=job.error_message,
    )
    if guarded:
        tell_finish_guarded([finished])
    else:
        tell_finish([finished])


def result_said(result: dict[str, Any] | None) -> Said:
    """The result as a reader of the log sees it: whole when small, its size and names when not."""
    size = len(json.dumps(result))
    if size <= MAX_RESULT_IN_LOG:
        return Said(Result(result=result), timezone.now())
    return Said(Result(omitted_bytes=size, keys=sorted(result or {})), timezone.now())
