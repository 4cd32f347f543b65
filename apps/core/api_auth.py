"""The API's doors: a session (with CSRF on writes) or `Authorization: Bearer` with a key or a short-lived token.

Scopes are enforced here, once for every endpoint: reading needs `read`, everything else `write`.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from apps.core.access import SAFE_METHODS, scope_needed, scopes_of
from apps.core.accounts import Admission, Principal, authenticate_bearer, mark_of
from apps.core.addresses import client_network
from apps.core.errors import Forbidden, Unauthorized
from apps.core.models import User
from apps.core.throttle import spend

_SLOW_DOWN = "Too many requests."


class BearerAuth(HttpBearer):
    """An API key (`tk_...`) or a token from `POST /api/v1/auth/token`."""

    def authenticate(self, request: HttpRequest, token: str) -> Principal:
        """The principal behind the header; a wrong one is refused, never tried as a session."""
        principal = authenticate_bearer(token.strip())
        if principal is None:
            spend_anonymous(request)
            raise Unauthorized("This key or token is unknown, expired or revoked.")
        return _admit(request, principal)


class SessionAuth(APIKeyCookie):
    """The signed-in browser's session."""

    param_name = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> Principal | None:
        """The principal behind the session; nothing when nobody is signed in."""
        user = request.user
        if not isinstance(user, User):
            spend_anonymous(request)
            return None
        if request.method not in SAFE_METHODS and check_csrf(request):
            raise Forbidden("The CSRF token is missing or wrong. Reload the page, or use an API key.")
        return _admit(request, _sitting_here(request, user))

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        """Unused: the session middleware has read the cookie."""
        return self(request)


def admit(request: HttpRequest) -> Principal:
    """The principal behind a request outside the API's own routes; `Unauthorized` when there is none."""
    for door in (BearerAuth(), SessionAuth()):
        principal = door(request)
        if principal is not None:
            return principal
    raise Unauthorized("Sign in, or send an API key or token as `Authorization: Bearer`.")


def spend_anonymous(request: HttpRequest) -> None:
    """Strangers share the allowance of their address."""
    spend_stranger(client_network(request))


def spend_stranger(network: str) -> None:
    """As `spend_anonymous`, where there is no request."""
    spend(f"api:{network}", limit=settings.CONFIG.api_requests_per_minute, message=_SLOW_DOWN)


def _sitting_here(request: HttpRequest, user: User) -> Principal:
    """The person behind a session; in single-user mode there is none."""
    key = request.session.session_key if settings.CONFIG.enable_auth else None
    admission = Admission(user_id=user.pk, mark=mark_of(user), session_key=key)
    return Principal(user=user, scopes=scopes_of(user), credential=f"user:{user.pk}", admission=admission)


def _admit(request: HttpRequest, principal: Principal) -> Principal:
    spend(f"api:{principal.credential}", limit=settings.CONFIG.api_requests_per_minute, message=_SLOW_DOWN)
    needed = scope_needed(request.method)
    if needed not in principal.scopes:
        raise Forbidden(f"This needs the scope {needed!r}; this access has {', '.join(sorted(principal.scopes))}.")
    request.user = principal.user
    request.scopes = principal.scopes  # type: ignore[attr-defined]
    request.principal = principal  # type: ignore[attr-defined]
    return principal
