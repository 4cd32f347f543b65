"""Who is at the other end: the connection's own address, unless it is a proxy the operator named.

A proxy appends the address it saw to `X-Forwarded-For`; everything to the left was written by whoever sent the
request. So the list is read from the right, through our own proxies, up to the first address that is none of them.
Headers of this kind never reach the application: nobody can believe them twice, or by mistake.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable
from importlib import import_module
from typing import Any

from apps.core.addresses import Address, parse

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_FORWARDED = (b"x-forwarded-", b"x-real-ip", b"forwarded")
_SCHEMES = {"http": {"http": "http", "https": "https"}, "websocket": {"http": "ws", "https": "wss"}}


class TrustedProxies:
    """ASGI middleware: sets the client and the scheme as the named proxies tell them, and drops what anybody else tells."""

    def __init__(self, application: AsgiApp, networks: Iterable[Network]) -> None:
        self._application = application
        self._networks = tuple(networks)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] in _SCHEMES:
            scope = self._seen(scope)
        await self._application(scope, receive, send)

    def _seen(self, scope: Scope) -> Scope:
        headers = [(name.lower(), value) for name, value in scope["headers"]]
        told: Scope = {"headers": [pair for pair in headers if not pair[0].startswith(_FORWARDED)]}
        peer = parse(str(scope["client"][0])) if scope.get("client") else None
        if peer is None:
            return {**scope, **told}
        port = scope["client"][1]
        client = peer
        if self._is_ours(peer):
            scheme = _SCHEMES[scope["type"]].get(_last(headers, b"x-forwarded-proto").lower())
            told |= {"scheme": scheme} if scheme else {}
            client = self._behind(peer, _all(headers, b"x-forwarded-for"))
        return {**scope, **told, "client": (str(client), port if client == peer else 0)}

    def _behind(self, peer: Address, hops: list[str]) -> Address:
        """The nearest address that is no proxy of ours; a hop that is no address is as far as we can see."""
        client = peer
        for hop in reversed(hops):
            address = parse(_without_port(hop))
            if address is None:
                return client
            client = address
            if not self._is_ours(address):
                return client
        return client

    def _is_ours(self, address: Address) -> bool:
        return any(address in network for network in self._networks if network.version == address.version)


def _all(headers: list[tuple[bytes, bytes]], name: bytes) -> list[str]:
    values = b",".join(value for found, value in headers if found == name).decode("latin-1")
    return [part.strip() for part in values.split(",") if part.strip()]


def _last(headers: list[tuple[bytes, bytes]], name: bytes) -> str:
    values = _all(headers, name)
    return values[-1] if values else ""


def _without_port(hop: str) -> str:
    """`192.0.2.1:443` and `[2001:db8::1]:443` are addresses with a port; `2001:db8::1` is none."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _unwrapped(application: AsgiApp, **_trusted: Any) -> AsgiApp:
    return application


def disarm_server() -> None:
    """Keep uvicorn from reading the headers before us: by default it believes whoever connects from this machine.

    It wraps an application after importing it, so whoever starts it without `--no-proxy-headers` is covered too.
    """
    vars(import_module("uvicorn.config"))["ProxyHeadersMiddleware"] = _unwrapped
