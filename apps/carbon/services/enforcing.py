"""What a spent budget stops: the jobs it covers pause, those that run at a checkpoint; those that come later, too."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db.models import Q, QuerySet

from apps.carbon.categories import kinds_of
from apps.carbon.models import Budget, Scope
from apps.carbon.queries.budgets import stopped_windows
from apps.core.errors import Conflict
from apps.core.jobs.control import job_pause
from apps.core.models import WAITING_STATUSES, Job, JobStatus

MOST = 1000


def budgets_enforce() -> int:
    """Pause what spent budgets cover; how many jobs that were. Called when a limit is reached, and from time to time."""
    done = 0
    for window in stopped_windows(datetime.now(UTC)):
        for job in covered(window.budget)[:MOST]:
            try:
                job_pause(job=job, by=None)
            except Conflict:  # it has just ended
                continue
            done += 1
    return done


def covered(budget: Budget) -> QuerySet[Job]:
    """The jobs a budget holds back: those that wait, and those that run and are not asked to pause yet."""
    active = Job.objects.filter(
        Q(status__in=WAITING_STATUSES) | Q(status=JobStatus.RUNNING, pause_requested_at__isnull=True)
    ).order_by("job_id")
    key = budget.scope_key
    narrowed = {
        Scope.USER: Q(owner_id=key),
        Scope.EXPERIMENT: Q(topic=key),
        Scope.JOB: Q(job_id=key),
        Scope.TASK: Q(payload__task_id=key),
        Scope.STRATEGY: Q(payload__strategy=key),
        Scope.CATEGORY: Q(kind__in=kinds_of(key)),
        Scope.LAB: Q(),
    }
    # An API key's budget answers its requests with a refusal; jobs do not tell which key made them.
    wanted = narrowed.get(Scope(budget.scope))
    return active.none() if wanted is None else active.filter(wanted)
