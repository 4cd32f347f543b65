"""Jobs as the system pages show them: lists that filter, sort and page, and one job with its history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.core.access import is_owner
from apps.core.errors import NotFound
from apps.core.jobs import kinds
from apps.core.jobs.kinds import Subject
from apps.core.log_lines import LogLine, log_line
from apps.core.models import ACTIVE_STATUSES, RETRIABLE_STATUSES, Job, JobAttempt, JobEvent, JobStatus, User

_LISTED = (
    "kind",
    "queue",
    "topic",
    "owner__username",
    "status",
    "payload",
    "attempt",
    "max_attempts",
    "progress",
    "cancel_requested_at",
    "pause_requested_at",
    "quarantined_at",
    "created_at",
    "started_at",
    "finished_at",
)
"""The columns a list reads: half of what a job has."""

LOG_LIMIT = 500
FOUND = 200
"""More owners of one name than this are not looked for."""


def jobs() -> QuerySet[Job]:
    """Every job, as a list shows it."""
    return Job.objects.select_related("owner").only(*_LISTED)


def matching(rows: QuerySet[Job], text: str) -> QuerySet[Job]:
    """By the start of the job's or its group's id, the owner's name, or what its kind finds by its subject.

    What is searched by parts is looked up in the small tables first, so that each term here is one an index answers.
    """
    owners = list(User.objects.filter(username__icontains=text).values_list("pk", flat=True)[:FOUND])
    found = _starts("job_id", text) | _starts("topic", text)
    if owners:
        found |= Q(owner__in=owners)
    for jobs in kinds.matching(text):
        found |= Q(pk__in=jobs)
    return rows.filter(found)


def _starts(column: str, text: str) -> Q:
    """Ids that begin so, as a range of the index (LIKE would read every row on SQLite)."""
    first = text.lower()
    return Q(**{f"{column}__gte": first, f"{column}__lt": f"{first}\U0010ffff"})


def by_id(text: str, limit: int) -> list[Job]:
    """Jobs whose id begins so, or that belong to the group of exactly that id; the newest first."""
    if not text.lower().startswith("job_"):
        rows = Job.objects.filter(topic=text.lower())
    else:
        rows = Job.objects.filter(_starts("job_id", text))
    return list(rows.order_by("-job_id")[:limit])


def kinds_known() -> list[tuple[str, str]]:
    """Every registered kind of job with its title."""
    return [(name, kinds.get(name).title) for name in kinds.names()]


@dataclass(frozen=True)
class JobRow:
    """A job and what may be done with it now."""

    job: Job
    title: str
    subject: Subject
    group: Subject | None
    can_cancel: bool
    can_retry: bool
    can_pause: bool
    can_resume: bool

    @property
    def url(self) -> str:
        """Its page. Written out: a list has one a row, and resolving a name takes longer than drawing it."""
        return f"/system/jobs/{self.job.pk}/"

    @property
    def seconds(self) -> float | None:
        """How long the last execution has taken, or took."""
        if self.job.started_at is None:
            return None
        end: datetime = self.job.finished_at or timezone.now()
        return max(0.0, (end - self.job.started_at).total_seconds())

    @property
    def state(self) -> str:
        """The state to show: a request under way reads as itself."""
        return "quarantined" if self.job.quarantined_at else self.job.status

    @property
    def asked(self) -> str:
        """What has been asked of a running job and not been done yet."""
        if self.job.status != JobStatus.RUNNING:
            return ""
        if self.job.cancel_requested_at:
            return "cancelling"
        return "pausing" if self.job.pause_requested_at else ""


def row(job: Job, user: User) -> JobRow:
    """A job as `user` sees it."""
    return rows([job], user)[0]


def rows(jobs: Sequence[Job], user: User) -> list[JobRow]:
    """Jobs as `user` sees them, with what each is about and what it is part of."""
    about = kinds.subjects(jobs)
    parts = kinds.groups((job.kind, job.topic) for job in jobs)
    return [_row(job, user, about[job.pk], parts.get(job.topic)) for job in jobs]


def _row(job: Job, user: User, subject: Subject, group: Subject | None) -> JobRow:
    may = is_owner(user, job.owner_id)
    running = job.status == JobStatus.RUNNING
    asked_to_pause = running and job.pause_requested_at is not None
    return JobRow(
        job=job,
        title=kinds.title_of(job.kind),
        subject=subject,
        group=group,
        can_cancel=may and job.status in ACTIVE_STATUSES and job.cancel_requested_at is None,
        can_retry=may and job.status in RETRIABLE_STATUSES,
        can_pause=may and job.status in ACTIVE_STATUSES and job.status != JobStatus.PAUSED and not asked_to_pause,
        can_resume=may and (job.status == JobStatus.PAUSED or asked_to_pause),
    )


def job_get(job_id: str) -> Job:
    """The job of that id; `NotFound` otherwise."""
    job = Job.objects.select_related("owner").filter(pk=job_id).first()
    if job is None:
        raise NotFound(f"There is no job {job_id[:40]}; it may have passed its retention.")
    return job


def attempts(job: Job) -> list[JobAttempt]:
    """Each execution, the last first."""
    return list(job.attempts.order_by("-number"))


def log_lines(job: Job, limit: int = LOG_LIMIT) -> list[LogLine]:
    """The end of a job's log, oldest first."""
    rows = JobEvent.objects.filter(job=job).exclude(type="metrics").order_by("-xid", "-id")
    found = list(rows.values_list("xid", "id", "type", "payload", "at")[:limit])
    lines = [log_line(type, payload, at, f"{xid}-{pk}") for xid, pk, type, payload, at in reversed(found)]
    return [line for line in lines if line is not None]
