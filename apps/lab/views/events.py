"""System events: found by full text, read with their context, resolved."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from apps.core.access import member, page_role
from apps.core.errors import Conflict
from apps.core.models import Role
from apps.core.returning import back
from apps.core.system_events import system_event_get, system_event_resolve, unresolved_counts
from apps.lab.lists import EVENTS


@page_role("viewer")
@require_GET
def events(request: HttpRequest) -> HttpResponse:
    """The list, newest first."""
    return EVENTS.respond(request, "lab/events.html", unresolved=unresolved_counts())


@page_role("viewer")
@require_GET
@vary_on_headers("HX-Request")
def event(request: HttpRequest, event_id: str) -> HttpResponse:
    """One event, as a page or, for htmx, as a panel beside the list."""
    found = system_event_get(event_id)
    context = {
        "event": found,
        "may_resolve": member(request).has_role(Role.RESEARCHER) and found.resolved_at is None,
        "close_url": reverse("lab:events"),
    }
    panel = request.headers.get("HX-Request") == "true" and request.headers.get("HX-Target") == "panel"
    return render(request, "lab/_event_panel.html" if panel else "lab/event.html", context)


@page_role("researcher")
@require_POST
def event_resolve(request: HttpRequest, event_id: str) -> HttpResponse:
    """Mark it as dealt with."""
    found = system_event_get(event_id)
    try:
        system_event_resolve(event=found, by=member(request))
    except Conflict as error:
        messages.warning(request, error.message)
    else:
        messages.success(request, "Resolved. Should it happen again, it makes a new event.")
    return back(request, reverse("lab:event", args=[found.public_id]))
