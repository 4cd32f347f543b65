"""The machine room, its queues' switches, and the pattern page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from apps.core.access import member, page_role
from apps.core.errors import NotFound
from apps.core.jobs import queue_pause, queue_resume
from apps.core.returning import back
from apps.lab.queries import system as queries
from apps.lab.system import machine_room


@page_role("viewer")
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """Hosts, workers, queues, leases, storage."""
    return render(request, "lab/system.html", machine_room(member(request)))


@page_role("admin")
@require_POST
def queue_switch(request: HttpRequest, queue: str, action: str) -> HttpResponse:
    """Pause or resume a queue."""
    known = {row.name for row in queries.queues(queries.hosts())}
    if queue not in known or action not in {"pause", "resume"}:
        raise NotFound(f"There is no queue {queue[:40]!r}.")
    by = member(request)
    if action == "pause":
        queue_pause(queue=queue, by=by)
        messages.success(request, f"Queue {queue} is paused: running jobs go on, no new one starts.")
    else:
        queue_resume(queue=queue, by=by)
        messages.success(request, f"Queue {queue} takes up work again.")
    return back(request, reverse("lab:system"))
