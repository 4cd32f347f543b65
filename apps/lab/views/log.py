"""The event log."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from apps.core.access import page_role
from apps.core.jobs import kinds
from apps.lab.lists import LOG


@page_role("viewer")
@require_GET
def log(request: HttpRequest) -> HttpResponse:
    """The list, the latest first; of one job or group where the address names it."""
    listing = LOG.read(request)
    topic = listing.values["topic"]
    about = kinds.groups((name, topic) for name in kinds.names()).get(topic) if topic else None
    return LOG.respond(request, "lab/log.html", listing, about=about)
