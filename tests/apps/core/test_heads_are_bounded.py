"""A connection that sends a head without an end, or none, is not listened to for long; all others are as ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from apps.core.edge.heads import MOST_BYTES, SECONDS, bound_heads


class Timer:
    """A clock that strikes when told to."""

    def __init__(self, seconds: float, act: Callable[..., None], *arguments: Any) -> None:
        self.seconds, self._act, self._arguments = seconds, act, arguments
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def strike(self) -> None:
        if not self.cancelled:
            self._act(*self._arguments)


class Loop:
    """As much of an event loop as a connection needs."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []

    def call_later(self, seconds: float, act: Callable[..., None], *arguments: Any) -> Timer:
        self.timers.append(Timer(seconds, act, *arguments))
        return self.timers[-1]

    def create_task(self, coroutine: Any, **_named: Any) -> Any:
        coroutine.close()

        class Task:
            def add_done_callback(self, _call: Any) -> None:
                return None

        return Task()


class Transport:
    """What was written, and whether it is closed."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def get_extra_info(self, _name: str) -> Any:
        return None

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        """A body nobody takes yet."""

    resume_reading = pause_reading

    def is_closing(self) -> bool:
        return self.closed


@pytest.fixture
def connection() -> tuple[Any, Loop, Transport]:
    bound_heads()

    async def application(_scope: Any, _receive: Any, _send: Any) -> None:
        return None

    loop, transport = Loop(), Transport()
    config = Config(application, log_config=None, ws="none")
    made: Any = HttpToolsProtocol(config=config, server_state=ServerState(), app_state={}, _loop=loop)  # type: ignore[arg-type]
    made.connection_made(transport)
    return made, loop, transport


def test_a_head_may_be_long_and_not_endless(connection: tuple[Any, Loop, Transport]) -> None:
    made, _loop, transport = connection
    made.data_received(b"GET / HTTP/1.1\r\nX: ")
    for _ in range(MOST_BYTES // 8192 - 1):
        made.data_received(b"a" * 8192)
    assert not transport.closed
    for _ in range(2):
        made.data_received(b"a" * 8192)
    assert transport.closed
    assert transport.written.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("sent", [b"", b"GET /", b"GET / HTTP/1.1\r\nHost: a\r\n"])
def test_one_that_does_not_come_is_not_waited_for(connection: tuple[Any, Loop, Transport], sent: bytes) -> None:
    made, loop, transport = connection
    if sent:
        made.data_received(sent)
    assert {timer.seconds for timer in loop.timers} == {SECONDS}
    for timer in loop.timers:
        timer.strike()
    assert transport.closed


def test_a_body_is_no_head(connection: tuple[Any, Loop, Transport]) -> None:
    made, loop, transport = connection
    made.data_received(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
    for _ in range(30):
        made.data_received(b"b" * 8192)
    for timer in loop.timers:
        timer.strike()
    assert not transport.closed, "how long a body may be and take is decided elsewhere"
    made.connection_lost(None)
    assert all(timer.cancelled for timer in loop.timers)
