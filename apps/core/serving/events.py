"""What is written of a service into the event log: each change, under the service's id as its topic."""

from __future__ import annotations

from typing import ClassVar

from apps.core.jobs import reports
from apps.core.jobs.events import event_emit
from apps.core.jobs.reports import Line, Report
from apps.core.models import Service, ServiceStatus


class ServiceChange(Report):
    """A service has changed its status."""

    type: ClassVar[str] = "service_change"
    service_id: str
    kind: str
    key: str = ""
    old_state: str
    state: str
    reason: str | None = None
    host: str | None = None

    def line(self) -> Line:
        """`old → new: reason`."""
        words = f"{self.old_state} → {self.state}" if self.old_state else self.state
        level = "error" if self.state == ServiceStatus.FAILED else "info"
        return Line(level, f"{words}: {self.reason}" if self.reason else words)


def register() -> None:
    """Make the type known."""
    reports.register(ServiceChange)


def tell(service: Service, *, old: str, reason: str = "") -> None:
    """Write a change down, in the transaction that makes it."""
    change = ServiceChange(
        service_id=service.pk,
        kind=service.kind,
        key=service.key,
        old_state=old,
        state=service.status,
        reason=reason or None,
        host=service.host or None,
    )
    event_emit(change, topic=service.pk)
