"""What runs, what finished, what needs you."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.core.access import page_role


@page_role("viewer")
@require_GET
def observatory(request: HttpRequest) -> HttpResponse:
    """The first page of the day."""
    return render(request, "lab/observatory.html")
