"""Putting work into a queue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from apps.core import ids
from apps.core.errors import Invalid
from apps.core.jobs import fair, kinds
from apps.core.jobs.doorbell import ring_on_commit
from apps.core.jobs.events import status_change, write
from apps.core.models import Job, JobStatus, User
from apps.core.sql import insert, json_value

_BATCH = 500
_FEW = 16
"""So few places in a queue may be lost with an enqueue that fails."""

_VARYING = (
    *("job_id", "kind", "queue", "topic", "owner_id", "status", "priority", "payload", "max_attempts"),
    *("deadline_at", "timeout_seconds", "available_at", "created_at", "held", "retry_of_id"),
)
_MOMENTS = ("deadline_at", "available_at", "created_at")


def _constants() -> dict[str, str]:
    """Columns that are the same for every new job, as SQL: those the database has no default for and that may not be null."""
    fields = [field for field in Job._meta.concrete_fields if field.attname not in (*_VARYING, "fair_tag", "last_seq")]
    wanted = {field.attname: field.get_default() for field in fields if not field.null and not field.has_db_default()}
    return {"last_seq": "1", **{name: repr(value) for name, value in wanted.items()}}


_CONSTANT = _constants()
_BLANK = {field.attname: field.get_default() for field in Job._meta.concrete_fields} | {"last_seq": 1}
_COLUMNS = ("fair_tag", *_VARYING, *_CONSTANT)


@dataclass(frozen=True)
class JobSpec:
    """A job to be made. `queue` is the kind's unless given; `available_at` keeps it pending until then, `held` until
    `job_release`. `retry_of` is the job whose work it does again; a job is retried once, and then its retry."""

    kind: str
    payload: dict[str, Any] = field(default_factory=dict)
    topic: str = ""
    queue: str | None = None
    priority: int = 0
    deadline_at: datetime | None = None
    timeout_seconds: float | None = None
    max_attempts: int = 3
    available_at: datetime | None = None
    held: bool = False
    retry_of: str | None = None


SOON = 10
"""The priority of work that its owner sits and waits for: ahead of what they left running."""


def job_enqueue(
    *,
    kind: str,
    payload: dict[str, Any],
    owner: User | None,
    topic: str = "",
    queue: str | None = None,
    priority: int = 0,
    deadline_at: datetime | None = None,
    timeout_seconds: float | None = None,
    max_attempts: int = 3,
    available_at: datetime | None = None,
    held: bool = False,
) -> Job:
    """Make one job; workers hear of it when the caller's transaction commits."""
    spec = JobSpec(
        kind, payload, topic, queue, priority, deadline_at, timeout_seconds, max_attempts, available_at, held
    )
    return jobs_enqueue(specs=[spec], owner=owner)[0]


def jobs_enqueue(*, specs: Sequence[JobSpec], owner: User | None) -> list[Job]:
    """Make many jobs in one transaction; they run in this order among themselves, and fairly among users."""
    jobs = _jobs(specs, owner)
    rows = [_row(job) for job in jobs]
    apart = len(jobs) <= _FEW and fair.may_take_apart()
    if apart:
        _tag(jobs, owner)
    with transaction.atomic():
        if not apart:
            _tag(jobs, owner)
        insert(
            "core_job", _COLUMNS, [(job.fair_tag, *row) for job, row in zip(jobs, rows, strict=True)], values=_values()
        )
        for start in range(0, len(jobs), _BATCH):
            write([(job, status_change("", job.status)) for job in jobs[start : start + _BATCH]])
        ring_on_commit(job.queue for job in jobs if not job.held)
    return jobs


def _tag(jobs: Sequence[Job], owner: User | None) -> None:
    """Give each its place in its queue."""
    by_queue: dict[str, list[Job]] = {}
    for job in jobs:
        by_queue.setdefault(job.queue, []).append(job)
    for queue in sorted(by_queue):
        rows = by_queue[queue]
        tags = fair.take_tags(queue=queue, user_key=owner.pk if owner else "", count=len(rows))
        for job, tag in zip(rows, tags, strict=True):
            job.fair_tag = tag


def _jobs(specs: Sequence[JobSpec], owner: User | None) -> list[Job]:
    """Unsaved rows, ids ascending, so that equal tags keep the order given."""
    numbers = sorted(ids.new_job_id() for _ in specs)
    now = timezone.now()
    return [_job(spec, owner, number, now) for spec, number in zip(specs, numbers, strict=True)]


def _job(spec: JobSpec, owner: User | None, job_id: str, now: datetime) -> Job:
    kind = kinds.get(spec.kind)
    if spec.max_attempts < 1:
        raise Invalid("max_attempts must be at least 1.", field="max_attempts")
    if spec.timeout_seconds is not None and spec.timeout_seconds <= 0:
        raise Invalid("timeout_seconds must be more than 0.", field="timeout_seconds")
    waits = spec.available_at is not None and spec.available_at > now
    if waits and spec.held:
        raise Invalid("A job waits for a moment or for its release, not for both.", field="held")
    columns = {
        **_BLANK,
        "job_id": job_id,
        "kind": spec.kind,
        "queue": spec.queue or kind.queue,
        "topic": spec.topic,
        "owner_id": owner.pk if owner else None,
        "status": JobStatus.PENDING if waits or spec.held else JobStatus.QUEUED,
        "priority": spec.priority,
        "payload": spec.payload,
        "max_attempts": spec.max_attempts,
        "deadline_at": spec.deadline_at,
        "timeout_seconds": spec.timeout_seconds,
        "available_at": spec.available_at if waits else None,
        "held": spec.held,
        "retry_of_id": spec.retry_of,
        "created_at": now,
    }
    job = Job.from_db(connection.alias, columns.keys(), columns.values())
    job._state.fields_cache["owner"] = owner
    return job


def _values() -> list[str]:
    varying = [json_value() if name == "payload" else "%s" for name in _VARYING]
    return ["%s", *varying, *_CONSTANT.values()]


def _row(job: Job) -> list[Any]:
    """The varying columns of a job but for its place."""
    moment = connection.ops.adapt_datetimefield_value
    values = {name: getattr(job, name) for name in _VARYING}
    for name in _MOMENTS:
        values[name] = moment(values[name])
    values["status"] = str(job.status)
    values["payload"] = json.dumps(job.payload)
    return list(values.values())
