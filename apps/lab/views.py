"""Pages that look across all apps."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.core import search as core_search


@login_required
def observatory(request: HttpRequest) -> HttpResponse:
    """What runs, what finished, what needs you."""
    return render(request, "lab/observatory.html")


@login_required
def search(request: HttpRequest) -> HttpResponse:
    """The palette's hits."""
    text = request.GET.get("q", "")
    groups = core_search.search(request.user, text)  # type: ignore[arg-type]
    return render(request, "lab/_search.html", {"groups": groups, "text": text})


@login_required
def patterns(request: HttpRequest) -> HttpResponse:
    """Every component, for whoever changes them."""
    return render(request, "lab/patterns.html")
