"""JSON API: jobs, their executions, and what may be done to them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Path, Query, Router, Schema, Status
from pydantic import Field

from apps.core.access import member
from apps.core.api.schemas import Moment, Strict
from apps.core.jobs import job_cancel, job_pause, job_resume, job_retry, job_stop_early, many
from apps.core.jobs.queries import attempts, job_get, jobs
from apps.core.jobs.statuses import meant_by, published
from apps.core.models import Job, JobAttempt
from apps.core.pagination import Page, PageQuery, paginate

router = Router(tags=["jobs"])

State = Literal["pending", "queued", "running", "paused", "completed", "failed", "cancelled", "timeout"]
StatusWord = Literal["PENDING", "QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"]
Outcome = Literal["running", "completed", "failed", "cancelled", "timeout", "paused", "lost"]


class JobOut(Schema):
    """A job as it stands."""

    job_id: str
    kind: str
    queue: str
    topic: str = Field(description="What it belongs to, an experiment run's id for instance.")
    owner: str | None = Field(description="The user's name.")
    status: StatusWord
    state: State = Field(description="The exact state; `paused` counts as RUNNING and `timeout` as FAILED.")
    priority: int
    attempt: int = Field(description="How often it has been started.")
    max_attempts: int
    progress: float = Field(ge=0, le=1)
    progress_note: str
    error_code: str
    error_message: str
    quarantined: bool = Field(description="It took three processes down with it and is not tried again.")
    cancel_requested: bool
    pause_requested: bool
    stop_early_requested: bool = Field(description="It was asked to complete now with what it has.")
    held: bool = Field(description="Its domain has not released it yet: it waits for other work.")
    retry_of: str | None = Field(description="The job whose work this one does again.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    available_at: datetime | None = Field(description="When a retry is due.")
    deadline_at: datetime | None


class CheckpointOut(Schema):
    """A place to go on from."""

    step: int
    artefact: str | None = Field(None, description="The sha256 of what holds it.")
    size_bytes: int
    seconds: float = Field(description="The running time behind it.")
    note: str
    at: datetime


class JobDetail(JobOut):
    """With what it was asked to do."""

    payload: dict[str, Any]
    timeout_seconds: float | None = Field(
        description="Bounds the running time behind the result: up to the last checkpoint, and of the execution under way."
    )
    checkpoint: CheckpointOut | None = Field(description="Where the next execution goes on from.")
    worker: str


class AttemptOut(Schema):
    """One execution of a job."""

    number: int
    outcome: Outcome
    worker: str
    host: str
    started_at: datetime
    ended_at: datetime | None
    cpu_seconds: float | None = Field(description="Of all its processes; so far, while it runs.")
    wall_seconds: float | None
    peak_memory_mb: float | None
    gpu_memory_mb: float | None = Field(description="Null where it was not measured.")
    tokens: int
    calls: dict[str, int] = Field(description="Calls of other services, by kind.")
    error_code: str
    error_message: str


class JobQuery(Schema):
    """Narrows the list; what is left out does not."""

    status: StatusWord | None = None
    state: State | None = None
    kind: str = Field("", max_length=64)
    queue: str = Field("", max_length=32)
    topic: str = Field("", max_length=64)
    owner: str = Field("", max_length=150, description="A user's name.")
    since: Moment | None = Field(None, description="Made at this moment or later, with time zone.")
    quarantined: bool | None = None


class JobIds(Strict):
    """Jobs by id."""

    job_ids: list[Annotated[str, Field(max_length=40)]] = Field(min_length=1, max_length=10_000)


class CancelledOut(Schema):
    """What became of the jobs that were to be cancelled."""

    cancelled: int = Field(ge=0, description="Ended now.")
    stopping: int = Field(ge=0, description="Running ones, asked to stop; they end within two seconds.")
    ended: int = Field(ge=0, description="Had ended before.")
    foreign: int = Field(ge=0, description="Somebody else's.")
    missing: int = Field(ge=0, description="No longer there.")


JobId = Annotated[str, Path(max_length=40, description="Like job_06gz….")]


@router.get("", response=Page[JobOut], summary="List jobs")
def jobs_list(request: HttpRequest, query: Query[JobQuery], paging: Query[PageQuery]) -> dict[str, Any]:
    """Newest first."""
    found = jobs(
        states=_states(query),
        kind=query.kind,
        queue=query.queue,
        topic=query.topic,
        owner=query.owner,
        since=query.since,
        quarantined=query.quarantined,
    )
    return paginate(found.defer("payload"), page=paging.page, page_size=paging.page_size, serialize=_out)


@router.post("/cancel", response=CancelledOut, summary="Cancel many jobs")
def jobs_cancel_many(request: HttpRequest, body: JobIds) -> dict[str, int]:
    """Each by its own rules: those you own (an admin: all) that have not ended. The others stay and are counted."""
    return asdict(many.jobs_cancel(job_ids=body.job_ids, by=member(request)))


@router.get("/{job_id}", response=JobDetail, summary="One job")
def jobs_get(request: HttpRequest, job_id: JobId) -> dict[str, Any]:
    """As it stands now; its events are at `/api/v1/events?job=`."""
    return _detail(job_get(job_id))


@router.get("/{job_id}/attempts", response=Page[AttemptOut], summary="Executions of a job")
def jobs_attempts(request: HttpRequest, job_id: JobId, paging: Query[PageQuery]) -> dict[str, Any]:
    """First to last."""
    found = attempts(job_get(job_id)).defer("stack_trace")
    return paginate(found, page=paging.page, page_size=paging.page_size, serialize=_attempt)


@router.post("/{job_id}/cancel", response=JobDetail, summary="Cancel a job")
def jobs_cancel(request: HttpRequest, job_id: JobId) -> dict[str, Any]:
    """At once when it waits, within two seconds when it runs. For its owner or an admin."""
    return _detail(job_cancel(job=job_get(job_id), by=member(request)))


@router.post("/{job_id}/pause", response=JobDetail, summary="Pause a job")
def jobs_pause(request: HttpRequest, job_id: JobId) -> dict[str, Any]:
    """A running job stops, and goes on from its last checkpoint when it is resumed. For its owner or an admin."""
    return _detail(job_pause(job=job_get(job_id), by=member(request)))


@router.post("/{job_id}/resume", response=JobDetail, summary="Resume a job")
def jobs_resume(request: HttpRequest, job_id: JobId) -> dict[str, Any]:
    """Puts a paused job back into its queue. For its owner or an admin."""
    return _detail(job_resume(job=job_get(job_id), by=member(request)))


@router.post("/{job_id}/stop-early", response=JobDetail, summary="End a job early, keeping what it has")
def jobs_stop_early(request: HttpRequest, job_id: JobId) -> dict[str, Any]:
    """A running job completes with its best so far, if its work can. For its owner or an admin."""
    return _detail(job_stop_early(job=job_get(job_id), by=member(request)))


@router.post("/{job_id}/retry", response={201: JobDetail}, summary="Retry a job")
def jobs_retry(request: HttpRequest, job_id: JobId) -> Status[dict[str, Any]]:
    """Makes a new job with the work of one that failed, timed out or was cancelled; asked again, it answers with the one it
    made. For its owner or an admin."""
    return Status(201, _detail(job_retry(job=job_get(job_id), by=member(request))))


def _states(query: JobQuery) -> tuple[str, ...]:
    """The states that both words allow; an impossible pair allows none."""
    if query.status is None:
        return (query.state,) if query.state else ()
    allowed = meant_by(query.status, "evolution")
    if query.state is None:
        return allowed
    return (query.state,) if query.state in allowed else ("none",)


def _out(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.pk,
        "kind": job.kind,
        "queue": job.queue,
        "topic": job.topic,
        "owner": job.owner.username if job.owner else None,
        "status": published(job.status, "evolution"),
        "state": job.status,
        "priority": job.priority,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "progress": job.progress,
        "progress_note": job.progress_note,
        "error_code": job.error_code,
        "error_message": job.error_message,
        "quarantined": job.quarantined_at is not None,
        "cancel_requested": job.cancel_requested_at is not None,
        "pause_requested": job.pause_requested_at is not None,
        "stop_early_requested": job.stop_early_requested_at is not None,
        "held": job.held,
        "retry_of": job.retry_of_id,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "available_at": job.available_at,
        "deadline_at": job.deadline_at,
    }


def _detail(job: Job) -> dict[str, Any]:
    return {
        **_out(job),
        "payload": job.payload,
        "timeout_seconds": job.timeout_seconds,
        "checkpoint": {**job.checkpoint, "at": job.checkpoint_at} if job.checkpoint else None,
        "worker": job.worker,
    }


def _attempt(attempt: JobAttempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "outcome": attempt.outcome,
        "worker": attempt.worker,
        "host": attempt.host,
        "started_at": attempt.started_at,
        "ended_at": attempt.ended_at,
        "cpu_seconds": attempt.cpu_seconds,
        "wall_seconds": attempt.wall_seconds,
        "peak_memory_mb": attempt.peak_memory_mb,
        "gpu_memory_mb": attempt.gpu_memory_mb,
        "tokens": attempt.tokens,
        "calls": attempt.calls,
        "error_code": attempt.error_code,
        "error_message": attempt.error_message,
    }
