"""What may need a person on the first page of the day. The number of statements is fixed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Count, Max, QuerySet
from django.utils import timezone

from apps.core.jobs import kinds
from apps.core.models import FAILED_STATUSES, Job, Role, Severity, SystemEvent, User
from apps.core.observatory import Need
from apps.core.words import plural
from apps.lab.queries.system import Host, Queue

SHOWN = 8
FAILURES_FOR = timedelta(days=1)
_SERIOUS = (Severity.WARNING, Severity.ERROR, Severity.CRITICAL)


def needs_in_words(found: Sequence[Need]) -> str:
    """How many of each, the worst first: "1 critical, 2 errors"."""
    counts = Counter(need.status for need in found)
    nouns = {"error": "error", "warning": "warning"}
    said = (plural(n, nouns.get(status, f"{status},{status}")) for status, n in counts.items())
    return ", ".join(said) or "nothing open"


def stuck_queues(queues: Sequence[Queue], hosts: Sequence[Host]) -> list[Need]:
    """Queues whose work waits for a person: paused, or served by nobody."""
    found = []
    for queue in queues:
        jobs = plural(queue.waiting, "job")
        if queue.waiting and queue.paused_at:
            found.append(Need("paused", f"Queue {queue.name} is paused", f"{jobs} wait", "/system/", queue.paused_at))
        elif queue.waiting and not queue.workers:
            note = f"{jobs} wait; no worker serves it" if hosts else f"{jobs} wait; start one with: make run"
            found.append(Need("warning", f"Queue {queue.name} has no worker", note, "/system/", queue.oldest))
    return found


def failed_jobs(user: User) -> list[Need]:
    """Failures of the last day by group; what has been tried again no longer counts."""
    jobs = Job.objects.filter(status__in=FAILED_STATUSES, finished_at__gte=timezone.now() - FAILURES_FOR)
    jobs = jobs.filter(retried_by__isnull=True)
    if not user.has_role(Role.ADMIN):
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
            f"{plural(group['n'], 'job')} failed",
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


def events_in_need() -> list[Need]:
    """The latest of them, as needs."""
    rows = open_events().only("severity", "message", "event_source", "occurred_at").order_by("-occurred_at")[:SHOWN]
    return [
        Need(row.severity, row.message, row.event_source, f"/system/events/{row.public_id}/", row.occurred_at)
        for row in rows
    ]
