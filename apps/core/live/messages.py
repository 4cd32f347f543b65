"""Events as programs read them: the published LogEvent, MetricsEvent and StatusChangeEvent, plus progress and result.

Every message carries `cursor`, `job_id`, `topic` and `seq`; a change of status also our own word in `state`, because
the published list of statuses is shorter than ours.
"""

from __future__ import annotations

import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Count

from apps.core.live.log import Event, Scope
from apps.core.models import Job, JobStatus

_PUBLISHED = {
    JobStatus.PAUSED: "running",
    JobStatus.TIMEOUT: "failed",
}
_LEVELS = {"WARN": "WARNING", "CRITICAL": "ERROR", "FATAL": "ERROR", "TRACE": "DEBUG"}
_KNOWN_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR"})


def message(event: Event) -> dict[str, Any]:
    """One event in its published shape."""
    shape = _SHAPES.get(event.type, _other)
    return {
        "type": event.type,
        "cursor": event.position.cursor,
        "job_id": event.job_id,
        "topic": event.topic,
        "seq": event.seq,
        "timestamp": event.at.isoformat(),
        **shape(event.payload),
    }


def as_json(value: Any) -> str:
    """Compact JSON of what events and snapshots hold."""
    return json.dumps(value, cls=DjangoJSONEncoder, separators=(",", ":"), ensure_ascii=False)


def published_status(status: str) -> str:
    """Our word for a status in the published vocabulary."""
    return _PUBLISHED.get(JobStatus(status), status) if status in JobStatus.values else status


def snapshot(scope: Scope) -> dict[str, Any]:
    """The state a reader goes on from after a reset: of the job, or how many jobs stand where. Read it after the cursor."""
    if scope.job_id is not None:
        return {"job": _job(scope.job_id)}
    jobs = Job.objects.all() if scope.topic is None else Job.objects.filter(topic=scope.topic)
    counts = dict(jobs.order_by().values_list("status").annotate(Count("job_id")))
    return {"topic": scope.topic, "jobs": {status: counts.get(status, 0) for status in JobStatus.values}}


def _job(job_id: str) -> dict[str, Any] | None:
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        return None
    return {
        "job_id": job.pk,
        "kind": job.kind,
        "topic": job.topic,
        "status": published_status(job.status),
        "state": job.status,
        "progress": job.progress,
        "note": job.progress_note,
        "seq": job.last_seq,
        "error_message": job.error_message or None,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }


def _log(payload: dict[str, Any]) -> dict[str, Any]:
    level = str(payload.get("level", "INFO")).upper()
    level = _LEVELS.get(level, level)
    more = {key: value for key, value in payload.items() if key not in {"level", "message"}}
    return {
        "level": level if level in _KNOWN_LEVELS else "INFO",
        "message": str(payload.get("message", "")),
        **({"context": more} if more else {}),
    }


def _metrics(payload: dict[str, Any]) -> dict[str, Any]:
    inner = payload.get("metrics")
    metrics = inner if isinstance(inner, dict) else {key: value for key, value in payload.items() if key != "step"}
    step = payload.get("step", metrics.get("step", 0))
    return {"step": step if isinstance(step, int) else 0, "metrics": metrics}


def _status_change(payload: dict[str, Any]) -> dict[str, Any]:
    old, new = str(payload.get("old_status", "")), str(payload.get("new_status", ""))
    more = {key: value for key, value in payload.items() if key not in {"old_status", "new_status"}}
    return {
        "old_status": published_status(old),
        "new_status": published_status(new),
        "state": new,
        **({"context": more} if more else {}),
    }


def _progress(payload: dict[str, Any]) -> dict[str, Any]:
    more = {key: value for key, value in payload.items() if key not in {"progress", "note"}}
    return {
        "progress": payload.get("progress", 0.0),
        "note": str(payload.get("note", "")),
        **({"context": more} if more else {}),
    }


def _other(payload: dict[str, Any]) -> dict[str, Any]:
    return {"result": payload}


_SHAPES = {"log": _log, "metrics": _metrics, "status_change": _status_change, "progress": _progress}
