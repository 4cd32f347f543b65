"""What every response carries and every failure becomes: security headers, errors as pages or JSON, single-user mode."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.db import DatabaseError, IntegrityError, ProgrammingError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject

from apps.core.access import SAFE_METHODS
from apps.core.accounts import local_user
from apps.core.addresses import client_address, is_here
from apps.core.edge.requests import objection_to_form, objection_to_request
from apps.core.errors import TerrariumError
from apps.core.failures import describe, error_body, error_headers, failure_of, of_status
from apps.core.security import INLINE_STYLES
from apps.core.views.errors import API_PREFIXES, error_page

_PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer",
        "camera",
        "display-capture",
        "geolocation",
        "gyroscope",
        "hid",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "serial",
        "usb",
    )
)


class _Middleware:
    """Runs beside synchronous and asynchronous handlers without a thread hop; subclasses fill in `before` and `after`."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._acall(request)
        early = self.before(request)
        response = early if early is not None else self.get_response(request)
        return self.after(request, response)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        early = self.before(request)
        response = early if early is not None else await self.get_response(request)
        return self.after(request, response)

    def before(self, request: HttpRequest) -> HttpResponseBase | None:
        """Answer at once, or let the request through."""
        return None

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """What becomes of the response."""
        return response


class SecurityHeadersMiddleware(_Middleware):
    """The content security policy and the browser features nobody needs."""

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Set the headers a view has not set itself."""
        return with_security_headers(request, response)


R = TypeVar("R", bound=HttpResponseBase)


def with_security_headers(request: HttpRequest, response: R) -> R:
    """The response with what every one carries."""
    response.headers.setdefault("Content-Security-Policy", _policy(request, response))
    response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
    response.headers.setdefault("X-Frame-Options", settings.X_FRAME_OPTIONS)
    if not request.path.startswith(settings.STATIC_URL):
        response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


def _policy(request: HttpRequest, response: HttpResponseBase) -> str:
    inline = getattr(response, INLINE_STYLES, False)
    try:  # browsers that read 'self' as http only need the socket's origin by name
        sockets = f" {'wss' if request.is_secure() else 'ws'}://{request.get_host()}"
    except DisallowedHost:
        sockets = ""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self' 'unsafe-inline'" if inline else "style-src 'self'",
            "img-src 'self' data: blob:",
            "font-src 'self'",
            "media-src 'self'",
            f"connect-src 'self'{sockets}",
            "manifest-src 'self'",
            "worker-src 'self'",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


class FailuresMiddleware(_Middleware):
    """Errors as pages for people, as ErrorResponse for programs, whoever raised them."""

    def before(self, request: HttpRequest) -> HttpResponseBase | None:
        """What no view could use is refused before one sees it."""
        objection = objection_to_request(request)
        return refusal(request, objection) if objection else None

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Give an error raised outside the API's own handlers the API's shape."""
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        if response.status_code < 400 or is_json or not request.path.startswith(API_PREFIXES):
            return response
        error = of_status(response.status_code)
        told = JsonResponse(error_body(error), status=error.status, headers=error_headers(error))
        if "Allow" in response.headers:
            told["Allow"] = response.headers["Allow"]
        return told

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Turn what a page view raised on purpose into its page. Faults of ours go on to `handler500`."""
        if isinstance(exception, DatabaseError) and not isinstance(exception, IntegrityError | ProgrammingError):
            return refusal(request, failure_of(exception, request))
        error = describe(exception)
        if error is None or error.code == TerrariumError.code:
            return None
        if request.path.startswith(API_PREFIXES):
            return JsonResponse(error_body(error), status=error.status, headers=error_headers(error))
        return error_page(request, error)


class FormGateMiddleware(_Middleware):
    """Text of forms is looked at once, before any view: for pages, admin and API alike. Stands after CSRF's."""

    def process_view(self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any) -> HttpResponse | None:
        """Refuse what no column takes; a body that cannot be read says so."""
        if request.method in SAFE_METHODS:
            return None
        try:
            objection = objection_to_form(request)
        except Exception as error:
            objection = failure_of(error, request)
        return refusal(request, objection) if objection else None


def refusal(request: HttpRequest, error: TerrariumError) -> HttpResponse:
    """An error told before any view ran; the page stands alone, for nothing of the request can be trusted."""
    if request.path.startswith(API_PREFIXES):
        return JsonResponse(error_body(error), status=error.status, headers=error_headers(error))
    return error_page(request, error, alone=True)


class SingleUserMiddleware(_Middleware):
    """With `enable_auth=false`, whoever sits at this machine is its admin. Other addresses are strangers."""

    def before(self, request: HttpRequest) -> HttpResponseBase | None:
        """Put the local admin in place of nobody, looked up when first asked for."""
        if settings.CONFIG.enable_auth or not is_here(client_address(request)):
            return None
        request.user = cast(Any, SimpleLazyObject(local_user))

        async def auser() -> Any:
            return await sync_to_async(local_user)()

        request.auser = auser
        return None
