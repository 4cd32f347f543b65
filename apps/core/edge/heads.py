"""Heads of requests are bounded: by itself the web server takes one of any length, for as long as it takes to come.

Its protocol class is changed in place, as whoever imports the application has chosen it already.
"""

from __future__ import annotations

import asyncio
from functools import wraps
from importlib import import_module
from typing import Any

MOST_BYTES = 64 * 1024
SECONDS = 30.0
_TOO_LONG = "The head of the request is too long."
_TOO_LATE = "The head of the request did not arrive in time."


class _Head:
    """What is known of the head a connection is sending."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._timer: asyncio.TimerHandle | None = None
        self._read = 0
        self.comes = False
        self.begin()

    def begin(self) -> None:
        """The next one is awaited from now on."""
        self.end()
        self.comes, self._read = True, 0
        self._timer = self._protocol.loop.call_later(SECONDS, self._refuse, _TOO_LATE)

    def end(self) -> None:
        """It is whole, or nobody waits for it any more."""
        self.comes = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def count(self, size: int) -> None:
        """So much more came, and it is not whole yet."""
        self._read += size
        if self._read > MOST_BYTES:
            self._refuse(_TOO_LONG)

    def _refuse(self, why: str) -> None:
        self.end()
        if not self._protocol.transport.is_closing():
            self._protocol.send_400_response(why)


def bound_heads() -> None:
    """Have the server hold every connection to it."""
    protocol: Any = vars(import_module("uvicorn.protocols.http.httptools_impl"))["HttpToolsProtocol"]
    if not hasattr(protocol, "bounded_heads"):
        protocol.bounded_heads = True
        _on_connection(protocol)
        _on_message(protocol)


def _on_connection(protocol: Any) -> None:
    made, lost, received = protocol.connection_made, protocol.connection_lost, protocol.data_received

    @wraps(made)
    def connection_made(self: Any, transport: Any) -> None:
        made(self, transport)
        self.head = _Head(self)

    @wraps(lost)
    def connection_lost(self: Any, error: Exception | None) -> None:
        self.head.end()
        lost(self, error)

    @wraps(received)
    def data_received(self: Any, data: bytes) -> None:
        came = self.head.comes
        received(self, data)
        if came and self.head.comes:
            self.head.count(len(data))

    protocol.connection_made, protocol.connection_lost = connection_made, connection_lost
    protocol.data_received = data_received


def _on_message(protocol: Any) -> None:
    begins, complete = protocol.on_message_begin, protocol.on_headers_complete

    @wraps(begins)
    def on_message_begin(self: Any) -> None:
        begins(self)
        self.head.begin()

    @wraps(complete)
    def on_headers_complete(self: Any) -> None:
        self.head.end()
        complete(self)

    protocol.on_message_begin, protocol.on_headers_complete = on_message_begin, on_headers_complete
