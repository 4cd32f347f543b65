"""What a run wrote, as lines for people: its own changes, its cells' ends, and what solvers say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.core.models import JobEvent
from apps.experiments.queries.matrix import raw_id

LOG_TYPES = ("log", "result", "status_change")
MAX_LINES = 300


@dataclass(frozen=True)
class LogLine:
    """One line of a log viewer."""

    key: str
    at: datetime
    level: str
    text: str


def line_of(*, key: str, type: str, payload: Mapping[str, Any], at: datetime, job_id: str | None) -> LogLine | None:
    """An event as a line under the key of its position; null for those that are no news to a person (a job's ordinary steps)."""
    if type == "log":
        return LogLine(key, at, str(payload.get("level", "INFO")).lower(), str(payload.get("message", "")))
    if type == "result" and "solve_id" in payload:
        return LogLine(key, at, _result_level(payload), _result_text(payload))
    if type == "status_change" and job_id is None:
        return LogLine(key, at, "info", f"The run is {str(payload.get('new_status', '')).replace('_', ' ')}.")
    return None


def _result_level(payload: Mapping[str, Any]) -> str:
    return "error" if payload.get("status") in ("failed", "timeout") else "info"


def _result_text(payload: Mapping[str, Any]) -> str:
    score, status = payload.get("score"), payload.get("status")
    if status != "completed":
        end = str(status).replace("timeout", "timed out")
    elif score is None:
        end = "answered, truth unknown"
    else:
        end = "solved" if score >= 1 else f"{100 * score:.0f} % solved" if score > 0 else "not solved"
    where = f"{raw_id(str(payload.get('task_id', '')))} by {payload.get('strategy')} (seed {payload.get('seed')})"
    return f"{where}: {end}, {float(payload.get('core_seconds') or 0):.3g} core-s"


def log_lines(*, run_id: str, limit: int = MAX_LINES) -> list[LogLine]:
    """The latest lines of a run, oldest first; one statement."""
    rows = JobEvent.objects.filter(topic=run_id, type__in=LOG_TYPES).order_by("-xid", "-id")
    rows = rows.exclude(type="status_change", job__isnull=False)
    found = rows.values_list("xid", "id", "type", "payload", "at", "job_id")[:limit]
    lines = [line_of(key=f"{x}-{i}", type=t, payload=p, at=at, job_id=job) for x, i, t, p, at, job in found]
    return [line for line in reversed(lines) if line is not None]
