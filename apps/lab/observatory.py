"""The observatory's context, read once for the page and for each live message."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from apps.core.models import User
from apps.lab.queries import observatory as queries
from apps.lab.queries import system


def moving_parts(user: User, since: datetime | None) -> dict[str, Any]:
    """Everything on the page that changes while it is open."""
    hosts = system.hosts()
    queues = system.queues(hosts)
    running = queries.running()
    return {
        "hosts": hosts,
        "queues": queues,
        "running": running,
        "finished": queries.finished(since),
        "since": since,
        "today": queries.today(),
        "needs": queries.needs(user, queues, hosts),
        "jobs_running": sum(queue.running for queue in queues),
        "jobs_waiting": sum(queue.waiting for queue in queues),
        "watts": sum(row.watts for row in running),
    }
