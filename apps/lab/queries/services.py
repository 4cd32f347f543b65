"""Services as the system pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.core.access import is_owner
from apps.core.jobs.kinds import Subject
from apps.core.log_lines import LogLine, log_line
from apps.core.models import JobEvent, Service, ServiceStatus, User
from apps.core.serving import kinds
from apps.core.serving.queries import waits_for

CHANGES_SHOWN = 200
RUNS = Q(status__in=(ServiceStatus.STARTING, ServiceStatus.READY, ServiceStatus.STOPPING))


def services() -> QuerySet[Service]:
    """Every service, as a list shows it."""
    return Service.objects.select_related("owner").defer("specification", "last_words")


def matching(rows: QuerySet[Service], text: str) -> QuerySet[Service]:
    """By a part of what it serves, its kind, host or owner, or by the start of its id."""
    return rows.filter(
        Q(key__icontains=text)
        | Q(kind__icontains=text)
        | Q(host__icontains=text)
        | Q(owner__username__icontains=text)
        | Q(service_id__startswith=text.lower())
    )


def kinds_known() -> list[tuple[str, str]]:
    """Every registered kind with its title."""
    return [(name, kinds.title_of(name)) for name in kinds.names()]


@dataclass(frozen=True)
class ServiceRow:
    """A service and what may be done with it now."""

    service: Service
    title: str
    subject: Subject
    may: bool

    @property
    def url(self) -> str:
        """Its page. Written out, as that of a job is."""
        return f"/system/services/{self.service.pk}/"

    @property
    def name(self) -> str:
        """What it serves."""
        return self.subject.title or self.service.key or self.title

    @property
    def can_stop(self) -> bool:
        """Whether somebody may have it stop."""
        return self.may and (self.service.wanted or self.service.status == ServiceStatus.FAILED)

    @property
    def can_restart(self) -> bool:
        """Whether somebody may start it anew."""
        return self.may and kinds.find(self.service.kind) is not None

    @property
    def asked(self) -> str:
        """What has been asked of it and not been done yet."""
        if self.service.status not in (ServiceStatus.STARTING, ServiceStatus.READY):
            return ""
        if not self.service.wanted:
            return "stopping"
        return "restarting" if self.service.running_revision != self.service.revision else ""

    @property
    def start_words(self) -> str:
        """The word for starting it."""
        return "Restart" if self.service.wanted and self.service.status != ServiceStatus.FAILED else "Start"

    @property
    def seconds(self) -> float | None:
        """How long it has been ready."""
        ready: datetime | None = self.service.ready_at
        if self.service.status != ServiceStatus.READY or ready is None:
            return None
        return max(0.0, (timezone.now() - ready).total_seconds())


def rows(services: Sequence[Service], user: User) -> list[ServiceRow]:
    """Services as `user` sees them, with what each is for."""
    about = kinds.subjects(services)
    return [
        ServiceRow(one, kinds.title_of(one.kind), about[one.pk], may=is_owner(user, one.owner_id)) for one in services
    ]


def row(service: Service, user: User) -> ServiceRow:
    """A service as `user` sees it."""
    return rows([service], user)[0]


def why_waiting(service: Service) -> str:
    """Why nobody keeps it yet, as a sentence; empty unless it is pending."""
    words = waits_for(service)
    return f"{words[0].upper()}{words[1:]}." if words else ""


def changes(service: Service) -> list[LogLine]:
    """The last changes of its status, oldest first."""
    found = JobEvent.objects.filter(topic=service.pk).order_by("-xid", "-id")
    listed = found.values_list("xid", "id", "type", "payload", "at")[:CHANGES_SHOWN]
    lines = [log_line(type, payload, at, f"{xid}-{pk}") for xid, pk, type, payload, at in reversed(list(listed))]
    return [line for line in lines if line is not None]
