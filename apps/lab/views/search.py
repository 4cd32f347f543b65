"""The palette's hits."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.core.access import member, page_role
from apps.core.search import search as find


@page_role("viewer")
@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """What is called like that."""
    text = request.GET.get("q", "").strip()
    return render(request, "lab/_search.html", {"groups": find(member(request), text), "text": text})
