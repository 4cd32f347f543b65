"""Events as programs read them: each type of report in its published form (`apps.core.jobs.reports`).

Every message carries `cursor`, `job_id`, `topic` and `seq`; a change of status also our own word in `state`, because
the published list of statuses is shorter than ours.
"""

from __future__ import annotations

import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Count

from apps.core.jobs import reports
from apps.core.jobs.statuses import published
from apps.core.live import groups
from apps.core.live.log import Event, Scope
from apps.core.models import Job, JobStatus


def message(event: Event) -> dict[str, Any]:
    """One event in its published shape."""
    said = reports.read(event.type, event.payload)
    return {
        "type": event.type,
        "cursor": event.position.cursor,
        "job_id": event.job_id,
        "topic": event.topic,
        "seq": event.seq,
        "timestamp": event.at.isoformat(),
        **(said.published() if said is not None else {"payload": event.payload}),
    }


def as_json(value: Any) -> str:
    """Compact JSON of what events and snapshots hold."""
    return json.dumps(value, cls=DjangoJSONEncoder, separators=(",", ":"), ensure_ascii=False)


def snapshot(scope: Scope) -> dict[str, Any]:
    """The state a reader goes on from after a reset: of the job, or how many jobs stand where. Read it after the cursor."""
    if scope.job_id is not None:
        return {"job": _job(scope.job_id)}
    jobs = Job.objects.all()
    if scope.topic is not None:
        jobs = jobs.filter(topic=scope.topic)
    if scope.group is not None:
        jobs = jobs.filter(groups.within(scope.group))
    counts = dict(jobs.order_by().values_list("status").annotate(Count("job_id")))
    return {
        "topic": scope.topic,
        "group": scope.group,
        "jobs": {status: counts.get(status, 0) for status in JobStatus.values},
    }


def _job(job_id: str) -> dict[str, Any] | None:
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        return None
    return {
        "job_id": job.pk,
        "kind": job.kind,
        "topic": job.topic,
        "status": published(job.status),
        "state": job.status,
        "progress": job.progress,
        "note": job.progress_note,
        "seq": job.last_seq,
        "error_message": job.error_message or None,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }
