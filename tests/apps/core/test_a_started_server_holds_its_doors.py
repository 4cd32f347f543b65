"""What tests of single doors promise, asked of the server as it is started, over a real socket."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from apps.core.accounts import api_key_create, api_key_revoke
from apps.core.models import ApiKey, User
from tests.apps.core.live_lab import aside, make_member
from tests.patience import PATIENCE, until

from .conftest import PASSWORD
from .started import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def server(shared_database: str, tmp_path: Path) -> Iterator[Server]:
    made = Server(shared_database, tmp_path, TERRARIUM_LIVE_STREAMS_PER_MEMBER="3")
    made.start()
    yield made
    made.kill()


def a_key(name: str = "olga", *scopes: str) -> str:
    user = User.objects.filter(username=name).first() or make_member(name)
    return api_key_create(owner=user, name="k", scopes=scopes or ("read",))[1]


def a_person() -> None:
    user = make_member("vera")
    user.set_password(PASSWORD)
    user.save()


def raw(server: Server, sent: bytes) -> bytes:
    """What comes back for these bytes, up to the end of the connection or of what is said."""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as wire:
        wire.settimeout(PATIENCE)
        wire.sendall(sent)
        got = b""
        while b"\r\n\r\n" not in got:
            piece = wire.recv(65_536)
            if not piece:
                break
            got += piece
    return got


def test_pages_cookies_and_bodies(server: Server) -> None:
    a_person()
    base = f"http://127.0.0.1:{server.port}"
    with httpx.Client(base_url=base, timeout=PATIENCE) as browser:
        shown = browser.get("/login/", headers={"origin": "https://evil.example"})
        assert shown.headers["content-security-policy"].startswith(
            "default-src 'none'; script-src 'self'; style-src 'self';"
        )
        assert shown.headers["x-frame-options"] == "DENY"
        assert shown.headers["x-content-type-options"] == "nosniff"
        assert not [name for name in shown.headers if name.startswith("access-control-")]
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', shown.text)
        assert token is not None
        assert browser.post("/login/", data={"username": "vera", "password": PASSWORD}).status_code == 403
        sent = {"username": "vera", "password": PASSWORD, "csrfmiddlewaretoken": token[1], "next": "//evil.example/"}
        let_in = browser.post("/login/", data=sent)
        assert (let_in.status_code, let_in.headers["location"]) == (302, "/")
        (session,) = [one for one in let_in.headers.get_list("set-cookie") if one.startswith("sessionid=")]
        assert "HttpOnly" in session
        assert "SameSite=Lax" in session
        assert browser.post("/api/v1/auth/keys", json={"name": "a", "scopes": ["read"]}).status_code == 403, (
            "no CSRF token"
        )
        assert browser.get("/tasks/").status_code == 200
    assert httpx.get(f"{base}/tasks/").headers["location"] == "/login/?next=/tasks/"
    assert httpx.get(f"{base}/api/v1/auth/me").status_code == 401


def test_what_is_no_request_of_ours_gets_no_further_than_the_edge(server: Server) -> None:
    head = b"Host: 127.0.0.1:%d\r\n" % server.port
    for sent, status in (
        (b"GET /../../../../etc/passwd HTTP/1.1\r\n" + head + b"\r\n", 404),
        (b"GET /static/..%2f..%2fconfig/settings.py HTTP/1.1\r\n" + head + b"\r\n", 404),
        (b"GET /tasks/%00 HTTP/1.1\r\n" + head + b"\r\n", 400),
        (b"GET /tasks/ HTTP/1.1\r\nHost: evil.example\r\n\r\n", 400),
        (b"POST /api/v1/tasks HTTP/1.1\r\n" + head + b"Content-Length: 157286400\r\n\r\n", 401),
        (
            b"POST /login/ HTTP/1.1\r\n" + head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"POST /login/ HTTP/1.1\r\n" + head + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 50 + b"\r\n\r\n", 400),
    ):
        got = raw(server, sent)
        told = re.match(rb"HTTP/1\.1 (\d+)", got)
        assert told is not None, f"{sent[:60]!r}: {got[:200]!r}"
        assert int(told[1]) == status or (status == 400 and 400 <= int(told[1]) < 500), f"{sent[:60]!r}: {got[:300]!r}"
        assert b"root:" not in got
        assert b"SECRET" not in got
    assert httpx.get(f"http://127.0.0.1:{server.port}/healthz").text == "ok"


def test_a_head_without_an_end_is_not_taken_in(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as wire:
        wire.settimeout(PATIENCE)
        wire.sendall(b"GET /login/ HTTP/1.1\r\nX: ")
        sent = 0
        try:
            while sent < 64 * 2**20:
                sent += wire.send(b"a" * 65_536)
        except (ConnectionResetError, BrokenPipeError):
            pass
    assert sent < 32 * 2**20, "most of it lies in buffers of the system, and none of it in the server"
    assert httpx.get(f"http://127.0.0.1:{server.port}/healthz").text == "ok"


async def test_sockets_open_to_ours_alone(server: Server) -> None:
    key = await aside(a_key)
    address = f"ws://127.0.0.1:{server.port}/ws/events/"
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with websockets.connect(address, origin="http://127.0.0.1:1"):  # type: ignore[arg-type]
            pass
    assert refused.value.response.status_code == 403
    async with websockets.connect(address, additional_headers={"authorization": f"Bearer {key}"}) as mine:
        assert json.loads(await asyncio.wait_for(mine.recv(), PATIENCE))["type"] == "open"
    async with websockets.connect(f"{address}?token={key}") as told:
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await asyncio.wait_for(told.recv(), PATIENCE)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401
    assert key not in server.log.read_text()


class Stream:
    """One connection that listens."""

    def __init__(self, server: Server, key: str) -> None:
        self.wire = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        self.wire.settimeout(PATIENCE)
        host = f"127.0.0.1:{server.port}"
        self.wire.sendall(
            f"GET /api/v1/events/stream HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
        )
        self.got = b""
        while not any(mark in self.got for mark in (b"event: open", b"RATE_LIMITED")):
            piece = self.wire.recv(4096)
            assert piece, self.got
            self.got += piece

    @property
    def is_open(self) -> bool:
        return b"event: open" in self.got

    def leave(self) -> None:
        """Without a word, and with what came unread."""
        self.wire.close()

    def ended(self) -> bool:
        """Whether the server closes it; what still comes is read."""
        try:
            while self.wire.recv(65_536):
                continue
        except ConnectionResetError:
            pass
        return True


def test_the_place_of_a_stream_is_free_again_soon_after_its_client_left(server: Server) -> None:
    key = a_key()
    first = [Stream(server, key) for _ in range(3)]
    assert all(one.is_open for one in first)
    assert not Stream(server, key).is_open, "as many as one member may"
    for one in first:
        one.leave()
    again: list[Stream] = []

    def opens() -> bool:
        one = Stream(server, key)
        if one.is_open:
            again.append(one)
        else:
            one.leave()
        return len(again) == 3

    until(opens)
    for one in again:
        one.leave()


def test_a_stream_ends_soon_after_its_key(server: Server) -> None:
    key = a_key()
    stream = Stream(server, key)
    api_key_revoke(key=ApiKey.objects.get())
    assert stream.ended()
    stream.leave()
    answer: Any = httpx.get(
        f"http://127.0.0.1:{server.port}/api/v1/auth/me", headers={"authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 401
