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

from apps.core.accounts import Admission, Principal
from apps.core.api_auth import spend_stranger
from apps.core.edge.proxy import AsgiApp, Receive, Scope, Send
from apps.core.edge.visitors import network_of_visitor, visitor_of
from apps.core.errors import NotFound, TerrariumError, Throttled
from apps.core.live.feed import in_thread
from apps.core.live.handshake import query_of, subprotocol_of
from apps.core.live.listeners import listeners
from apps.core.live.messages import as_json
from apps.core.models import User

logger = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 20.0
SEND_SECONDS = 30.0

UNUSABLE, SIGNED_OUT, UNKNOWN, TOO_SLOW, TOO_MANY, FAULT = 4400, 4401, 4404, 4408, 4429, 1011
_SIGN_IN = "Sign in first."
_NOT_IN_THE_ADDRESS = "Send the token as Authorization: Bearer or subprotocol bearer.<token>, not in the address."


class TooSlow(Exception):
    """The client does not take what it is sent."""


class Gone(Exception):
    """The client left while it was being written to."""


class Socket:
    """What a handler sees of the connection."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.query = query_of(scope)
        self.user: User
        self.admission: Admission
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
        found = await in_thread(self._find_out)
        if found is None:
            await self.close(SIGNED_OUT, _NOT_IN_THE_ADDRESS if "token" in self.query else _SIGN_IN)
            return False
        self.user, self.admission = found.user, found.admission
        return True

    def _find_out(self) -> Principal | None:
        """Whoever may read. Strangers who knock share the allowance of their address."""
        found = visitor_of(self._scope)
        if found is None or "read" not in found.scopes:
            spend_stranger(network_of_visitor(self._scope))
            return None
        return found

    async def until_gone(self) -> None:
        """Wait for the client to leave; whatever it says meanwhile is not listened to."""
        while (await self._receive())["type"] != "websocket.disconnect":
            pass


Handler = Callable[[Socket], Awaitable[None]]


def websocket(handler: Handler) -> AsgiApp:
    """An ASGI application that serves each websocket with `handler` until either side is done."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if (await receive())["type"] != "websocket.connect":
            return
        socket = Socket(scope, receive, send)
        # Accepted before it may be refused: a browser is told the code of a close, but not of a failed handshake.
        await send({"type": "websocket.accept", "subprotocol": subprotocol_of(scope)})
        gone = asyncio.create_task(socket.until_gone())
        served = asyncio.create_task(_serve(socket, handler))
        try:
            await asyncio.wait({gone, served}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (gone, served):
                task.cancel()
            await asyncio.gather(gone, served, return_exceptions=True)

    return application


def _code_of(error: TerrariumError) -> int:
    if isinstance(error, NotFound):
        return UNKNOWN
    return TOO_MANY if isinstance(error, Throttled) else UNUSABLE


async def _serve(socket: Socket, handler: Handler) -> None:
    try:
        if not await socket.admit():
            return
        with listeners.join(socket.admission) as listener:
            dismissed = asyncio.create_task(listener.dismissed.wait())
            work = asyncio.ensure_future(handler(socket))
            try:
                await asyncio.wait({dismissed, work}, return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    await work
                else:
                    await socket.close(SIGNED_OUT, _SIGN_IN)
            finally:
                for task in (dismissed, work):
                    task.cancel()
                await asyncio.gather(dismissed, work, return_exceptions=True)
    except TooSlow:
        await socket.close(TOO_SLOW, "Too slow. Connect again with after= the last cursor you have.")
    except TerrariumError as error:
        body = {"code": error.code, "message": error.message, "details": error.details}
        with contextlib.suppress(TooSlow, Gone):
            await socket.send({"type": "error", "error": body})
        await socket.close(_code_of(error), error.message)
    except Gone:
        pass
    except Exception:
        logger.exception("A live stream failed")
        await socket.close(FAULT, "Something failed here. Connect again with after= the last cursor you have.")
