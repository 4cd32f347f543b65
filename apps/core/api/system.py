"""JSON API: how the system is, and what happened to it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from apps.core.access import member
from apps.core.api.schemas import Moment
from apps.core.health import (
    GPUInfo,
    HealthStatus,
    StorageInfo,
    SystemInfo,
    gpu_info,
    health_status,
    storage_info,
    system_info,
)
from apps.core.models import SystemEvent
from apps.core.pagination import Page, PageQuery, paginate
from apps.core.system_events import system_event_get, system_event_resolve, system_events

router = Router(tags=["system"])

SeverityName = Literal["debug", "info", "warning", "error", "critical"]


class SystemEventOut(Schema):
    """Something that happened to the system."""

    event_id: str
    event_type: str
    event_source: str
    severity: SeverityName
    message: str
    context: dict[str, Any] | None
    occurred_at: datetime
    resolved_at: datetime | None


class SystemEventDetail(SystemEventOut):
    """With the stack trace, where there is one."""

    stack_trace: str | None


class SystemEventQuery(Schema):
    """Narrows the list; what is left out does not."""

    q: str = Field("", max_length=200, description="Words of the message or the context; beginnings suffice.")
    severity: SeverityName | None = None
    source: str = Field("", max_length=64)
    event_type: str = Field("", max_length=64)
    since: Moment | None = Field(None, description="From this moment on, with time zone.")
    until: Moment | None = Field(None, description="Before this moment, with time zone.")
    resolved: bool | None = None


@router.get("/health", response=HealthStatus, summary="Health of the parts")
def health(request: HttpRequest) -> HealthStatus:
    """The API with its database, the GPU, the storage, vLLM. `/healthz` is the probe that needs no login."""
    return health_status()


@router.get("/info", response=SystemInfo, summary="Versions and hardware")
def info(request: HttpRequest) -> SystemInfo:
    """What runs on the host that answers."""
    return system_info()


@router.get("/gpu", response=GPUInfo, summary="GPUs")
def gpu(request: HttpRequest) -> GPUInfo:
    """The GPUs of the host that answers."""
    return gpu_info()


@router.get("/storage", response=StorageInfo, summary="Storage")
def storage(request: HttpRequest) -> StorageInfo:
    """The disk under the storage folder."""
    return storage_info()


@router.get("/events", response=Page[SystemEventOut], summary="Search system events")
def events_list(request: HttpRequest, query: Query[SystemEventQuery], paging: Query[PageQuery]) -> dict[str, Any]:
    """Newest first."""
    found = system_events(
        text=query.q,
        severity=query.severity or "",
        source=query.source,
        event_type=query.event_type,
        since=query.since,
        until=query.until,
        resolved=query.resolved,
    )
    return paginate(found.defer("stack_trace"), page=paging.page, page_size=paging.page_size, serialize=_event_out)


@router.get("/events/{event_id}", response=SystemEventDetail, summary="One system event")
def events_get(request: HttpRequest, event_id: str) -> dict[str, Any]:
    """With its stack trace."""
    event = system_event_get(event_id)
    return {**_event_out(event), "stack_trace": event.stack_trace}


@router.post("/events/{event_id}/resolve", response=SystemEventDetail, summary="Resolve a system event")
def events_resolve(request: HttpRequest, event_id: str) -> dict[str, Any]:
    """Marks it as dealt with; the same thing happening again makes a new event."""
    event = system_event_resolve(event=system_event_get(event_id), by=member(request))
    return {**_event_out(event), "stack_trace": event.stack_trace}


def _event_out(event: SystemEvent) -> dict[str, Any]:
    return {
        "event_id": event.public_id,
        "event_type": event.event_type,
        "event_source": event.event_source,
        "severity": event.severity,
        "message": event.message,
        "context": event.context,
        "occurred_at": event.occurred_at,
        "resolved_at": event.resolved_at,
    }
