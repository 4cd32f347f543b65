"""Reading services."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from apps.core.errors import NotFound
from apps.core.models import HELD_STATUSES, Service, ServiceStatus, Worker
from apps.core.serving.room import Room

_SEEN_WITHIN = timedelta(seconds=60)


def service_get(service_id: str) -> Service:
    """The service of that id, with its owner."""
    found = Service.objects.select_related("owner").filter(pk=service_id[:40]).first()
    if found is None:
        raise NotFound(f"There is no service {service_id[:40]!r}.")
    return found


def services(*, kind: str = "", state: str = "", host: str = "", wanted: bool | None = None) -> QuerySet[Service]:
    """Services, the last made first, narrowed by whatever is given."""
    found = Service.objects.select_related("owner").order_by("-service_id")
    exact = {"kind": kind, "status": state, "host": host}
    found = found.filter(**{column: value for column, value in exact.items() if value})
    return found if wanted is None else found.filter(wanted=wanted)


def waits_for(service: Service) -> str:
    """Why nobody keeps a pending service yet, from what the workers say of their hosts; empty unless it is pending."""
    if service.status != ServiceStatus.PENDING:
        return ""
    if service.available_at is not None and service.available_at > timezone.now():
        return "it is tried again in a moment"
    seen = Worker.objects.filter(last_seen_at__gte=timezone.now() - _SEEN_WITHIN).order_by("host", "name")
    hosts: dict[str, Room] = {}
    for worker in seen:
        room = Room.read(worker.room)
        if service.queue in worker.slots and room is not None:
            hosts.setdefault(worker.host, room)
    if not hosts:
        return f"no worker serves the queue {service.queue}"
    held = list(Service.objects.filter(host__in=sorted(hosts), status__in=HELD_STATUSES))
    reasons = []
    for host, room in sorted(hosts.items()):
        fits = room.place(service, [one for one in held if one.host == host])
        if not isinstance(fits, str):
            return "a worker is about to take it"
        reasons.append(f"on {host} {fits}")
    return "; ".join(reasons)
