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
    finished = queries.finished(since)
    needs = queries.needs(user, queues, hosts)
    return {
        "hosts": hosts,
        "queues": queues,
        "running": running,
        "finished": finished,
        "earlier": [] if finished or since is None else queries.earlier(),
        "since": since,
        "today": queries.today(),
        "needs": needs,
        "needs_words": queries.needs_in_words(needs),
        "jobs_running": sum(queue.running for queue in queues),
        "jobs_waiting": sum(queue.waiting for queue in queues),
        "watts": sum(row.watts for row in running),
    }
