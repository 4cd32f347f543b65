"""What training runs tell the apps below, once, when Django is ready."""

from __future__ import annotations

from apps.core.jobs import kinds, reports
from apps.core.jobs.kinds import Kind
from apps.training.kind import KIND, QUEUE
from apps.training.queries import runs
from apps.training.reports import Plan, Samples
from apps.training.services import hearing


def register() -> None:
    """Make the kind of job and what runs say known."""
    reports.register(Samples)
    reports.register(Plan)
    kinds.register(
        Kind(
            name=KIND,
            title="Train a model",
            queue=QUEUE,
            runner="workers.training",
            subjects=runs.subjects,
            groups=runs.topics,
            search=runs.jobs_matching,
            on_finish=hearing.on_finish,
            on_status=hearing.on_status,
            on_report=hearing.on_report,
            on_retry=hearing.on_retry,
        )
    )
