"""What people do to jobs: cancel, pause, resume, retry; one, or all of a topic; and the switch of a queue.

A job that waits changes at once. A running one is asked: its worker reads the request within a second, stops the
work and writes the change. Only the owner or an admin may (`by=None` is the system itself).
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django.db.models.functions import Coalesce, Now

from apps.core.access import require_owner, require_role
from apps.core.errors import Conflict, Forbidden
from apps.core.jobs import kinds
from apps.core.jobs.doorbell import ring_on_commit
from apps.core.jobs.enqueue import JobSpec, jobs_enqueue
from apps.core.jobs.transitions import cancel_waiting, end_without_worker, move
from apps.core.models import Job, JobStatus, QueueState, Role, User

_BATCH = 200
_WAITING = (JobStatus.PENDING, JobStatus.QUEUED)
_RETRIABLE = (JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.TIMEOUT)


def _allowed(job: Job, by: User | None) -> None:
    if by is not None:
        require_owner(by, job.owner_id)


def _locked(job: Job) -> Job:
    """The job as it now is, kept so until the transaction ends."""
    return Job.objects.select_for_update().get(pk=job.pk)


@transaction.atomic
def job_cancel(*, job: Job, by: User | None) -> Job:
    """Cancel: at once when it waits, within two seconds when it runs. A `Conflict` when it has ended."""
    _allowed(job, by)
    current = _locked(job)
    if current.is_terminal:
        raise Conflict(f"{current.pk} has already ended: {current.status}.")
    _cancel(current)
    return Job.objects.get(pk=current.pk)


def _cancel(job: Job) -> None:
    if job.status == JobStatus.RUNNING:
        Job.objects.filter(pk=job.pk, status=JobStatus.RUNNING).update(
            cancel_requested_at=Coalesce("cancel_requested_at", Now())
        )
    else:
        end_without_worker(
            job, to=JobStatus.CANCELLED, error_code="cancelled", error_message="Cancelled before it ran."
        )


@transaction.atomic
def job_pause(*, job: Job, by: User | None) -> Job:
    """Keep a job from running. A running one stops and starts afresh when resumed."""
    _allowed(job, by)
    current = _locked(job)
    if current.is_terminal:
        raise Conflict(f"{current.pk} has already ended: {current.status}.")
    _pause(current)
    return Job.objects.get(pk=current.pk)


def _pause(job: Job) -> None:
    if job.status == JobStatus.RUNNING:
        Job.objects.filter(pk=job.pk, status=JobStatus.RUNNING).update(
            pause_requested_at=Coalesce("pause_requested_at", Now())
        )
    elif job.status in _WAITING:
        move(Job.objects.filter(pk=job.pk), old=job.status, to=JobStatus.PAUSED)


@transaction.atomic
def job_resume(*, job: Job, by: User | None) -> Job:
    """Let a paused job run again; takes back a pause that a worker has not carried out yet."""
    _allowed(job, by)
    current = _locked(job)
    if not _resume(current):
        raise Conflict(f"{current.pk} is not paused but {current.status}.")
    return Job.objects.get(pk=current.pk)


def _resume(job: Job) -> bool:
    if job.status == JobStatus.PAUSED:
        move(Job.objects.filter(pk=job.pk), old=JobStatus.PAUSED, to=JobStatus.QUEUED)
        ring_on_commit([job.queue])
        return True
    asked = Job.objects.filter(pk=job.pk, status=JobStatus.RUNNING, pause_requested_at__isnull=False)
    return bool(asked.update(pause_requested_at=None))


@transaction.atomic
def job_retry(*, job: Job, by: User | None) -> Job:
    """A new job with the same work, when this one failed, timed out or was cancelled. Returns the new one."""
    _allowed(job, by)
    current = _locked(job)
    if current.status not in _RETRIABLE:
        raise Conflict(f"{current.pk} is {current.status}; only a failed, cancelled or timed out job can be retried.")
    kind = kinds.find(current.kind)
    if kind is None:
        raise Conflict(f"{current.pk} is of kind {current.kind!r}, which this version no longer knows.")
    spec = JobSpec(
        kind=current.kind,
        payload=current.payload,
        topic=current.topic,
        queue=current.queue,
        priority=current.priority,
        timeout_seconds=current.timeout_seconds,
        max_attempts=current.max_attempts,
    )
    fresh = jobs_enqueue(specs=[spec], owner=current.owner)[0]
    if kind.on_retry is not None:
        kind.on_retry(current, fresh)
    return fresh


def topic_cancel(*, topic: str, by: User | None) -> int:
    """Cancel every job of the topic that has not ended; returns how many were cancelled or asked to stop."""
    _topic_allowed(topic, by)
    ended = _each(topic, (*_WAITING, JobStatus.PAUSED), cancel_waiting)
    return ended + Job.objects.filter(topic=topic, status=JobStatus.RUNNING).update(
        cancel_requested_at=Coalesce("cancel_requested_at", Now())
    )


def topic_pause(*, topic: str, by: User | None) -> int:
    """Pause every job of the topic that has not ended; returns how many were paused or asked to stop."""
    _topic_allowed(topic, by)
    paused = _each(topic, _WAITING, _pause_waiting)
    return paused + Job.objects.filter(topic=topic, status=JobStatus.RUNNING).update(
        pause_requested_at=Coalesce("pause_requested_at", Now())
    )


def topic_resume(*, topic: str, by: User | None) -> int:
    """Resume every paused job of the topic; returns how many."""
    _topic_allowed(topic, by)
    taken_back = Job.objects.filter(topic=topic, status=JobStatus.RUNNING, pause_requested_at__isnull=False).update(
        pause_requested_at=None
    )
    return taken_back + _each(topic, (JobStatus.PAUSED,), _resume_paused)


def _topic_allowed(topic: str, by: User | None) -> None:
    if not topic:
        raise Conflict("An empty topic names no jobs.")
    if by is None or by.has_role(Role.ADMIN):
        return
    require_role(by, Role.RESEARCHER)
    if Job.objects.filter(topic=topic).exclude(owner_id=by.pk).exists():
        raise Forbidden("Only the owner of these jobs or an admin may do this.")


def _pause_waiting(jobs: list[Job]) -> None:
    for status in sorted({job.status for job in jobs}):
        rows = Job.objects.filter(pk__in=[job.pk for job in jobs if job.status == status])
        move(rows, old=status, to=JobStatus.PAUSED)


def _resume_paused(jobs: list[Job]) -> None:
    if jobs:
        move(Job.objects.filter(pk__in=[job.pk for job in jobs]), old=JobStatus.PAUSED, to=JobStatus.QUEUED)
        ring_on_commit({job.queue for job in jobs})


def _each(topic: str, statuses: tuple[str, ...], act: Callable[[list[Job]], object]) -> int:
    """Do `act` to every job of the topic in one of `statuses`, many at a time in short transactions, oldest first."""
    done, after = 0, ""
    while True:
        with transaction.atomic():
            rows = Job.objects.filter(topic=topic, status__in=statuses, job_id__gt=after)
            batch = list(rows.order_by("job_id").select_for_update()[:_BATCH])
            act(batch)
        done += len(batch)
        if len(batch) < _BATCH:
            return done
        after = batch[-1].pk


def queue_pause(*, queue: str, by: User | None) -> None:
    """No job of this queue starts until it is resumed; running ones go on. For admins."""
    if by is not None:
        require_role(by, Role.ADMIN)
    QueueState.objects.update_or_create(queue=queue, defaults={"paused_at": Now()})


def queue_resume(*, queue: str, by: User | None) -> None:
    """Let jobs of this queue start again. For admins."""
    if by is not None:
        require_role(by, Role.ADMIN)
    QueueState.objects.filter(queue=queue).update(paused_at=None)
    ring_on_commit([queue])


def queue_is_paused(queue: str) -> bool:
    """Whether the switch is off."""
    return QueueState.objects.filter(queue=queue, paused_at__isnull=False).exists()
