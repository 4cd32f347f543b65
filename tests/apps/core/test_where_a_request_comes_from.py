"""A request comes from the connection's own address; only a proxy the operator named may say otherwise."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.test import RequestFactory

from apps.core.addresses import client_network, is_here, is_loopback
from apps.core.edge.proxy import TrustedProxies
from config.env import AppConfig

PROXIES = AppConfig(trusted_proxies="10.0.0.2, 172.30.0.0/24, fd00::/64").trusted_networks


def seen(
    peer: str | None, headers: list[tuple[str, str]], *, proxies: Any = PROXIES, kind: str = "http"
) -> dict[str, Any]:
    """The scope the application is given."""
    found: list[dict[str, Any]] = []

    async def application(scope: dict[str, Any], _receive: Any, _send: Any) -> None:
        found.append(scope)

    scope = {
        "type": kind,
        "scheme": "ws" if kind == "websocket" else "http",
        "client": (peer, 4711) if peer is not None else None,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }
    asyncio.run(TrustedProxies(application, proxies)(scope, None, None))  # type: ignore[arg-type]
    return found[0]


@pytest.mark.parametrize("claim", ["203.0.113.7", "127.0.0.1", "::1", "203.0.113.7:80", "10.0.0.2", "", "nonsense"])
@pytest.mark.parametrize("peer", ["127.0.0.1", "192.0.2.9", "::1"])
def test_without_a_named_proxy_no_header_is_believed(peer: str, claim: str) -> None:
    headers = [("x-forwarded-for", claim), ("x-forwarded-proto", "https"), ("X-Real-IP", claim), ("forwarded", claim)]
    scope = seen(peer, [*headers, ("host", "lab")], proxies=())
    assert scope["client"] == (peer, 4711)
    assert scope["scheme"] == "http"
    assert scope["headers"] == [(b"host", b"lab")], "what nobody may believe does not get through"


@pytest.mark.parametrize(
    ("header", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("127.0.0.1, ::1, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 172.30.0.9", "203.0.113.7"),
        ("6.6.6.6,203.0.113.7 , 172.30.0.9,10.0.0.2", "203.0.113.7"),
        ("203.0.113.7:51234", "203.0.113.7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("172.30.0.9", "172.30.0.9"),
        ("6.6.6.6, unknown", "10.0.0.2"),
        ("6.6.6.6, <script>", "10.0.0.2"),
        ("6.6.6.6, \xff\xfe", "10.0.0.2"),
        ("6.6.6.6, 203.0.113.7, ,", "203.0.113.7"),
        ("", "10.0.0.2"),
    ],
)
def test_a_named_proxys_list_is_read_from_the_right(header: str, client: str) -> None:
    assert seen("10.0.0.2", [("x-forwarded-for", header)])["client"][0] == client


def test_a_list_in_several_headers_is_one_list() -> None:
    headers = [("x-forwarded-for", "6.6.6.6"), ("X-Forwarded-For", "203.0.113.7, 172.30.0.1")]
    assert seen("10.0.0.2", headers)["client"] == ("203.0.113.7", 0)


@pytest.mark.parametrize("peer", ["10.0.0.3", "172.31.0.1", "::ffff:10.0.0.3", "fd01::1"])
def test_who_is_not_the_proxy_is_not_believed(peer: str) -> None:
    scope = seen(peer, [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", "https")])
    assert (scope["client"][0], scope["scheme"]) == (peer.removeprefix("::ffff:"), "http")


@pytest.mark.parametrize(
    ("kind", "told", "scheme"),
    [
        ("http", "https", "https"),
        ("websocket", "https", "wss"),
        ("websocket", "http", "ws"),
        ("http", "http, https", "https"),
        ("http", "https, http", "http"),
        ("http", "javascript", "http"),
        ("websocket", "", "ws"),
    ],
)
def test_the_proxy_tells_how_the_visitor_came_to_it(kind: str, told: str, scheme: str) -> None:
    assert seen("172.30.0.200", [("x-forwarded-proto", told)], kind=kind)["scheme"] == scheme


@pytest.mark.parametrize("peer", [None, "", "/run/lab.sock"])
def test_a_connection_without_an_address_is_nobodys_proxy(peer: str | None) -> None:
    scope = seen(peer, [("x-forwarded-for", "127.0.0.1")])
    assert scope["headers"] == []
    assert not scope["client"] or not is_loopback(scope["client"][0])


def test_the_web_server_itself_believes_nobody_however_it_is_started() -> None:
    import uvicorn
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    config = uvicorn.Config("config.asgi:application", log_config=None)
    config.load()
    wrapped: Any = config.loaded_app
    while wrapped is not None:
        assert not isinstance(wrapped, ProxyHeadersMiddleware)
        wrapped = getattr(wrapped, "app", None)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("testclient", "unknown"),
        ("", "unknown"),
    ],
)
def test_one_machine_is_counted_as_one_visitor(address: str, network: str) -> None:
    assert client_network(RequestFactory().get("/", REMOTE_ADDR=address)) == network


def test_behind_a_proxy_nobody_sits_at_this_machine(settings: Any) -> None:
    assert is_here("127.0.0.1")
    assert is_here("::1")
    assert not is_here("192.0.2.1")
    settings.CONFIG = settings.CONFIG.model_copy(update={"trusted_proxies": "127.0.0.1"})
    assert not is_here("127.0.0.1")
