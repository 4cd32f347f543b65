"""Who may listen: the session of a signed-in browser, or a bearer key or token with the scope `read`.

A browser always sends an Origin with a websocket, and it must be exactly ours; a program sends none and brings a key
or token in a header or, where its library lets it set none, as a subprotocol. Never in the address: those are logged.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie
from django.http.request import split_domain_port, validate_host

from apps.core.accounts import Admission, authenticate_bearer, local_user, mark_of
from apps.core.addresses import is_here
from apps.core.edge.proxy import AsgiApp, Receive, Scope, Send
from apps.core.edge.text import is_usable, objection_to
from apps.core.errors import Invalid
from apps.core.models import User

SUBPROTOCOL = "terrarium"
_BEARER = "bearer."
_PORTS = {"http": 80, "https": 443}
_WEB = {"ws": "http", "wss": "https"}


class OwnOrigin:
    """Lets a websocket through when its Origin is exactly ours, or when it has none because it is no browser's.

    Cookies know no ports: what another program on this machine serves sends ours along.
    """

    def __init__(self, application: AsgiApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refused before it is accepted, so with a status and not with a code."""
        if is_ours(scope):
            await self._application(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.close", "code": 1008})


def is_ours(scope: Scope) -> bool:
    """Whether a handshake comes from a page of this place: same scheme, host and port, or the public address's."""
    origins = _headers(scope, b"origin")
    if not origins:
        return True
    told = _parts(origins[0]) if len(origins) == 1 else None
    return told is not None and told in {_own(scope), *map(_parts, settings.CSRF_TRUSTED_ORIGINS)}


def _own(scope: Scope) -> tuple[str, str, int] | None:
    hosts = _headers(scope, b"host")
    if len(hosts) != 1 or not validate_host(split_domain_port(hosts[0])[0], settings.ALLOWED_HOSTS):
        return None
    return _parts(f"{_WEB.get(scope.get('scheme', 'ws'), 'http')}://{hosts[0]}")


def _parts(origin: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; nothing for what is no origin, such as `null`."""
    try:
        parts = urlsplit(origin)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname or port is None or parts.path or parts.query or parts.fragment or parts.username is not None:
        return None
    return parts.scheme, parts.hostname, port


def query_of(scope: Scope) -> dict[str, str]:
    """The query string; of a repeated name the last value counts."""
    pairs = parse_qs(scope.get("query_string", b"").decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in pairs.items()}


def check_query(query: dict[str, str], known: frozenset[str]) -> None:
    """`Invalid` for a parameter a stream does not have, or whose text cannot be used."""
    for name, value in query.items():
        if name not in known:
            raise Invalid(
                f"There is no parameter {name[:40]!r} here; there are {', '.join(sorted(known))}.", field=name[:40]
            )
        problem = objection_to(value)
        if problem:
            raise Invalid(problem, field=name)


def admission_of(scope: Scope) -> tuple[User, Admission] | None:
    """The member behind a websocket's handshake and what let them in, if they may read. Uses the database."""
    token = bearer_of(scope)
    if token:
        principal = authenticate_bearer(token)
        return (principal.user, principal.admission) if principal and "read" in principal.scopes else None
    return _by_session("; ".join(_headers(scope, b"cookie"))) or _by_place(scope)


def bearer_of(scope: Scope) -> str:
    """The key or token of a program: `Authorization: Bearer ...`, or the subprotocol `bearer....`."""
    for header in _headers(scope, b"authorization"):
        scheme, _, token = header.partition(" ")
        if scheme.lower() == "bearer":
            return token.strip()
    offered = [name for name in scope.get("subprotocols") or [] if name.startswith(_BEARER)]
    return offered[0].removeprefix(_BEARER) if offered else ""


def subprotocol_of(scope: Scope) -> str | None:
    """What to agree on: our name where it is offered, for a browser's socket fails without; never the token."""
    return SUBPROTOCOL if SUBPROTOCOL in (scope.get("subprotocols") or []) else None


def usable_cookies(header: str) -> dict[str, str]:
    """The cookies of a header, without those that are not ours for sure: no text of ours holds NUL."""
    return {name: value for name, value in parse_cookie(header).items() if is_usable(name + value)}


def _headers(scope: Scope, wanted: bytes) -> list[str]:
    return [value.decode("latin-1") for name, value in scope.get("headers", []) if name.lower() == wanted]


def _by_place(scope: Scope) -> tuple[User, Admission] | None:
    """In single-user mode, whoever sits at this machine."""
    client = scope.get("client")
    user = local_user() if client is not None and is_here(str(client[0])) else None
    return (user, Admission(user_id=user.pk, mark=mark_of(user))) if user else None


def _by_session(cookies: str) -> tuple[User, Admission] | None:
    """As Django's middleware does it for a request: the session's backend, hash and the user's state all count."""
    key = usable_cookies(cookies).get(settings.SESSION_COOKIE_NAME)
    if not key:
        return None
    request = HttpRequest()
    session: Any = import_module(settings.SESSION_ENGINE).SessionStore(key)
    request.session = session
    user = get_user(request)
    if not isinstance(user, User) or not user.is_active:
        return None
    return user, Admission(user_id=user.pk, mark=mark_of(user), session_key=session.session_key)
