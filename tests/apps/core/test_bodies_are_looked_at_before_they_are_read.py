"""Nobody makes the server take in more than they may send: strangers a login form, members what one request may hold."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler

from apps.core.accounts import api_key_create
from apps.core.edge import bodies
from apps.core.models import Role
from tests.apps.core.knocking import Answer, Header, knock
from tests.apps.core.live_lab import aside, make_member, session_of
from tests.patience import PATIENCE

HUGE = 150 * 2**20
PIECE = b"x" * 65_536
JSON = (b"content-type", b"application/json")
PLACES = [b"/login/", b"/tasks/import/", b"/api/v1/tasks", b"/api/v1/auth/token", b"/admin/", b"/nowhere", b"/healthz"]


def declared(size: int) -> Header:
    return (b"content-length", str(size).encode())


def endless() -> Iterator[bytes]:
    while True:
        yield PIECE


def key_of(role: str, *scopes: str) -> Header:
    _key, text = api_key_create(owner=make_member("olga", role), name="k", scopes=scopes)
    return (b"authorization", f"Bearer {text}".encode())


def told(answer: Answer, status: int, code: str) -> None:
    assert answer.status == status, answer.content
    assert answer.headers["connection"] == "close", "what is still on its way is not read"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    if answer.headers["content-type"].startswith("application/json"):
        assert answer.json()["error"]["code"] == code
    else:
        assert b"<h1>" in answer.content


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("method", ["POST", "PUT", "GET", "DELETE"])
async def test_a_strangers_large_body_is_refused_with_nothing_read(
    shared_database: str, path: bytes, method: str
) -> None:
    answer = await knock(method, path, [declared(HUGE)], pieces=endless())
    told(answer, 401, "UNAUTHORIZED")
    assert answer.read == 0
    assert answer.headers.get("www-authenticate", "Bearer").startswith("Bearer")


@pytest.mark.parametrize("path", PLACES)
async def test_without_a_length_no_more_is_read_than_a_stranger_may_send(shared_database: str, path: bytes) -> None:
    answer = await knock("POST", path, [(b"transfer-encoding", b"chunked")], pieces=endless())
    told(answer, 401, "UNAUTHORIZED")
    assert answer.read <= bodies.OF_STRANGERS + len(PIECE)


@pytest.mark.parametrize(
    "claim",
    [
        (b"cookie", b"sessionid=made-up"),
        (b"cookie", b'sessionid="\\000"'),
        (b"authorization", b"Bearer tk_" + b"0a" * 6 + b"_" + b"1b" * 24),
        (b"authorization", b"Bearer a.b.c"),
        (b"authorization", b"Basic b2xnYTpwdw=="),
        (b"x-forwarded-for", b"127.0.0.1"),
    ],
)
async def test_a_made_up_key_or_session_opens_nothing(shared_database: str, claim: Header) -> None:
    answer = await knock("POST", b"/api/v1/tasks", [declared(HUGE), claim], pieces=endless())
    told(answer, 401, "UNAUTHORIZED")
    assert answer.read == 0


async def test_who_may_not_write_sends_no_more_than_a_stranger(shared_database: str) -> None:
    for header in (await aside(key_of, Role.VIEWER, "read"), await aside(_viewers_cookie)):
        answer = await knock("POST", b"/api/v1/tasks", [declared(10**6), header], pieces=endless())
        told(answer, 403, "FORBIDDEN")
        assert answer.read == 0


def _viewers_cookie() -> Header:
    return (b"cookie", session_of(make_member("vera", Role.VIEWER))["cookie"].encode())


@pytest.mark.parametrize("kind", [b"application/json", b"application/x-www-form-urlencoded; charset=utf-8"])
async def test_what_is_read_whole_has_its_own_limit(shared_database: str, settings: Any, kind: bytes) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 200_000
    key = await aside(key_of, Role.RESEARCHER, "read", "write")
    headers = [(b"content-type", kind), key]
    told(await knock("POST", b"/api/v1/tasks", [declared(200_001), *headers], pieces=endless()), 413, "TOO_LARGE")
    counted = await knock("POST", b"/api/v1/tasks", headers, pieces=endless())
    told(counted, 413, "TOO_LARGE")
    assert counted.read <= 200_000 + 2 * len(PIECE)


async def test_files_have_the_limit_of_the_settings(shared_database: str, settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"upload_max_mb": 1})
    headers = [
        (b"content-type", b"multipart/form-data; boundary=x"),
        await aside(key_of, Role.CURATOR, "read", "write"),
    ]
    over = await knock("POST", b"/api/v1/tasks/import/files", [declared(2**20 + 1), *headers], pieces=endless())
    told(over, 413, "TOO_LARGE")
    assert "1.0 MB" in over.json()["error"]["message"]
    size = 900_000
    within = await knock(
        "POST", b"/api/v1/tasks/import/files", [declared(size), *headers], pieces=[b"x" * (size // 2)] * 2
    )
    assert within.read == size
    assert within.status in {400, 422}, "taken in, and then found to be no form"


async def test_a_stranger_signs_in_as_ever(shared_database: str) -> None:
    form = b"username=olga&password=" + b"x" * 60_000
    kind = (b"content-type", b"application/x-www-form-urlencoded")
    answer = await knock("POST", b"/login/", [declared(len(form)), kind], pieces=[form[:100], form[100:]])
    assert answer.status == 403, "by the missing CSRF token, so by the page"
    token = b'{"username": "olga", "password": "nope"}'
    answer = await knock("POST", b"/api/v1/auth/token", [declared(len(token)), JSON], pieces=[token])
    assert answer.status == 401
    assert "do not match" in answer.json()["error"]["message"]


async def test_a_body_that_does_not_come_is_not_waited_for(
    shared_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "SECONDS_OF_STRANGERS", 0.1)

    from config.asgi import application

    sent: list[dict[str, Any]] = []
    first = iter([{"type": "http.request", "body": b"{", "more_body": True}])

    async def receive() -> dict[str, Any]:
        for message in first:
            return message
        await asyncio.sleep(3600)
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "scheme": "http", "path": "/api/v1/auth/token", "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), JSON, declared(100)], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    async with asyncio.timeout(PATIENCE):
        await application(scope, receive, send)
    assert sent[0]["status"] == 400
    assert b"did not arrive" in sent[1]["body"]


async def test_strangers_who_try_again_and_again_are_slowed(shared_database: str, settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"api_requests_per_minute": 2})
    statuses = [(await knock("POST", b"/api/v1/tasks", [declared(HUGE)], pieces=endless())).status for _ in range(3)]
    assert statuses == [401, 401, 429]


@pytest.mark.parametrize(
    ("number", "status", "says"),
    [(errno.ENOSPC, 507, "is full"), (errno.EROFS, 503, "is read-only"), (errno.EIO, 503, "disk")],
)
async def test_a_disk_that_takes_no_body_says_so(
    shared_database: str, monkeypatch: pytest.MonkeyPatch, number: int, status: int, says: str
) -> None:
    async def broken(self: ASGIHandler, receive: Any) -> Any:
        raise OSError(number, "as a full disk does")

    monkeypatch.setattr(ASGIHandler, "read_body", broken)
    answer = await knock("POST", b"/api/v1/auth/token", [JSON], pieces=[b"{}"])
    assert answer.status == status
    assert says in answer.json()["error"]["message"]
    assert "TMPDIR" in answer.json()["error"]["message"]


async def test_a_fault_after_the_answer_began_is_not_answered_twice(
    shared_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def begins(self: ASGIHandler, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise OSError(errno.ENOSPC, "in the middle")

    monkeypatch.setattr(ASGIHandler, "__call__", begins)
    with pytest.raises(OSError, match="in the middle"):
        await knock("GET", b"/healthz")
