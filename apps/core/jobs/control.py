"""What people do to jobs: cancel, pause, resume, retry; one, or all of a topic; and the switch of a queue.

A job that waits changes at once. A running one is asked: its worker reads the request within a second, stops the
work and writes the change. Only the owner or an admin may (`by=None` is the system itself).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.db import transaction
from django.db.models import Case, F, FloatField, Value, When
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from apps.core.access import require_owner, require_role
from apps.core.errors import Conflict, Forbidden
from apps.core.jobs import fair, kinds
from apps.core.jobs.doorbell import ring_on_commit
from apps.core.jobs.enqueue import JobSpec, jobs_enqueue
from apps.core.jobs.transitions import cancel_waiting, end_without_worker, move
from apps.core.models import RETRIABLE_STATUSES, WAITING_STATUSES, Job, JobStatus, QueueState, Role, User

_BATCH = 200


def _allowed(job: Job, by: User | None) -> None:
    if by is not None:
        require_owner(by, job.owner_id)


def _locked(job: Job) -> Job:
    """The job as it now is, kept so until the transaction ends."""
    return Job.objects.select_for_update().get(pk=job.pk)


def _open(job: Job, by: User | None) -> Job:
    """The job, held, which `by` may change and which has not ended."""
    _allowed(job, by)
    current = _locked(job)
    if current.is_terminal:
        raise Conflict(f"{current.pk} has already ended: {current.status}.")
    return current


@transaction.atomic
def job_cancel(*, job: Job, by: User | None) -> Job:
    """Cancel: at once when it waits, within two seconds when it runs. A `Conflict` when it has ended."""
    current = _open(job, by)
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
    """Keep a job from running. A running one stops, at a checkpoint if it can, and goes on from its last one when resumed."""
    current = _open(job, by)
    _pause(current)
    return Job.objects.get(pk=current.pk)


def _pause(job: Job) -> None:
    if job.status == JobStatus.RUNNING:
        Job.objects.filter(pk=job.pk, status=JobStatus.RUNNING).update(
            pause_requested_at=Coalesce("pause_requested_at", Now())
        )
    elif job.status in WAITING_STATUSES:
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
        _resume_paused([job])
        return True
    asked = Job.objects.filter(pk=job.pk, status=JobStatus.RUNNING, pause_requested_at__isnull=False)
    return bool(asked.update(pause_requested_at=None))


@transaction.atomic
def job_stop_early(*, job: Job, by: User | None) -> Job:
    """Ask a running job to end now with what it has: it completes with its best so far, if its work can.

    A `Conflict` when it does not run: what has not begun has nothing to end with.
    """
    _allowed(job, by)
    current = _locked(job)
    asked = Job.objects.filter(pk=current.pk, status=JobStatus.RUNNING).update(
        stop_early_requested_at=Coalesce("stop_early_requested_at", Now())
    )
    if not asked:
        raise Conflict(f"{current.pk} is {current.status}; only a running job can end early. Cancel it instead.")
    return Job.objects.get(pk=current.pk)


@transaction.atomic
def job_release(*, job_ids: Iterable[str]) -> list[Job]:
    """Let held jobs run: their domain's word, given in the transaction that ended what they waited for.

    Returns those that were held. One that is paused stays so, and runs when it is resumed. A released job takes its place
    in the queue now: while it was held it did not wait for its turn.
    """
    ids = sorted(set(job_ids))
    held = list(Job.objects.filter(pk__in=ids, held=True).order_by("pk").select_for_update())
    waiting = [job for job in held if job.status == JobStatus.PENDING]
    Job.objects.filter(pk__in=[job.pk for job in held]).update(held=False)
    _queue_anew(waiting)
    return held


def _queue_anew(jobs: list[Job]) -> None:
    """Queue what was held, each at the end of its owner's line."""
    lines: dict[tuple[str, str], list[Job]] = {}
    for job in jobs:
        lines.setdefault((job.queue, job.owner_id or ""), []).append(job)
    for queue, user_key in sorted(lines):
        own = lines[(queue, user_key)]
        tags = fair.take_tags(queue=queue, user_key=user_key, count=len(own))
        places = [When(pk=job.pk, then=Value(tag)) for job, tag in zip(own, tags, strict=True)]
        for start in range(0, len(own), _BATCH):
            batch = [job.pk for job in own[start : start + _BATCH]]
            place = Case(*places[start : start + _BATCH], default=F("fair_tag"), output_field=FloatField())
            move(Job.objects.filter(pk__in=batch), old=JobStatus.PENDING, to=JobStatus.QUEUED, fair_tag=place)
    ring_on_commit({job.queue for job in jobs})


@transaction.atomic
def job_retry(*, job: Job, by: User | None) -> Job:
    """A new job with the same work, when this one failed, timed out or was cancelled; the one there is when it was
    retried before. Its deadline stays the same: one that has passed is a `Conflict`."""
    _allowed(job, by)
    current = _locked(job)
    standing = Job.objects.filter(retry_of=current.pk).first()
    if standing is not None:
        return standing
    if current.status not in RETRIABLE_STATUSES:
        raise Conflict(f"{current.pk} is {current.status}; only a failed, cancelled or timed out job can be retried.")
    kind = kinds.find(current.kind)
    if kind is None:
        raise Conflict(f"{current.pk} is of kind {current.kind!r}, which this version no longer knows.")
    if current.deadline_at is not None and current.deadline_at <= timezone.now():
        raise Conflict(f"The deadline of {current.pk} has passed; make the work anew with a later one.")
    spec = JobSpec(
        kind=current.kind,
        payload=current.payload,
        topic=current.topic,
        queue=current.queue,
        priority=current.priority,
        deadline_at=current.deadline_at,
        retry_of=current.pk,
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
    ended = _each(topic, (*WAITING_STATUSES, JobStatus.PAUSED), cancel_waiting)
    return ended + Job.objects.filter(topic=topic, status=JobStatus.RUNNING).update(
        cancel_requested_at=Coalesce("cancel_requested_at", Now())
    )


def topic_pause(*, topic: str, by: User | None) -> int:
    """Pause every job of the topic that has not ended; returns how many were paused or asked to stop."""
    _topic_allowed(topic, by)
    paused = _each(topic, WAITING_STATUSES, _pause_waiting)
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
    """Back to the queue, or to waiting for their release."""
    for held, to in ((False, JobStatus.QUEUED), (True, JobStatus.PENDING)):
        ids = [job.pk for job in jobs if job.held == held]
        if ids:
            move(Job.objects.filter(pk__in=ids, held=held), old=JobStatus.PAUSED, to=to)
    ring_on_commit({job.queue for job in jobs if not job.held})


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
