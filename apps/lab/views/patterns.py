"""Every component with its variants, for whoever changes them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.core.access import page_role


@page_role("viewer")
@require_GET
def patterns(request: HttpRequest) -> HttpResponse:
    """The pattern page."""
    return render(request, "lab/patterns.html")
