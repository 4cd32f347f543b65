"""What people do to jobs they picked from a list: each by its own rules, all in one call."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from django.db import transaction
from django.db.models.functions import Coalesce, Now

from apps.core.access import is_owner, require_role
from apps.core.jobs.transitions import cancel_waiting
from apps.core.models import Job, JobStatus, Role, User
from apps.core.words import count

_BATCH = 200


@dataclass(frozen=True)
class CancelledJobs:
    """What became of the jobs that were to be cancelled: ended now, asked to stop, over before, not theirs, not there."""

    cancelled: int = 0
    stopping: int = 0
    ended: int = 0
    foreign: int = 0
    missing: int = 0

    @property
    def changed(self) -> int:
        """How many the call changed."""
        return self.cancelled + self.stopping

    def sentence(self) -> str:
        """All of it in words, without what did not occur."""
        said = (
            (self.cancelled, "cancelled"),
            (self.stopping, "stopping within two seconds"),
            (self.ended, "had already ended"),
            (self.foreign, "somebody else's"),
            (self.missing, "no longer there"),
        )
        return ", ".join(f"{count(number)} {words}" for number, words in said if number) + "."


def jobs_cancel(*, job_ids: Collection[str], by: User) -> CancelledJobs:
    """Cancel those of the jobs that `by` owns (an admin: all) and that have not ended; the others stay and are counted.

    Many at a time in short transactions, the oldest first.
    """
    require_role(by, Role.RESEARCHER)
    wanted = sorted(set(job_ids))
    done = CancelledJobs()
    for start in range(0, len(wanted), _BATCH):
        with transaction.atomic():
            done = _cancel_batch(wanted[start : start + _BATCH], by, done)
    return done


def _cancel_batch(job_ids: list[str], by: User, done: CancelledJobs) -> CancelledJobs:
    found = list(Job.objects.filter(pk__in=job_ids).order_by("job_id").select_for_update())
    own = [job for job in found if is_owner(by, job.owner_id)]
    running = [job.pk for job in own if job.status == JobStatus.RUNNING]
    waiting = [job for job in own if job.status != JobStatus.RUNNING and not job.is_terminal]
    Job.objects.filter(pk__in=running, status=JobStatus.RUNNING).update(
        cancel_requested_at=Coalesce("cancel_requested_at", Now())
    )
    cancel_waiting(waiting)
    return replace(
        done,
        cancelled=done.cancelled + len(waiting),
        stopping=done.stopping + len(running),
        ended=done.ended + len(own) - len(running) - len(waiting),
        foreign=done.foreign + len(found) - len(own),
        missing=done.missing + len(job_ids) - len(found),
    )
