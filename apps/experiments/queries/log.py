"""What a run wrote, as lines for people: its own changes, its cells' ends, and what solvers say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apps.core.log_lines import LogLine, log_line
from apps.core.models import JobEvent

LOG_TYPES = ("log", "cell", "status_change")
MAX_LINES = 300


def line_of(*, key: str, type: str, payload: Mapping[str, Any], at: datetime, job_id: str | None) -> LogLine | None:
    """An event as a line under the key of its position; null for those that are no news to a person (a job's ordinary steps)."""
    if type == "status_change":
        words = f"The run is {str(payload.get('new_status', '')).replace('_', ' ')}."
        return LogLine(at, "info", words, key) if job_id is None else None
    return log_line(type, payload, at, key) if type in LOG_TYPES else None


def log_lines(*, run_id: str, limit: int = MAX_LINES) -> list[LogLine]:
    """The latest lines of a run, oldest first; one statement."""
    rows = JobEvent.objects.filter(topic=run_id, type__in=LOG_TYPES).order_by("-xid", "-id")
    rows = rows.exclude(type="status_change", job__isnull=False)
    found = rows.values_list("xid", "id", "type", "payload", "at", "job_id")[:limit]
    lines = [line_of(key=f"{x}-{i}", type=t, payload=p, at=at, job_id=job) for x, i, t, p, at, job in found]
    return [line for line in reversed(lines) if line is not None]
