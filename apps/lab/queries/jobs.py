"""Jobs as the system pages show them: lists that filter, sort and page, and one job with its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.core.errors import NotFound
from apps.core.jobs import kinds
from apps.core.models import ACTIVE_STATUSES, Job, JobAttempt, JobEvent, JobStatus, User
from apps.experiments.models import Solve
from apps.tasks.models import ArcTask

LOG_LIMIT = 500
FOUND = 200
"""More owners or tasks than this of one name are not looked for."""

_RETRIABLE = (JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.TIMEOUT)


def jobs() -> QuerySet[Job]:
    """Every job, as a list shows it."""
    return Job.objects.select_related("owner").defer("error_message")


def matching(rows: QuerySet[Job], text: str) -> QuerySet[Job]:
    """By the start of the job's or its group's id, the owner's name, or the task a solve works on.

    What is searched by parts is looked up in the small tables first, so that each term here is one an index answers.
    """
    owners = list(User.objects.filter(username__icontains=text).values_list("pk", flat=True)[:FOUND])
    tasks = list(ArcTask.objects.filter(task_id__icontains=text).values_list("pk", flat=True)[:FOUND])
    found = _starts("job_id", text) | _starts("topic", text)
    if owners:
        found |= Q(owner__in=owners)
    if tasks:
        found |= Q(pk__in=Solve.objects.filter(task__in=tasks, job__isnull=False).values("job"))
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


def subject(job: Job) -> str:
    """What a job works on, in a few words from its payload."""
    parts = (job.payload.get("task_id"), job.payload.get("strategy"), job.payload.get("name"))
    return " · ".join(str(part) for part in parts if part)


@dataclass(frozen=True)
class JobRow:
    """A job and what may be done with it now."""

    job: Job
    title: str
    subject: str
    can_cancel: bool
    can_retry: bool
    can_pause: bool
    can_resume: bool

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


def rows(found: Sequence[Job], user: User) -> list[JobRow]:
    """Jobs as `user` sees them."""
    return [row(job, user) for job in found]


def row(job: Job, user: User) -> JobRow:
    """A job as `user` sees it."""
    may = user.has_role("admin") or (user.has_role("researcher") and job.owner_id == user.pk)
    known = dict(kinds_known())
    running = job.status == JobStatus.RUNNING
    asked_to_pause = running and job.pause_requested_at is not None
    return JobRow(
        job=job,
        title=known.get(job.kind, job.kind),
        subject=subject(job),
        can_cancel=may and job.status in ACTIVE_STATUSES and job.cancel_requested_at is None,
        can_retry=may and job.status in _RETRIABLE,
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


@dataclass(frozen=True)
class LogLine:
    """One line of a job's log."""

    at: datetime
    level: str
    text: str


def log_lines(job: Job, limit: int = LOG_LIMIT) -> list[LogLine]:
    """The end of a job's log, oldest first."""
    rows = list(JobEvent.objects.filter(job=job).exclude(type="metrics").order_by("-xid", "-id")[:limit])
    return [line for line in (log_line(event.type, event.payload, event.at) for event in reversed(rows)) if line]


def log_line(kind: str, payload: Mapping[str, Any], at: datetime) -> LogLine | None:
    """An event as a line; None for what a log does not show."""
    if kind == "log":
        return LogLine(at, str(payload.get("level", "info")).lower(), str(payload.get("message", "")))
    if kind == "status_change":
        old, new = payload.get("old_status", ""), payload.get("new_status", "")
        reason = payload.get("reason") or payload.get("error_message") or ""
        words = f"{old} → {new}" if old else str(new)
        level = "error" if new in {"failed", "timeout"} else "info"
        return LogLine(at, level, f"{words}: {reason}" if reason else words)
    if kind == "progress" and payload.get("note"):
        share = payload.get("progress", payload.get("fraction"))
        percent = f"{float(share):.0%} " if isinstance(share, int | float) else ""
        return LogLine(at, "debug", f"{percent}{payload['note']}")
    return None
