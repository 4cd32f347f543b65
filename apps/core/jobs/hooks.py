"""Telling apps what happened to their jobs: by kind, in batches, each batch in one savepoint."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import DatabaseError, OperationalError, transaction

from apps.core.jobs import kinds
from apps.core.jobs.reports import Report
from apps.core.models import Job, Severity
from apps.core.system_events import system_event_record

logger = logging.getLogger("terrarium.jobs")

T = TypeVar("T")


def tell_status(jobs: Sequence[Job], old: str) -> None:
    """The kinds' `on_status`. A hook that fails is recorded; the life of a job does not depend on it."""
    for kind, own in kinds.by_kind(jobs):
        if kind is not None and kind.on_status is not None:
            hook = kind.on_status
            _guarded(own, "on_status", lambda batch, hook=hook: hook(batch, old), job_of=lambda job: job)  # type: ignore[misc]


def tell_finish(finished: Sequence[kinds.Finished]) -> None:
    """The kinds' `on_finish`, unguarded: the caller decides what a failure means."""
    by_job = {one.job.pk: one for one in finished}
    for kind, own in kinds.by_kind(one.job for one in finished):
        if kind is not None and kind.on_finish is not None:
            kind.on_finish([by_job[job.pk] for job in own])


def tell_finish_guarded(finished: Sequence[kinds.Finished]) -> None:
    """The kinds' `on_finish`; one that fails is recorded, and the job has ended all the same."""
    _guarded(finished, "on_finish", tell_finish, job_of=lambda one: one.job)


def tell_reports(job: Job, said: Sequence[Report]) -> None:
    """The kind's `on_report`, and what hears every kind's. One that fails is recorded; the job goes on."""
    kind = kinds.find(job.kind)
    hooks = [*kinds.report_hooks(), *([kind.on_report] if kind is not None and kind.on_report is not None else [])]
    for hook in hooks if said else ():
        guarded_hook(job, "on_report", lambda hook=hook: hook(job, said))  # type: ignore[misc]


def tell_attempts(ended: Sequence[kinds.AttemptEnd]) -> None:
    """Whoever hears of the ends of executions; one that fails is recorded, and the jobs have ended all the same."""
    for hook in kinds.attempt_hooks():
        _guarded(ended, "attempt hook", hook, job_of=lambda end: end.job)


def tell_beats(beats: Sequence[kinds.Beat]) -> None:
    """Whoever hears of heartbeats; one that fails must not cost anybody the lease."""
    for hook in kinds.beat_hooks() if beats else ():
        _together(lambda hook=hook: hook(beats))  # type: ignore[misc]


def _guarded(batch: Sequence[T], name: str, hook: Callable[[Sequence[T]], None], *, job_of: Callable[[T], Job]) -> None:
    """Run a hook for a batch; should it fail, for each alone, so that it fails only where it must."""
    if len(batch) > 1 and _together(lambda: hook(batch)):
        return
    for one in batch:
        guarded_hook(job_of(one), name, lambda one=one: hook([one]))  # type: ignore[misc]


def _together(hook: Callable[[], None]) -> bool:
    """Run a hook for a whole batch in one savepoint. False when it failed: undone."""
    try:
        with transaction.atomic():
            hook()
    except OperationalError:
        raise  # the database's trouble is retried as a whole
    except Exception:
        logger.warning("a hook failed for a batch", exc_info=True)
        return False
    return True


def guarded_hook(job: Job, name: str, hook: Callable[[], None]) -> bool:
    """Run a hook in its own savepoint. False when it failed: undone, recorded, and everything else goes on."""
    try:
        with transaction.atomic():
            hook()
    except OperationalError:
        raise
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
