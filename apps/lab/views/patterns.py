"""Every component with its variants, for whoever changes them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.core.access import member, page_role
from apps.core.security import allow_inline_styles
from apps.lab.samples import samples


@page_role("viewer")
@require_GET
@allow_inline_styles
def patterns(request: HttpRequest) -> HttpResponse:
    """The pattern page."""
    context = samples(request.GET, member(request))
    keys = [tab["key"] for tab in context["tabs"]]
    tab = request.GET.get("tab", "matrix")
    context["tab"] = tab if tab in keys else "matrix"
    return render(request, "lab/patterns.html", context)
