"""Who may listen: the session of a signed-in browser, or a bearer key or token with the scope `read`.

A browser always sends an Origin with a websocket, and it must be exactly ours; a program sends none and brings a key
or token in a header or, where its library lets it set none, as a subprotocol. Never in the address: those are logged.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from apps.core.edge.proxy import AsgiApp, Receive, Scope, Send
from apps.core.edge.text import objection_to
from apps.core.edge.visitors import headers_of
from apps.core.errors import Invalid

SUBPROTOCOL = "terrarium"
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
    origins = headers_of(scope, b"origin")
    if not origins:
        return True
    told = _parts(origins[0]) if len(origins) == 1 else None
    return told is not None and told in {_own(scope), *map(_parts, settings.CSRF_TRUSTED_ORIGINS)}


def _own(scope: Scope) -> tuple[str, str, int] | None:
    hosts = headers_of(scope, b"host")
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


def subprotocol_of(scope: Scope) -> str | None:
    """What to agree on: our name where it is offered, for a browser's socket fails without; never the token."""
    return SUBPROTOCOL if SUBPROTOCOL in (scope.get("subprotocols") or []) else None
