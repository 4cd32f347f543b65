"""The way back from what a form did, never to another site."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme


def ours(request: HttpRequest, target: str) -> bool:
    """Whether an address that came with the request is one of this lab."""
    return url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )


def back(request: HttpRequest, fallback: str) -> HttpResponse:
    """To where the form says it came from (`next`), if that is ours."""
    target = request.POST.get("next", "")
    return HttpResponseRedirect(target if ours(request, target) else fallback)
