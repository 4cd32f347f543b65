"""One websocket that is only written to: accepted, fed by a handler, closed with a code that says why.

Plain ASGI rather than a channels consumer: a consumer of this kind would take a channel of the layer it never uses,
could not connect while Redis is down, and would hop through a thread for every frame a client sends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from apps.core.errors import NotFound, TerrariumError
from apps.core.live.feed import in_thread
from apps.core.live.handshake import AsgiApp, Receive, Scope, Send, member_behind, query_of
from apps.core.live.messages import as_json
from apps.core.models import User

logger = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 20.0
RECHECK_SECONDS = 60.0
SEND_SECONDS = 30.0

UNUSABLE, SIGNED_OUT, UNKNOWN, TOO_SLOW, FAULT = 4400, 4401, 4404, 4408, 1011


class TooSlow(Exception):
    """The client does not take what it is sent."""


class Gone(Exception):
    """The client left while it was being written to."""


class Socket:
    """What a handler sees of the connection."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.query = query_of(scope)
        self.user: User
        self._scope = scope
        self._receive = receive
        self._send = send

    async def send(self, value: dict[str, Any] | str) -> None:
        """One message, as soon as the client takes it; `TooSlow` when it does not, `Gone` when it left."""
        text = value if isinstance(value, str) else as_json(value)
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send({"type": "websocket.send", "text": text})
        except TimeoutError:
            raise TooSlow from None
        except OSError as error:
            raise Gone from error

    async def close(self, code: int, reason: str = "") -> None:
        """Say goodbye; to a client that takes nothing, for a second at most."""
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(1.0):
                await self._send(
                    {"type": "websocket.close", "code": code, "reason": reason.encode()[:120].decode(errors="ignore")}
                )

    async def admit(self) -> bool:
        """Find out who this is; false and closed when nobody who may listen."""
        user = await in_thread(member_behind, self._scope)
        if user is None:
            await self.close(SIGNED_OUT, "Sign in first.")
            return False
        self.user = user
        return True

    async def until_gone(self) -> None:
        """Wait for the client to leave; whatever it says meanwhile is not listened to."""
        while (await self._receive())["type"] != "websocket.disconnect":
            pass

    async def keep_checking(self) -> None:
        """Ask now and then whether the member is still welcome; returns, closed, when not."""
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            try:
                if not await self.admit():
                    return
            except Exception as error:  # a database restart is no reason to send anybody away
                logger.warning("Whether %s may still listen could not be checked: %s", self.user, error)


Handler = Callable[[Socket], Awaitable[None]]


def websocket(handler: Handler) -> AsgiApp:
    """An ASGI application that serves each websocket with `handler` until either side is done."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if (await receive())["type"] != "websocket.connect":
            return
        socket = Socket(scope, receive, send)
        # Accepted before it may be refused: a browser is told the code of a close, but not of a failed handshake.
        await send({"type": "websocket.accept"})
        gone = asyncio.create_task(socket.until_gone())
        served = asyncio.create_task(_serve(socket, handler))
        try:
            await asyncio.wait({gone, served}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (gone, served):
                task.cancel()
            await asyncio.gather(gone, served, return_exceptions=True)

    return application


async def _serve(socket: Socket, handler: Handler) -> None:
    try:
        if not await socket.admit():
            return
        checks = asyncio.create_task(socket.keep_checking())
        work = asyncio.ensure_future(handler(socket))
        try:
            await asyncio.wait({checks, work}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await work
        finally:
            for task in (checks, work):
                task.cancel()
            await asyncio.gather(checks, work, return_exceptions=True)
    except TooSlow:
        await socket.close(TOO_SLOW, "Too slow. Connect again with after= the last cursor you have.")
    except TerrariumError as error:
        body = {"code": error.code, "message": error.message, "details": error.details}
        with contextlib.suppress(TooSlow, Gone):
            await socket.send({"type": "error", "error": body})
        await socket.close(UNKNOWN if isinstance(error, NotFound) else UNUSABLE, error.message)
    except Gone:
        pass
    except Exception:
        logger.exception("A live stream failed")
        await socket.close(FAULT, "Something failed here. Connect again with after= the last cursor you have.")
