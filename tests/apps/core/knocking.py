"""Requests as bytes on the wire, put to the whole application: heads and bodies no well-behaved client makes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.patience import PATIENCE

Header = tuple[bytes, bytes]


@dataclass
class Answer:
    """What came back, and how much of the body had been taken by then."""

    status: int
    headers: dict[str, str]
    content: bytes
    read: int = field(default=0)

    def json(self) -> Any:
        return json.loads(self.content)


async def knock(
    method: str,
    path: bytes,
    headers: Sequence[Header] = (),
    *,
    pieces: Iterable[bytes] = (b"",),
    query: bytes = b"",
    client: tuple[str, int] | None = ("127.0.0.1", 4711),
) -> Answer:
    """One request through `config.asgi.application`, as the web server would hand it over."""
    from config.asgi import application

    waiting = iter(pieces)
    read = 0
    sent: list[dict[str, Any]] = []
    upcoming: list[bytes | None] = [next(waiting, None)]

    async def receive() -> dict[str, Any]:
        nonlocal read
        piece = upcoming[0]
        if piece is None:
            await asyncio.sleep(3600)
        upcoming[0] = next(waiting, None)
        read += len(piece or b"")
        return {"type": "http.request", "body": piece, "more_body": upcoming[0] is not None}

    async def send(message: dict[str, Any]) -> None:
        sent.append({**message, "read": read})

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path.decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1:8000"), (b"accept-encoding", b"identity"), *headers],
        "server": ("127.0.0.1", 8000),
        "client": client,
    }
    async with asyncio.timeout(PATIENCE):
        await application(scope, receive, send)
    start = next(message for message in sent if message["type"] == "http.response.start")
    told = {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]}
    body = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    return Answer(start["status"], told, body, start["read"])
