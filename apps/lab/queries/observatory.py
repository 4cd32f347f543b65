"""What the first page of the day shows. Every figure is a row somewhere; the number of statements is fixed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, QuerySet, Sum
from django.utils import timezone

from apps.carbon.models import ResourceUsage
from apps.core.jobs import kinds
from apps.core.models import Job, JobStatus, Severity, SystemEvent, User
from apps.experiments.queries import observatory as experiments
from apps.experiments.queries.experiments import ExperimentRow
from apps.experiments.queries.observatory import ScoreCostPoint
from apps.lab.queries.system import Host, Queue

SHOWN = 8
CHARTED = 40
"""The chart shows the latest so many experiments: more points than that hide each other."""

EARLIER_SHOWN = 3
FAILURES_FOR = timedelta(days=1)
LEAST_TASKS = 10
"""A best score over fewer tasks than this says little."""

_SERIOUS = (Severity.WARNING, Severity.ERROR, Severity.CRITICAL)
_ENDED_BADLY = (JobStatus.FAILED, JobStatus.TIMEOUT)


@dataclass(frozen=True)
class RunningRow:
    """An experiment under way, with what it draws."""

    row: ExperimentRow
    watts: float


def running() -> list[RunningRow]:
    """Experiments under way; a running solve keeps one core busy, which is what the watts are estimated from."""
    rows = experiments.running(limit=SHOWN)
    return [
        RunningRow(row, (row.progress.running if row.progress else 0) * settings.CONFIG.watts_per_core) for row in rows
    ]


def finished(since: datetime | None) -> list[ExperimentRow]:
    """What ended since the last look."""
    return experiments.recently_finished(since=since, limit=SHOWN)


def earlier() -> list[ExperimentRow]:
    """The latest few that ended, for when nothing has since: the place is never bare."""
    return experiments.recently_finished(limit=EARLIER_SHOWN)


@dataclass(frozen=True)
class Today:
    """The ledger of the last 24 hours."""

    executions: int
    dollars: float
    joules: float
    core_seconds: float

    @property
    def dollars_each(self) -> float:
        """What one execution cost on average."""
        return self.dollars / self.executions if self.executions else 0.0


def today() -> Today:
    """What was used in the last 24 hours."""
    sums = ResourceUsage.objects.filter(timestamp__gte=timezone.now() - timedelta(days=1)).aggregate(
        executions=Count("*"),  # not the key: every column summed stands in the index of the ledger
        dollars=Sum("estimated_cost", default=0.0),
        joules=Sum("energy_joules", default=0.0),
        core_seconds=Sum("cpu_seconds", default=0.0),
    )
    return Today(**sums)


def points() -> list[ScoreCostPoint]:
    """Score and cost of every strategy in the latest finished experiments."""
    return experiments.score_vs_cost_points(limit=CHARTED)


def best_scores(found: Sequence[ScoreCostPoint], limit: int = 5) -> list[ScoreCostPoint]:
    """The best result of each strategy over a fair number of tasks, best first; the cheaper one where they tie."""
    best: dict[str, ScoreCostPoint] = {}
    for point in sorted(found, key=lambda p: (-p.macro, p.dollars_per_task)):
        if point.tasks >= LEAST_TASKS:
            best.setdefault(point.strategy, point)
    return list(best.values())[:limit]


@dataclass(frozen=True)
class Need:
    """Something that waits for a person: what, where to go, since when."""

    status: str
    title: str
    note: str
    url: str
    at: datetime | None = None


def needs_in_words(found: Sequence[Need]) -> str:
    """How many of each, the worst first: "1 critical, 2 errors"."""
    counts = Counter(need.status for need in found)
    several = {"error": "errors", "warning": "warnings"}
    said = (f"{n} {several.get(status, status) if n > 1 else status}" for status, n in counts.items())
    return ", ".join(said) or "nothing open"


def needs(user: User, queues: Sequence[Queue], hosts: Sequence[Host]) -> list[Need]:
    """What needs this person, most pressing first."""
    found = [*_stuck_queues(queues, hosts), *_failed_jobs(user), *_open_events()]
    order = {"critical": 0, "failed": 1, "error": 1, "warning": 2, "paused": 3}
    return sorted(found, key=lambda need: order.get(need.status, 4))


def _stuck_queues(queues: Sequence[Queue], hosts: Sequence[Host]) -> list[Need]:
    found = []
    for queue in queues:
        jobs = f"{queue.waiting:,} job{'' if queue.waiting == 1 else 's'}"
        if queue.waiting and queue.paused_at:
            found.append(Need("paused", f"Queue {queue.name} is paused", f"{jobs} wait", "/system/", queue.paused_at))
        elif queue.waiting and not queue.workers:
            note = f"{jobs} wait; no worker serves it" if hosts else f"{jobs} wait; start one with: make run"
            found.append(Need("warning", f"Queue {queue.name} has no worker", note, "/system/", queue.oldest))
    return found


def _failed_jobs(user: User) -> list[Need]:
    """Failures of the last day by group; what has been tried again no longer counts."""
    jobs = Job.objects.filter(status__in=_ENDED_BADLY, finished_at__gte=timezone.now() - FAILURES_FOR)
    jobs = jobs.filter(retried_by__isnull=True)
    if not user.has_role("admin"):
        jobs = jobs.filter(owner=user)
    groups = list(
        jobs.order_by()
        .values("kind", "topic")
        .annotate(n=Count("pk"), quarantined=Count("quarantined_at"), last=Max("finished_at"))
        .order_by("-last")[:SHOWN]
    )
    about = kinds.groups((group["kind"], group["topic"]) for group in groups)
    return [
        Need(
            "failed",
            f"{group['n']:,} job{'' if group['n'] == 1 else 's'} failed",
            (about[group["topic"]].title if group["topic"] in about else kinds.title_of(group["kind"]))
            + (f" · {group['quarantined']:,} quarantined" if group["quarantined"] else ""),
            f"/system/jobs/?status=failed&topic={group['topic']}" if group["topic"] else "/system/jobs/?status=failed",
            group["last"],
        )
        for group in groups
        if group["topic"] in about or not _is_named(group)
    ]


def _is_named(group: Mapping[str, Any]) -> bool:
    """Whether its kind knows the groups its jobs belong to: one that it does not know any more is gone, and so is the need."""
    kind = kinds.find(group["kind"])
    return bool(group["topic"] and kind is not None and kind.groups is not None)


def open_events() -> QuerySet[SystemEvent]:
    """Unresolved events a person should act on; failed jobs are told by the jobs themselves."""
    return SystemEvent.objects.filter(resolved_at__isnull=True, severity__in=_SERIOUS).exclude(
        event_type__startswith="job_"
    )


def _open_events() -> list[Need]:
    rows = open_events().only("severity", "message", "event_source", "occurred_at").order_by("-occurred_at")[:SHOWN]
    return [
        Need(row.severity, row.message, row.event_source, f"/system/events/{row.public_id}/", row.occurred_at)
        for row in rows
    ]
