"""The list of experiments."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from apps.core.access import member, page_role
from apps.core.models import Role
from apps.experiments.lists import EXPERIMENTS


@page_role("viewer")
@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """Experiments with their state, progress and score."""
    return EXPERIMENTS.respond(request, "experiments/list.html", may_create=member(request).has_role(Role.RESEARCHER))
