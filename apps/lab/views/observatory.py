"""What runs, what finished, what needs you."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.core.access import member, page_role
from apps.core.lists.listing import clean
from apps.core.models import Role
from apps.core.observatory import Look, figures
from apps.lab.live import observatory_key
from apps.lab.observatory import drawn
from apps.lab.services import look

_MOST_CHOICES = 10


@page_role("viewer")
@require_GET
def observatory(request: HttpRequest) -> HttpResponse:
    """The first page of the day."""
    user = member(request)
    chosen = {name: clean(request.GET.get(name, "")) for name in list(request.GET)[:_MOST_CHOICES]}
    here = Look(user, look(user=user, session=request.session), chosen)
    context = {
        "figures": figures(here),
        "parts": drawn(here),
        "live_key": observatory_key(here),
        "may_start": user.has_role(Role.RESEARCHER),
    }
    return render(request, "lab/observatory.html", context)
