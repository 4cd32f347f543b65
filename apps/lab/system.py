"""The machine room's context, read once for the page and for each live message."""

from __future__ import annotations

from typing import Any

from apps.core.models import Role, User
from apps.core.system_events import unresolved_counts
from apps.lab.queries import system as queries


def machine_room(user: User) -> dict[str, Any]:
    """Everything on the system page that changes while it is open, and the room on the disk."""
    hosts = queries.hosts()
    queues = queries.queues(hosts)
    return {
        "hosts": hosts,
        "queues": queues,
        "leases": queries.leases(),
        "storage": queries.storage(),
        "unresolved_total": sum(unresolved_counts().values()),
        "running": sum(queue.running for queue in queues),
        "waiting": sum(queue.waiting for queue in queues),
        "places": ", ".join(f"{queue.name} {queue.slots}" for queue in queues if queue.slots),
        "workers_alive": sum(host.alive for host in hosts),
        "is_admin": user.has_role(Role.ADMIN),
    }
