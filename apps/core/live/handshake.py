"""Who may listen: the session of a signed-in browser, or a bearer key or token with the scope `read`.

A browser always sends an Origin with a websocket, and it must be one of ours; a program sends none and brings a
token. The question is asked again while a stream stays open: signing out, deactivation and revocation end it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any
from urllib.parse import ParseResult, parse_qs

from channels.security.websocket import OriginValidator
from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie

from apps.core.accounts import authenticate_bearer, local_user
from apps.core.addresses import is_here
from apps.core.models import User

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class OwnOrigin(OriginValidator):  # type: ignore[misc]
    """Lets a websocket through when its Origin is an allowed host, or when it has none because it is no browser's."""

    def __init__(self, application: AsgiApp) -> None:
        super().__init__(application, settings.ALLOWED_HOSTS)

    def valid_origin(self, parsed_origin: ParseResult | None) -> bool:
        """Cross-site requests of browsers carry cookies, and always an Origin."""
        return parsed_origin is None or bool(self.validate_origin(parsed_origin))


def query_of(scope: Scope) -> dict[str, str]:
    """The query string; of a repeated name the last value counts."""
    pairs = parse_qs(scope.get("query_string", b"").decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in pairs.items()}


def member_behind(scope: Scope) -> User | None:
    """The member behind a websocket's handshake, if one may read. Uses the database."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope.get("headers", [])}
    token = _bearer(headers.get(b"authorization", "")) or query_of(scope).get("token", "")
    if token:
        principal = authenticate_bearer(token)
        return principal.user if principal and "read" in principal.scopes else None
    return _by_session(headers.get(b"cookie", "")) or (local_user() if _is_here(scope) else None)


def _is_here(scope: Scope) -> bool:
    """Whether the client sits at this machine, as single-user mode asks of requests too."""
    client = scope.get("client")
    return client is not None and is_here(str(client[0]))


def _bearer(header: str) -> str:
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _by_session(cookies: str) -> User | None:
    """As Django's middleware does it for a request: the session's backend, hash and the user's state all count."""
    key = parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME)
    if not key:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(request)
    return user if isinstance(user, User) and user.is_active else None
