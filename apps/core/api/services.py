"""JSON API: services, and what may be done to them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Path, Query, Router, Schema
from pydantic import Field

from apps.core.access import member
from apps.core.api.schemas import Strict
from apps.core.models import Service
from apps.core.pagination import Page, PageQuery, paginate
from apps.core.serving import kinds, service_restart, service_unwant, service_want
from apps.core.serving.queries import service_get, services, waits_for

router = Router(tags=["services"])

State = Literal["stopped", "pending", "starting", "ready", "stopping", "failed"]


class ServiceOut(Schema):
    """A service as it stands."""

    service_id: str
    kind: str
    key: str = Field(description="What it serves, such as a model's id; one service of a kind and key.")
    owner: str | None = Field(description="The user's name; null is the lab itself.")
    wanted: bool
    state: State = Field(description="`pending` waits for a worker or its next try; `failed` is not tried again.")
    host: str = Field(description="Where it runs, or ran last.")
    restarts: int = Field(ge=0, description="How often it was started again after it had ended by itself.")
    error_code: str
    error_message: str
    created_at: datetime
    wanted_at: datetime
    started_at: datetime | None
    ready_at: datetime | None
    stopped_at: datetime | None
    last_used_at: datetime | None
    available_at: datetime | None = Field(description="When it is tried again.")


class NeedsOut(Schema):
    """What it takes of a host. Memory in MB; 0 is not counted."""

    device: str
    device_memory_mb: int
    memory_mb: int
    threads: int


class ServiceDetail(ServiceOut):
    """With what was asked for, what it uses, and what it said last."""

    specification: dict[str, Any]
    needs: NeedsOut
    queue: str = Field(description="Workers of this queue keep it.")
    idle_seconds: float | None = Field(description="Unused for so long it is stopped; null: never.")
    keeper: str = Field(description="The worker that keeps it.")
    pid: int | None
    device_name: str
    address: str
    port: int | None
    used_memory_mb: float | None
    used_device_memory_mb: float | None
    waits_for: str = Field(description="Why nobody keeps it yet, while it is pending.")
    last_words: str = Field(description="The end of what it wrote before it failed.")


class ServiceQuery(Schema):
    """Narrows the list; what is left out does not."""

    kind: str = Field("", max_length=64)
    state: State | None = None
    host: str = Field("", max_length=120)
    wanted: bool | None = None


class ServiceWanted(Strict):
    """What is to run. Without a specification it stays as it was, or is its kind's usual one."""

    kind: str = Field(max_length=64)
    key: str = Field("", max_length=120)
    specification: dict[str, Any] | None = None


class ServiceKindOut(Schema):
    """A kind of service, and what may be said of one."""

    name: str
    title: str
    queue: str
    idle_seconds: float | None
    specification_schema: dict[str, Any]


ServiceId = Annotated[str, Path(max_length=40, description="Like svc_06gz….")]


@router.get("", response=Page[ServiceOut], summary="List services")
def services_list(request: HttpRequest, query: Query[ServiceQuery], paging: Query[PageQuery]) -> dict[str, Any]:
    """The last made first."""
    found = services(kind=query.kind, state=query.state or "", host=query.host, wanted=query.wanted)
    return paginate(found, page=paging.page, page_size=paging.page_size, serialize=_out)


@router.post("", response=ServiceDetail, summary="Want a service")
def services_want(request: HttpRequest, body: ServiceWanted) -> dict[str, Any]:
    """Has the service of this kind and key run; asked again it changes nothing. Another specification replaces its process,
    which is for its owner or an admin."""
    return _detail(service_want(kind=body.kind, key=body.key, specification=body.specification, by=member(request)))


@router.get("/kinds", response=list[ServiceKindOut], summary="Kinds of service")
def services_kinds(request: HttpRequest) -> list[dict[str, Any]]:
    """What can be wanted here."""
    return [
        {
            "name": kind.name,
            "title": kind.title,
            "queue": kind.queue,
            "idle_seconds": kind.idle_seconds,
            "specification_schema": kind.specification.model_json_schema(),
        }
        for kind in map(kinds.get, kinds.names())
    ]


@router.get("/{service_id}", response=ServiceDetail, summary="One service")
def services_get(request: HttpRequest, service_id: ServiceId) -> dict[str, Any]:
    """As it stands now; its changes are at `/api/v1/events?topic=`."""
    return _detail(service_get(service_id))


@router.post("/{service_id}/stop", response=ServiceDetail, summary="Stop a service")
def services_stop(request: HttpRequest, service_id: ServiceId) -> dict[str, Any]:
    """It is no longer wanted: it ends within its time, and starts again when it is wanted again. For its owner or an admin."""
    return _detail(service_unwant(service=service_get(service_id), by=member(request), reason="stopped by hand"))


@router.post("/{service_id}/restart", response=ServiceDetail, summary="Start a service anew")
def services_restart(request: HttpRequest, service_id: ServiceId) -> dict[str, Any]:
    """Replaces its process, also of one that has failed or was stopped. For its owner or an admin."""
    return _detail(service_restart(service=service_get(service_id), by=member(request)))


_OUT = (
    *("kind", "key", "wanted", "host", "restarts", "error_code", "error_message", "created_at", "wanted_at"),
    *("started_at", "ready_at", "stopped_at", "last_used_at", "available_at"),
)
_DETAIL = (
    *("specification", "needs", "queue", "idle_seconds", "keeper", "pid", "device_name", "address", "port"),
    *("used_memory_mb", "used_device_memory_mb", "last_words"),
)


def _out(service: Service) -> dict[str, Any]:
    return {
        "service_id": service.pk,
        "owner": service.owner.username if service.owner else None,
        "state": service.status,
        **{name: getattr(service, name) for name in _OUT},
    }


def _detail(service: Service) -> dict[str, Any]:
    return {
        **_out(service),
        **{name: getattr(service, name) for name in _DETAIL},
        "waits_for": waits_for(service),
    }
