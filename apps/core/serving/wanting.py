"""What people and apps do to services: want one, use it, want it no longer, start it anew.

Idempotent, each in one transaction; workers hear of it when it commits. `by=None` is the system itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from apps.core.access import require_owner, require_role
from apps.core.best_effort import best_effort
from apps.core.errors import Conflict, Invalid
from apps.core.jobs.doorbell import ring_on_commit
from apps.core.models import Role, Service, ServiceStatus, User
from apps.core.serving import kinds
from apps.core.serving.events import tell
from apps.core.sql import in_seconds, update_returning

TOUCH_SECONDS = 1.0
"""Uses closer together than this are one."""
_FRESH: dict[str, Any] = {"deaths": 0, "available_at": None, "error_code": "", "error_message": ""}
_BEGINS = (ServiceStatus.STOPPED, ServiceStatus.PENDING, ServiceStatus.FAILED)
MAX_KEY = 120


def service_want(
    *, kind: str, key: str = "", specification: Mapping[str, Any] | None = None, by: User | None = None
) -> Service:
    """Have the service of this kind and key run; one that does is left alone, and used now.

    With another specification than before its process is replaced, which is for its owner or an admin. Without one it stays
    as it was. One that has failed stays failed until `service_restart` or a new specification; who waits for it is told why.
    """
    if by is not None:
        require_role(by, Role.RESEARCHER)
    known = kinds.get(kind)
    if len(key) > MAX_KEY or not key.isprintable():
        raise Invalid(f"The key of a service is at most {MAX_KEY} printable characters.", field="key")
    standing = Service.objects.filter(kind=kind, key=key).first()
    if standing is None:
        made = _make(known, key, specification or {}, by)
        if made is not None:
            return made
        standing = Service.objects.get(kind=kind, key=key)
    if specification is not None:
        parsed = known.parse(specification)
        stored = parsed.model_dump(mode="json")
        if stored != standing.specification:
            return _change(standing, stored, _needs(known, parsed), by)
    if standing.wanted:
        service_touch(service_id=standing.pk)
        return Service.objects.get(pk=standing.pk)
    return _begin(standing)


def _needs(kind: kinds.ServiceKind, specification: Any) -> dict[str, Any]:
    return {**asdict(kind.needs_of(specification)), "queue": kind.queue, "idle_seconds": kind.idle_seconds}


def _make(kind: kinds.ServiceKind, key: str, specification: Mapping[str, Any], by: User | None) -> Service | None:
    """A new row; None when somebody else has just made it."""
    parsed = kind.parse(specification)
    try:
        with transaction.atomic():
            made = Service.objects.create(
                kind=kind.name,
                key=key,
                owner=by,
                specification=parsed.model_dump(mode="json"),
                wanted_at=Now(),
                last_used_at=Now(),
                **_needs(kind, parsed),
            )
            made.refresh_from_db()
            tell(made, old="", reason="wanted")
            ring_on_commit([made.queue])
    except IntegrityError:
        return None
    return made


@transaction.atomic
def _change(service: Service, specification: dict[str, Any], needs: dict[str, Any], by: User | None) -> Service:
    """Another specification: what runs is replaced, what failed gets another chance."""
    if by is not None:
        require_owner(by, service.owner_id)
    return _anew(service, reason="specification", specification=specification, **needs)


@transaction.atomic
def _begin(service: Service) -> Service:
    """Want it again, with what its kind needs by now."""
    current = _locked(service)
    kind = kinds.find(current.kind)
    needs = _needs(kind, kind.parse(current.specification)) if kind is not None else {}
    if current.status == ServiceStatus.STOPPED:
        return _to_pending(current, reason="wanted", restarts=0, **_FRESH, **needs)
    Service.objects.filter(pk=current.pk).update(wanted=True, wanted_at=Now(), last_used_at=Now())
    return Service.objects.get(pk=current.pk)


def service_restart(*, service: Service, by: User | None) -> Service:
    """Start it anew, also one that had failed or was stopped. For its owner or an admin."""
    if by is not None:
        require_owner(by, service.owner_id)
    if kinds.find(service.kind) is None:
        raise Conflict(f"{service.pk} is of kind {service.kind!r}, which this version no longer knows.")
    with transaction.atomic():
        return _anew(service, reason="restart")


def _anew(service: Service, *, reason: str, **values: Any) -> Service:
    current = _locked(service)
    values |= {"revision": F("revision") + 1, **_FRESH}
    if current.status in _BEGINS:
        return _to_pending(current, reason=reason, **values)
    Service.objects.filter(pk=current.pk).update(wanted=True, wanted_at=Now(), last_used_at=Now(), **values)
    ring_on_commit([current.queue])
    return Service.objects.get(pk=current.pk)


def _to_pending(current: Service, *, reason: str, **values: Any) -> Service:
    values |= {"wanted": True, "wanted_at": Now(), "last_used_at": Now(), "status": ServiceStatus.PENDING}
    [changed] = update_returning(Service.objects.filter(pk=current.pk), **values)
    if changed.status != current.status:
        tell(changed, old=current.status, reason=reason)
    ring_on_commit([changed.queue])
    return changed


@transaction.atomic
def service_unwant(*, service: Service, by: User | None, reason: str = "no longer wanted") -> Service:
    """Have it stop: at once where nothing runs, else as soon as its worker hears of it. For its owner or an admin."""
    if by is not None:
        require_owner(by, service.owner_id)
    current = _locked(service)
    if current.is_held:
        Service.objects.filter(pk=current.pk).update(wanted=False)
        ring_on_commit([current.queue])
    elif current.wanted:
        values: dict[str, Any] = {"wanted": False, "status": ServiceStatus.STOPPED, "stopped_at": Now(), **_FRESH}
        [changed] = update_returning(Service.objects.filter(pk=current.pk), **values)
        tell(changed, old=current.status, reason=reason)
    return Service.objects.get(pk=current.pk)


def service_touch(*, service_id: str) -> None:
    """It is used now, so it is not idle. Cheap enough for every use, and never worth failing for."""
    with best_effort(f"the use of {service_id}"):
        Service.objects.filter(pk=service_id, last_used_at__lt=in_seconds(-TOUCH_SECONDS)).update(last_used_at=Now())


def _locked(service: Service) -> Service:
    """The service as it now is, kept so until the transaction ends."""
    return Service.objects.select_for_update().get(pk=service.pk)
