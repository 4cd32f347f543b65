"""Small readings of a request that several pages share."""

from __future__ import annotations

from typing import TypeVar

from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme

M = TypeVar("M", bound=Model)


def page_of(rows: QuerySet[M], request: HttpRequest, size: int = 50) -> Page[M]:
    """The page the address asks for; the nearest one that exists otherwise."""
    return Paginator(rows, size).get_page(request.GET.get("page"))


def back(request: HttpRequest, fallback: str) -> HttpResponse:
    """To where the form says it came from, if that is ours."""
    target = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return HttpResponseRedirect(target if ours else fallback)
