"""Holding a service: claim it, keep it, hear what is wanted of it, write down how it goes.

Whoever holds `(service_id, token)` of a held service may write; everybody else is `Fenced`: the statement finds no row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from apps.core.engine.processes import RestartPolicy
from apps.core.jobs.doorbell import ring_on_commit
from apps.core.jobs.lease import Fenced
from apps.core.models import HELD_STATUSES, Service, ServiceStatus, Severity
from apps.core.serving import kinds
from apps.core.serving.events import tell
from apps.core.serving.room import Placed
from apps.core.sql import in_seconds, update_returning
from apps.core.system_events import system_event_record

MAX_WORDS = 8_000
_LET_GO: dict[str, Any] = {
    "keeper": "",
    "lease_expires_at": None,
    "pid": None,
    "port": None,
    "socket": "",
    "address": "",
    "secret": "",
    "device_name": "",
    "used_memory_mb": None,
    "used_device_memory_mb": None,
}
Fit = Callable[[Service, Sequence[Service]], Placed | str]


def claim(
    *, keeper: str, host: str, boot_id: str, queues: Collection[str], lease_seconds: float, fit: Fit
) -> Service | None:
    """Take the service that has waited longest of those this worker may keep and its host can hold; None when there is none.

    `fit(service, held)` says where it goes beside those that the host holds already. Workers of one host claim one after
    the other, so that what is free is given once.
    """
    due = Q(available_at__isnull=True) | Q(available_at__lte=Now())
    waiting = Service.objects.filter(
        due, status=ServiceStatus.PENDING, queue__in=sorted(queues), kind__in=kinds.of_queues(queues)
    ).order_by("wanted_at", "pk")
    if not waiting.exists():
        return None
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"terrarium:services:{host}"])
        held = list(Service.objects.filter(host=host, status__in=HELD_STATUSES))
        for service in waiting:
            placed = fit(service, held)
            if isinstance(placed, str):
                continue
            taken = update_returning(
                Service.objects.filter(pk=service.pk, status=ServiceStatus.PENDING, token=service.token),
                status=ServiceStatus.STARTING,
                token=F("token") + 1,
                running_revision=F("revision"),
                keeper=keeper,
                host=host,
                boot_id=boot_id,
                device_name=placed.device,
                lease_expires_at=in_seconds(lease_seconds),
                available_at=None,
                started_at=Now(),
                ready_at=None,
                stopped_at=None,
            )
            if taken:
                tell(taken[0], old=ServiceStatus.PENDING, reason=f"on {host}")
                return taken[0]
    return None


def _ours(service_id: str, token: int) -> QuerySet[Service]:
    return Service.objects.filter(pk=service_id, token=token, status__in=HELD_STATUSES)


@dataclass(frozen=True)
class Used:
    """What its processes hold now; null where it was not measured."""

    memory_mb: float | None = None
    device_memory_mb: float | None = None


def renew(held: Mapping[tuple[str, int], Used], *, lease_seconds: float) -> list[tuple[str, int]]:
    """Extend the leases of all that a worker keeps, and note what they use. Returns those that are still ours."""
    ours = []
    with transaction.atomic():
        for (service_id, token), used in sorted(held.items(), key=lambda item: item[0]):
            renewed = _ours(service_id, token).update(
                lease_expires_at=in_seconds(lease_seconds),
                used_memory_mb=used.memory_mb,
                used_device_memory_mb=used.device_memory_mb,
            )
            if renewed:
                ours.append((service_id, token))
    return ours


Ask = Literal["", "fenced", "unwanted", "restart", "idle"]


@dataclass(frozen=True)
class Wish:
    """What is asked of a held service, and when it was last used."""

    ask: Ask = ""
    last_used_at: datetime | None = None


def wishes(held: Mapping[str, int]) -> dict[str, Wish]:
    """What is asked of each held service `{service_id: token}`: one query, however many."""
    if not held:
        return {}
    found: dict[str, Wish] = {}
    for one in Service.objects.filter(pk__in=sorted(held), status__in=HELD_STATUSES).annotate(now=Now()):
        if one.token != held[one.pk]:
            continue
        ask: Ask = ""
        if not one.wanted:
            ask = "unwanted"
        elif one.running_revision != one.revision:
            ask = "restart"
        elif one.idle_seconds is not None and one.ready_at is not None:
            used = max(filter(None, (one.last_used_at, one.ready_at)))
            ask = "idle" if (one.now - used).total_seconds() > one.idle_seconds else ""
        found[one.pk] = Wish(ask, one.last_used_at)
    return {service_id: found.get(service_id, Wish("fenced")) for service_id in held}


def note_running(
    service_id: str, token: int, *, pid: int, address: str = "", port: int | None = None, socket: str = "", secret: str
) -> None:
    """Its process exists and listens there, or will. `Fenced` when it is no longer ours."""
    where: dict[str, Any] = {"pid": pid, "address": address, "port": port, "socket": socket, "secret": secret}
    if not _ours(service_id, token).update(**where):
        raise Fenced(service_id)


def note_ready(service_id: str, token: int) -> None:
    """It answers. `Fenced` when it is no longer ours."""
    _move(service_id, token, ServiceStatus.STARTING, status=ServiceStatus.READY, ready_at=Now())


def note_stopping(service_id: str, token: int, *, reason: str, unused_since: datetime | None = None) -> bool:
    """It is being stopped. With `unused_since`, for being idle: then only if nobody has used it meanwhile, and it is no
    longer wanted until somebody wants it again. False when that is not so."""
    with transaction.atomic():
        rows = _ours(service_id, token).exclude(status=ServiceStatus.STOPPING)
        values: dict[str, Any] = {"status": ServiceStatus.STOPPING}
        if unused_since is not None:
            rows = rows.filter(wanted=True, last_used_at__lte=unused_since, running_revision=F("revision"))
            values["wanted"] = False
        before = rows.select_for_update().values_list("status", flat=True).first()
        if before is None:
            return False
        [changed] = update_returning(rows.filter(status=before), **values)
        tell(changed, old=before, reason=reason)
        return True


def _move(service_id: str, token: int, old: str, **values: Any) -> Service:
    with transaction.atomic():
        changed = update_returning(_ours(service_id, token).filter(status=old), **values)
        if not changed:
            raise Fenced(service_id)
        tell(changed[0], old=old)
        return changed[0]


@dataclass(frozen=True)
class Ended:
    """How a run of a service ended. `fault` says what was wrong with it; empty: it was asked to end, or its worker was."""

    fault: str = ""
    message: str = ""
    last_words: str = ""
    seconds: float = 0.0


def settle(service_id: str, token: int, ended: Ended, *, expired_only: bool = False) -> Service:
    """Write the end of a run and what comes next: nothing, another run, one after a pause, or none any more.

    `Fenced` when it is no longer ours, or with `expired_only` when its lease has been renewed.
    """
    with transaction.atomic():
        rows = _ours(service_id, token)
        if expired_only:
            rows = rows.filter(lease_expires_at__lt=Now())
        current = rows.select_for_update().first()
        if current is None:
            raise Fenced(service_id)
        values, reason = _after(current, ended)
        if ended.fault:
            values |= {"last_words": ended.last_words[-MAX_WORDS:]}
        [changed] = update_returning(
            Service.objects.filter(pk=service_id, token=token), **{**_LET_GO, "stopped_at": Now(), **values}
        )
        tell(changed, old=current.status, reason=reason)
        if changed.status == ServiceStatus.FAILED:
            _record(changed)
        if changed.status == ServiceStatus.PENDING:
            ring_on_commit([changed.queue])
        return changed


def _after(current: Service, ended: Ended) -> tuple[dict[str, Any], str]:
    """The columns that say what comes next, and why."""
    reason = ended.message or ended.fault
    if not current.wanted:
        return {"status": ServiceStatus.STOPPED, "deaths": 0}, reason
    if not ended.fault:
        return {"status": ServiceStatus.PENDING}, reason
    told = {"error_code": ended.fault[:64], "error_message": ended.message}
    if current.running_revision != current.revision:  # of what has been replaced meanwhile
        return {"status": ServiceStatus.PENDING, **told}, reason
    kind = kinds.find(current.kind)
    policy = kind.restarts if kind is not None else RestartPolicy()
    deaths, pause = policy.after(current.deaths, ended.seconds)
    again = {**told, "deaths": deaths, "restarts": F("restarts") + 1}
    if pause is None:
        words = f"It ended {deaths} times soon after it was started, the last time because: {ended.message}"
        return {**again, "status": ServiceStatus.FAILED, "restarts": current.restarts, "error_message": words}, reason
    later = in_seconds(pause) if pause else None
    return {**again, "status": ServiceStatus.PENDING, "available_at": later}, reason


def _record(service: Service) -> None:
    """One system event for a service that has failed."""
    system_event_record(
        event_type="service_failed",
        event_source="services",
        severity=Severity.ERROR,
        message=f"{kinds.title_of(service.kind)} {service.key or service.pk} is not started again: {service.error_message}",
        context={"service_id": service.pk, "kind": service.kind, "key": service.key, "host": service.host},
        stack_trace=service.last_words or None,
        dedupe_key=f"service:{service.pk}",
    )


def expire_services() -> int:
    """Take services from workers that stopped renewing their lease. Their processes are gone by then: none outlives its
    lease, and what is left of a host that died needs no stopping. Returns how many."""
    lost = Service.objects.filter(lease_expires_at__lt=Now()).values_list("pk", "token", "keeper")
    taken = 0
    for service_id, token, keeper in list(lost[:100]):
        try:
            settle(service_id, token, Ended(message=f"worker {keeper} fell silent"), expired_only=True)
            taken += 1
        except Fenced:
            continue
    return taken
