"""Error pages: what happened and what to do, in the look of the place, or alone when nothing else works."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from apps.core.errors import Forbidden, TerrariumError
from apps.core.failures import describe, error_body, error_headers, failure_of, is_generic, of_status

logger = logging.getLogger(__name__)
P = ParamSpec("P")
API_PREFIXES = ("/api/", "/v1/")

_TITLES = {
    400: "That request cannot be read",
    401: "Sign in first",
    403: "Not yours to do",
    404: "Nothing here",
    405: "Not that way",
    409: "Not in this state",
    413: "Too large",
    415: "Not a type we read",
    422: "That cannot be used",
    429: "A little slower",
    500: "Something went wrong on our side",
    503: "Out of reach for a moment",
    507: "No room to write",
}
_ADVICE = {
    400: "Go back and try once more. If a link led here, it may have been cut short.",
    403: "Your role decides what you may change. An admin can give you another one.",
    404: "It may have been deleted, or the address has a slip in it.",
    405: "Open the page it belongs to and use its buttons.",
    409: "Reload the page to see how things stand now.",
    413: "Send it in smaller parts, or import it on the server by command.",
    429: "Wait a moment, then go on.",
    500: "Try again. If it happens again, tell whoever runs this place the number below; the event page has the details.",
    503: "Reload in a few seconds. `manage.py doctor` on the server says what is out of order.",
}
_MISSED, _SHOWN_TYPED, _FIELDS = 20, 500_000, 20
"""Characters that nobody likes to write again, the largest form shown again, and most fields of it."""

_PASSING = frozenset({409, 429, 500, 503})
"""What may be over when one asks again."""


def error_page(request: HttpRequest, error: TerrariumError, *, alone: bool = False) -> HttpResponse:
    """The page (or, for htmx, the fragment) of one error."""
    if getattr(request, "htmx", False):
        return _fragment(request, error)
    context = {
        "status": error.status,
        "title": _TITLES.get(error.status, "That did not work"),
        "message": error.message,
        "advice": _ADVICE.get(error.status, "") if error.status >= 500 or is_generic(error) else "",
        "again": error.status in _PASSING,
        "error_id": (error.details or {}).get("error_id"),
        "retry_after": (error.details or {}).get("retry_after"),
        "typed": _typed(request),
    }
    return HttpResponse(_render(request, context, alone=alone), status=error.status, headers=error_headers(error))


def _typed(request: HttpRequest) -> list[tuple[str, str]]:
    """What somebody wrote in a form that is not shown again: long enough to be missed, and no password."""
    if request.method != "POST" or not 0 < _length_of(request) <= _SHOWN_TYPED:
        return []
    try:
        form = request.POST
    except Exception:  # that it cannot be read may be why we are here
        return []
    shown = [
        (name, text.replace("\x00", ""))
        for name, texts in form.lists()
        for text in texts
        if len(text) >= _MISSED and not any(part in name for part in ("password", "token", "next"))
    ]
    return [(name.replace("_", " ").replace("\x00", "")[:60], text) for name, text in shown[:_FIELDS]]


def _length_of(request: HttpRequest) -> int:
    told = request.headers.get("Content-Length", "")
    return int(told) if told.isascii() and told.isdigit() and len(told) < 12 else 0


def _render(request: HttpRequest, context: dict[str, Any], *, alone: bool) -> str:
    """Within the frame where that works; the frame asks the database who is signed in and what runs."""
    if not alone:
        try:
            return render_to_string("errors/page.html", context, request)
        except Exception as error:
            logger.warning("The error page stands alone, its frame failed: %s", error)
    return render_to_string("errors/alone.html", context)


def _fragment(request: HttpRequest, error: TerrariumError) -> HttpResponse:
    """For htmx: a 422 takes the place of what was asked for; anything else is told as JSON, which becomes a toast."""
    if error.status != 422:
        return JsonResponse(error_body(error), status=error.status, headers=error_headers(error))
    problems = (error.details or {}).get("errors") or []
    body = render_to_string("errors/_fragment.html", {"error": error, "problems": problems}, request)
    return HttpResponse(body, status=error.status)


def _lets_go(handler: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """An asynchronous server has errors told in threads that live on, where nobody else gives the connection back."""

    @wraps(handler)
    def told(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return handler(*args, **kwargs)
        finally:
            if not connection.in_atomic_block:
                connection.close()

    return told


@_lets_go
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, also for a host or a cookie that cannot be trusted, so outside the frame."""
    return error_page(request, describe(exception) or of_status(400), alone=True)


@_lets_go
def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    return error_page(request, describe(exception) or of_status(403))


@_lets_go
def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's signature
    """404."""
    return error_page(request, of_status(404))


@_lets_go
def server_error(request: HttpRequest) -> HttpResponse:
    """500 or 503: only an id is shown; the fault itself is found under it among the system events."""
    failure = getattr(request, "failure", None) or TerrariumError("Something went wrong on our side.")
    if request.path.startswith(API_PREFIXES):
        return JsonResponse(error_body(failure), status=failure.status, headers=error_headers(failure))
    return error_page(request, failure, alone=True)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form whose token is missing or old."""
    logger.warning("CSRF check failed at %s: %s", request.path, reason)
    message = (
        "This form could not be trusted: it was open for too long, came from another site, or cookies are blocked."
    )
    return error_page(request, Forbidden(f"{message} Reload the page and send it again."), alone=True)


def remember_fault(*, request: HttpRequest | None = None, **_signal: Any) -> None:
    """Receiver of `got_request_exception`: keep the fault before `handler500` words it."""
    error = sys.exc_info()[1]
    if request is not None and error is not None:
        request.failure = failure_of(error, request)  # type: ignore[attr-defined]
