"""Who is behind a connection, before Django has seen it: by bearer, by session, or by sitting at this machine."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie

from apps.core.access import scopes_of
from apps.core.accounts import Admission, Principal, authenticate_bearer, local_user, mark_of
from apps.core.addresses import is_here, network_of
from apps.core.edge.proxy import Scope
from apps.core.edge.text import is_usable
from apps.core.models import User

_BEARER = "bearer."


def visitor_of(scope: Scope) -> Principal | None:
    """The member behind a connection and what let them in. Uses the database."""
    token = bearer_of(scope)
    if token:
        return authenticate_bearer(token)
    return _by_session("; ".join(headers_of(scope, b"cookie"))) or _by_place(scope)


def bearer_of(scope: Scope) -> str:
    """The key or token of a program: `Authorization: Bearer ...`, or on a socket the subprotocol `bearer....`."""
    for header in headers_of(scope, b"authorization"):
        scheme, _, token = header.partition(" ")
        if scheme.lower() == "bearer":
            return token.strip()
    offered = [name for name in scope.get("subprotocols") or [] if name.startswith(_BEARER)]
    return offered[0].removeprefix(_BEARER) if offered else ""


def network_of_visitor(scope: Scope) -> str:
    """What a stranger's connection is counted under."""
    client = scope.get("client")
    return network_of(str(client[0]) if client else "")


def usable_cookies(header: str) -> dict[str, str]:
    """The cookies of a header, without those that are not ours for sure: no text of ours holds NUL."""
    return {name: value for name, value in parse_cookie(header).items() if is_usable(name + value)}


def headers_of(scope: Scope, wanted: bytes) -> list[str]:
    """The values of a header."""
    return [value.decode("latin-1") for name, value in scope.get("headers", []) if name.lower() == wanted]


def _by_place(scope: Scope) -> Principal | None:
    """In single-user mode, whoever sits at this machine."""
    client = scope.get("client")
    user = local_user() if client is not None and is_here(str(client[0])) else None
    return _person(user, None) if user else None


def _by_session(cookies: str) -> Principal | None:
    """As Django's middleware does it for a request: the session's backend, hash and the user's state all count."""
    key = usable_cookies(cookies).get(settings.SESSION_COOKIE_NAME)
    if not key:
        return None
    request = HttpRequest()
    session: Any = import_module(settings.SESSION_ENGINE).SessionStore(key)
    request.session = session
    user = get_user(request)
    return _person(user, session.session_key) if isinstance(user, User) and user.is_active else None


def _person(user: User, session_key: str | None) -> Principal:
    admission = Admission(user_id=user.pk, mark=mark_of(user), session_key=session_key)
    return Principal(user=user, scopes=scopes_of(user), credential=f"user:{user.pk}", admission=admission)
