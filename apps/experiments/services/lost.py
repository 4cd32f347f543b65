"""Cells whose work has ended without them hearing of it: closed with the reason, so that a run ends and a retry finds them.

It takes a fault to make one: storing an outcome failed twice, or a job was deleted by hand.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q, QuerySet

from apps.core.jobs.reports import Usage
from apps.core.models import TERMINAL_STATUSES, Job, JobStatus
from apps.experiments.models import Solve, SolveStatus
from apps.experiments.services.cells import BATCH, Ending, cells_end, open_cells_hold
from apps.experiments.services.outcomes import spent_in_all

OUTCOME_LOST = "outcome_lost"
_NO_OUTCOME = "Its job ended, but what it answered could not be kept. Do this cell again."
_NO_JOB = "Its job is gone, and nothing is known of how it ended. Do this cell again."
_ENDED = {
    JobStatus.FAILED: SolveStatus.FAILED,
    JobStatus.TIMEOUT: SolveStatus.TIMEOUT,
    JobStatus.CANCELLED: SolveStatus.CANCELLED,
}


def lost_cells() -> QuerySet[Solve]:
    """Open cells that no job works on or will work on. A job ends, and takes another's place, in one transaction with its cell."""
    return Solve.objects.filter(
        Q(job__isnull=True) | Q(job__status__in=TERMINAL_STATUSES), finished_at__isnull=True
    ).order_by("pk")


def lost_cells_close(*, run_id: str | None = None) -> int:
    """Close such cells (of one run), each as its job ended, and end the runs that waited for them; how many there were."""
    closed = 0
    while True:
        found = lost_cells() if run_id is None else lost_cells().filter(run_id=run_id)
        batch = list(found.values_list("pk", flat=True)[:BATCH])
        if not batch:
            return closed
        with transaction.atomic():
            held = open_cells_hold(lost_cells().filter(pk__in=batch))
            cells_end(_ends(held))
        closed += len(held)


def _ends(cells: Sequence[Solve]) -> list[Ending]:
    jobs = Job.objects.in_bulk([solve.job_id for solve in cells if solve.job_id])
    # The executions are in the ledger; of one that is not, nothing is known.
    spent = spent_in_all({"": (0, Usage()), **{pk: (job.attempt, Usage()) for pk, job in jobs.items()}})
    ends = []
    for solve in cells:
        job = jobs.get(solve.job_id or "")
        status = _ENDED.get(JobStatus(job.status)) if job else None
        ends.append(
            Ending(
                solve=solve,
                status=status or SolveStatus.FAILED,
                spent=spent[job.pk if job else ""],
                job_id=job.pk if job else None,
                owner_id=job.owner_id if job else None,
                error_code=(job.error_code if job and status else "") or OUTCOME_LOST,
                error_message=(job.error_message if job and status else "") or (_NO_OUTCOME if job else _NO_JOB),
            )
        )
    return ends
