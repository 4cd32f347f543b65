"""Services: the list, one service, and what may be done to it."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from apps.core.access import member, page_role
from apps.core.errors import Conflict
from apps.core.models import Service, User
from apps.core.returning import back
from apps.core.serving import service_restart, service_unwant
from apps.core.serving.queries import service_get
from apps.lab.lists import SERVICES
from apps.lab.queries import services as queries


@page_role("viewer")
@require_GET
def services(request: HttpRequest) -> HttpResponse:
    """The list."""
    return SERVICES.respond(request, "lab/services.html")


@page_role("viewer")
@require_GET
def service(request: HttpRequest, service_id: str) -> HttpResponse:
    """One service: what is wanted of it, what is, and how it went."""
    found = service_get(service_id)
    context = {
        "row": queries.row(found, member(request)),
        "service": found,
        "waiting": queries.why_waiting(found),
        "lines": queries.changes(found),
    }
    return render(request, "lab/service.html", context)


def _stopped(found: Service, by: User) -> str:
    done = service_unwant(service=found, by=by, reason="stopped by hand")
    return "Stopping: its worker ends it." if done.is_held else "Stopped."


def _restarted(found: Service, by: User) -> str:
    done = service_restart(service=found, by=by)
    return "Starting anew: its worker replaces the process." if done.is_held else "It will be started."


_ACTIONS: dict[str, Callable[[Service, User], str]] = {"stop": _stopped, "restart": _restarted}


@page_role("researcher")
@require_POST
def service_act(request: HttpRequest, service_id: str, action: str) -> HttpResponse:
    """Stop or restart; then back to where the button stood."""
    if action not in _ACTIONS:
        raise Http404
    found = service_get(service_id)
    try:
        messages.success(request, _ACTIONS[action](found, member(request)))
    except Conflict as error:
        messages.warning(request, error.message)
    return back(request, reverse("lab:service", args=[found.pk]))
