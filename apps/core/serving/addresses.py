"""Where a service is reached, and waiting until it can be."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.core.errors import Unavailable
from apps.core.models import Service, ServiceStatus, User
from apps.core.serving.queries import waits_for
from apps.core.serving.wanting import service_touch, service_want

_FIRST_LOOK, _LAST_LOOK = 0.05, 0.5
_TAIL = 400


@dataclass(frozen=True)
class Address:
    """Where one run of a service listens: `host:port`, or a socket of its host. Callers bring its secret as a bearer token.

    A run that ends takes its address with it: when nobody answers there, ask for the address again.
    """

    service_id: str
    token: int
    host: str
    port: int | None
    socket: str
    secret: str = field(repr=False)

    @property
    def url(self) -> str:
        """The base address, without a slash; empty for a socket."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}" if self.port else ""

    @property
    def headers(self) -> dict[str, str]:
        """What a request must bring."""
        return {"Authorization": f"Bearer {self.secret}"} if self.secret else {}


def address_of(service: Service) -> Address | None:
    """Where it is reached now; None unless it is ready."""
    if service.status != ServiceStatus.READY:
        return None
    where = (service.address, service.port, service.socket)
    return Address(service.pk, service.token, *where, secret=service.secret)


def service_address(
    *,
    kind: str,
    key: str = "",
    specification: Mapping[str, Any] | None = None,
    timeout: float,
    by: User | None = None,
) -> Address:
    """Want a service, wait until it is ready, and use it: its address. `Unavailable` says why there is none in time.

    Not inside a transaction: what happens meanwhile could not be seen.
    """
    return service_wait(service=service_want(kind=kind, key=key, specification=specification, by=by), timeout=timeout)


def service_wait(*, service: Service, timeout: float) -> Address:
    """Wait until a service is ready and use it: its address. `Unavailable` once it has failed, or after `timeout` seconds."""
    deadline, pause, current = time.monotonic() + timeout, _FIRST_LOOK, service
    while True:
        found = Service.objects.filter(pk=service.pk).first()
        if found is None:
            raise Unavailable(f"The service {service.pk} is no longer there.")
        current = found
        address = address_of(current) if current.running_revision == current.revision else None
        if address is not None:
            service_touch(service_id=current.pk)
            return address
        if current.status in (ServiceStatus.FAILED, ServiceStatus.STOPPED):
            raise Unavailable(_why_not(current), details=_details(current))
        left = deadline - time.monotonic()
        if left <= 0:
            raise Unavailable(_too_late(current, timeout), details=_details(current))
        time.sleep(min(pause, left))
        pause = min(_LAST_LOOK, pause * 1.5)


def _details(service: Service) -> dict[str, Any]:
    return {"service_id": service.pk, "state": service.status, "error": service.error_code or None}


def _why_not(service: Service) -> str:
    name = service.key or service.pk
    if service.status == ServiceStatus.STOPPED:
        return f"{name} was stopped while it was waited for; ask for it again."
    words = service.last_words[-_TAIL:].strip()
    return f"{name} has failed: {service.error_message}" + (f" Its last words: {words}" if words else "")


def _too_late(service: Service, timeout: float) -> str:
    name = service.key or service.pk
    if service.status == ServiceStatus.PENDING:
        return f"{name} has not been started within {timeout:g} s: {waits_for(service)}."
    return f"{name} was not ready within {timeout:g} s; it is {service.status} on {service.host}. Ask again."
