"""The event log as a list: what was written about jobs and groups of jobs, whole, for as long as it is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from apps.core.jobs import kinds
from apps.core.jobs.kinds import Subject
from apps.core.log_lines import LogLine, log_line
from apps.core.models import JobEvent, User

_SHOWN = 240
"""Characters of what a list shows as it was written; its job's page shows the rest."""


@dataclass(frozen=True)
class EventRow:
    """An event with its words, and what it is about."""

    event: JobEvent
    line: LogLine
    subject: Subject | None


def events() -> QuerySet[JobEvent]:
    """Every event kept, with its job."""
    return JobEvent.objects.select_related("job")


def rows(found: Sequence[JobEvent], _user: User) -> list[EventRow]:
    """Events as a list shows them; what a log has no words for stands as it was written."""
    about = kinds.subjects(event.job for event in found if event.job is not None)
    return [EventRow(event, _line(event), about.get(event.job_id or "")) for event in found]


def _line(event: JobEvent) -> LogLine:
    line = log_line(event.type, event.payload, event.at)
    if line is not None:
        return line
    written = json.dumps(event.payload, ensure_ascii=False)
    return LogLine(event.at, "debug", written if len(written) <= _SHOWN else f"{written[:_SHOWN]}…")
