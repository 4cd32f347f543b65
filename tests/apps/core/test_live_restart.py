"""A server that is killed and comes back: every kind of client goes on where it was, without a gap or a repetition."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from apps.core.accounts import api_key_create
from apps.core.live import head_cursor
from tests.apps.core.live_lab import aside, emit, emit_many, make_member, session_of
from tests.apps.core.started import Server
from tests.patience import BRIEFLY, until_async

pytestmark = pytest.mark.slow
EVENTS = 60


@pytest.fixture
def server(shared_database: str, tmp_path: Path) -> Iterator[Server]:
    made = Server(shared_database, tmp_path)
    yield made
    made.kill()


async def json_socket(server: Server, key: str, cursor: str) -> AsyncIterator[str]:
    """Messages of `/ws/events/`, reconnecting with the last cursor as a program would."""
    headers = {"authorization": f"Bearer {key}"}
    while True:
        url = f"ws://127.0.0.1:{server.port}/ws/events/?topic=t&after={cursor}"
        with contextlib.suppress(OSError, websockets.WebSocketException):
            async with websockets.connect(url, additional_headers=headers) as connection:
                async for text in connection:
                    told: dict[str, Any] = json.loads(text)
                    cursor = told["cursor"]
                    if told["type"] == "log":
                        yield told["message"]
        await asyncio.sleep(0.1)


async def event_source(server: Server, key: str, cursor: str) -> AsyncIterator[str]:
    """Messages of the server-sent stream, reconnecting with Last-Event-ID as a browser would."""
    url = f"http://127.0.0.1:{server.port}/api/v1/events/stream?topic=t"
    async with httpx.AsyncClient(timeout=60) as client:
        while True:
            headers = {"authorization": f"Bearer {key}", "last-event-id": cursor}
            with contextlib.suppress(httpx.HTTPError):
                async with client.stream("GET", url, headers=headers) as answer:
                    async for line in answer.aiter_lines():
                        name, _, value = line.partition(": ")
                        if name == "id":
                            cursor = value
                        elif name == "data" and "message" in (told := json.loads(value)):
                            yield told["message"]
            await asyncio.sleep(0.1)


async def page(server: Server, cookie: str, cursor: str) -> AsyncIterator[str]:
    """Fragments of the top bar, reconnecting with the last cursor as live.js does."""
    headers = {"cookie": cookie}
    while True:
        url = f"ws://127.0.0.1:{server.port}/ws/live/?page=shell&key=&after={cursor}"
        with contextlib.suppress(OSError, websockets.WebSocketException):
            async with websockets.connect(url, additional_headers=headers) as connection:
                async for text in connection:
                    told = json.loads(text)
                    if "html" in told:
                        yield told["html"]
                    cursor = told["cursor"]
        await asyncio.sleep(0.1)


async def collect(stream: AsyncIterator[str], into: list[str]) -> None:
    async for one in stream:
        into.append(one)  # noqa: PERF401 - seen while it grows


async def test_clients_go_on_across_a_killed_server_without_a_gap_or_a_repetition(server: Server) -> None:
    user = await aside(make_member, "olga")
    _key, key = await aside(api_key_create, owner=user, name="a program", scopes=("read",))
    cookie = (await aside(session_of, user))["cookie"]
    cursor = await aside(head_cursor)
    by_socket: list[str] = []
    by_source: list[str] = []
    by_page: list[str] = []
    await asyncio.to_thread(server.start)
    clients = [
        asyncio.create_task(collect(json_socket(server, key, cursor), by_socket)),
        asyncio.create_task(collect(event_source(server, key, cursor), by_source)),
        asyncio.create_task(collect(page(server, cookie, cursor), by_page)),
    ]
    try:
        await aside(emit_many, 20)
        await until_async(lambda: len(by_socket) >= 20 and len(by_source) >= 20)
        # While they are being told of these, the server dies; these others are written while it is away.
        await aside(emit_many, 20, start=20)
        await asyncio.to_thread(server.kill)
        await aside(emit_many, 20, start=40)
        await aside(emit, "run_1", type="status_change", old_status="queued", new_status="running")
        await asyncio.to_thread(server.start)
        await until_async(lambda: len(by_socket) >= EVENTS and len(by_source) >= EVENTS and by_page)
        await asyncio.sleep(BRIEFLY)  # whatever would come twice
        expected = [str(number) for number in range(EVENTS)]
        assert by_socket == expected
        assert by_source == expected
        assert len(by_page) == 1
        assert "running-pill" in by_page[0]
    finally:
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
