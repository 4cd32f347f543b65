"""A browser's socket opens from our own pages only: same scheme, host and port. Cookies know no ports, so we must."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core.live.handshake import is_ours
from apps.core.live.tailer import Tailer
from tests.apps.core.live_lab import Listener, aside, make_member, session_of
from tests.patience import PATIENCE


def handshake(host: str | None, *origins: str, scheme: str = "ws") -> dict[str, Any]:
    headers = [(b"host", host.encode())] if host is not None else []
    return {"scheme": scheme, "headers": [*headers, *((b"origin", origin.encode("latin-1")) for origin in origins)]}


@pytest.fixture
def lab(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", "lab.example.org"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://lab.example.org"]


@pytest.mark.parametrize(
    ("host", "origin", "scheme"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000", "ws"),
        ("localhost:8000", "http://localhost:8000", "ws"),
        ("LOCALHOST:8000", "http://localhost:8000", "ws"),
        ("[::1]:8000", "http://[::1]:8000", "ws"),
        ("localhost:9000", "http://localhost:9000", "ws"),  # through a tunnel on another port
        ("127.0.0.1", "http://127.0.0.1:80", "ws"),
        ("lab.example.org", "https://lab.example.org", "wss"),
        ("lab.example.org:443", "https://lab.example.org", "wss"),
        ("web:8000", "https://lab.example.org", "ws"),  # behind a proxy that asks by another name
    ],
)
def test_our_own_pages_open_them(lab: None, host: str, origin: str, scheme: str) -> None:
    assert is_ours(handshake(host, origin, scheme=scheme))


@pytest.mark.parametrize(
    "origin",
    [
        "http://127.0.0.1:8001",
        "http://127.0.0.1",
        "https://127.0.0.1:8000",
        "http://localhost:8000",
        "http://[::1]:8000",
        "ftp://127.0.0.1:8000",
        "ws://127.0.0.1:8000",
        "http://evil.example",
        "http://127.0.0.1:8000.evil.example",
        "http://127.0.0.1:8000@evil.example",
        "http://user@127.0.0.1:8000",
        "http://127.0.0.1:8000/",
        "http://127.0.0.1:8000/x",
        "http://127.0.0.1:8000?x",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:http",
        "http://[::1",
        "//127.0.0.1:8000",
        "http:127.0.0.1:8000",
        "127.0.0.1:8000",
        "file://",
        "null",
        "",
        " ",
        "\xff\xfe",
        "http://lab.example.org",
    ],
)
def test_nothing_else_does(lab: None, origin: str) -> None:
    assert not is_ours(handshake("127.0.0.1:8000", origin))


@pytest.mark.parametrize("host", [None, "", "evil.example", "evil.example:8000", "[::1", "127.0.0.1:8000:1"])
def test_a_host_that_is_not_ours_has_no_origin_of_ours(lab: None, host: str | None) -> None:
    origin = f"http://{host}"
    assert not is_ours(handshake(host, origin))


def test_two_origins_or_two_hosts_are_none(lab: None) -> None:
    assert not is_ours(handshake("127.0.0.1:8000", "http://127.0.0.1:8000", "http://127.0.0.1:8000"))
    twice = handshake("127.0.0.1:8000", "http://127.0.0.1:8000")
    twice["headers"].append((b"host", b"127.0.0.1:8000"))
    assert not is_ours(twice)


def test_a_program_has_no_origin(lab: None) -> None:
    assert is_ours(handshake("127.0.0.1:8000"))


async def test_the_door_itself_turns_away_before_it_accepts(live: Tailer, lab: None) -> None:
    headers = {**await aside(lambda: session_of(make_member("olga"))), "host": "127.0.0.1:8000"}
    for origin in ("https://evil.example", "http://127.0.0.1:8001"):
        stranger = Listener("/ws/events/", {**headers, "origin": origin})
        await stranger.socket.send_input({"type": "websocket.connect"})
        assert (await stranger.socket.receive_output(timeout=PATIENCE))["type"] == "websocket.close"
    async with Listener("/ws/events/", {**headers, "origin": "http://127.0.0.1:8000"}) as client:
        assert (await client.any())["type"] == "open"
