"""Bodies are looked at before they are read: Django takes one in whole before it asks who sends it.

A stranger needs no more than a login form. More is taken from members who may write, up to what one request may
hold; the rest is refused with nothing read.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import DatabaseError
from django.utils.http import parse_header_parameters

from apps.core.api_auth import spend_stranger
from apps.core.disk import trouble_of
from apps.core.edge.answers import answer
from apps.core.edge.proxy import AsgiApp, Receive, Scope, Send
from apps.core.edge.visitors import headers_of, network_of_visitor, visitor_of
from apps.core.errors import BadRequest, Forbidden, TerrariumError, TooLarge, Unauthorized, UnsupportedMedia
from apps.core.failures import failure_of

logger = logging.getLogger(__name__)
OF_STRANGERS = 64 * 1024
SECONDS_OF_STRANGERS = 30.0
_READ_WHOLE = ("application/json", "application/x-www-form-urlencoded")


class BodyGate:
    """ASGI middleware in front of Django."""

    def __init__(self, application: AsgiApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        body = _Body(scope, receive, send)
        try:
            _check_head(scope)
            await body.admit()
            await self._application(scope, body.receive, body.send)
        except (TerrariumError, OSError, DatabaseError) as error:
            if body.answered:
                raise
            await answer(scope, send, _told(error))


def _check_head(scope: Scope) -> None:
    """What Django itself would stumble over while it makes a request of it."""
    try:
        scope.get("query_string", b"").decode()
    except UnicodeDecodeError:
        raise BadRequest("The address must be written in ASCII or UTF-8.") from None
    for kind in headers_of(scope, b"content-type"):
        try:
            parse_header_parameters(kind)
        except (ValueError, LookupError):
            raise UnsupportedMedia("The Content-Type cannot be read.") from None


def _told(error: TerrariumError | OSError | DatabaseError) -> TerrariumError:
    """A body is kept in a file while it comes in, and a disk may be full; who sends it is asked of the database."""
    if isinstance(error, TerrariumError):
        return error
    return trouble_of(error) or failure_of(error, None)


class _Body:
    """The body of one request on its way in."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.answered = False
        self._scope = scope
        self._receive = receive
        self._send = send
        self._limit = OF_STRANGERS
        self._read = 0
        self._complete = False
        self._deadline: float | None = asyncio.get_running_loop().time() + SECONDS_OF_STRANGERS

    async def admit(self) -> None:
        """Before anything is read, as far as the length is told."""
        declared = _declared(self._scope)
        if declared > self._limit:
            await self._raise_limit(declared)

    async def receive(self) -> dict[str, Any]:
        """The next piece; without a length told before, counted as it comes."""
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise BadRequest(f"The body did not arrive within {SECONDS_OF_STRANGERS:.0f} s.") from None
        self._read += len(message.get("body", b""))
        if self._read > self._limit:
            await self._raise_limit(self._read)
        self._complete = not message.get("more_body", False)
        return message

    async def send(self, message: dict[str, Any]) -> None:
        """Remember that the answer has begun."""
        self.answered = True
        await self._send(message)

    async def _raise_limit(self, wanted: int) -> None:
        """Ask who it is, once; then hold them to what one request may be."""
        if self._deadline is not None:
            await database_sync_to_async(_check_member, thread_sensitive=False)(self._scope)
            self._deadline = None
            self._limit = _most(self._scope)
        if wanted > self._limit:
            raise TooLarge(_too_large(self._scope, self._limit), details={"limit_bytes": self._limit})


def _check_member(scope: Scope) -> None:
    visitor = visitor_of(scope)
    if visitor is None:
        spend_stranger(network_of_visitor(scope))
        raise Unauthorized(f"Sign in, or send a key, before sending more than {OF_STRANGERS // 1024} kB.")
    if "write" not in visitor.scopes:
        raise Forbidden(f"This access may not write, so it may not send more than {OF_STRANGERS // 1024} kB.")


def _is_read_whole(scope: Scope) -> bool:
    kind = next(iter(headers_of(scope, b"content-type")), "").partition(";")[0].strip().lower()
    return kind in _READ_WHOLE


def _too_large(scope: Scope, limit: int) -> str:
    megabytes = f"{limit / 2**20:.1f} MB"
    if _is_read_whole(scope):
        return (
            f"A body of JSON or of a plain form may hold {megabytes}. Send what is longer as a file "
            "(multipart/form-data; tasks to /api/v1/tasks/import/files), or in parts."
        )
    return f"One request may hold {megabytes}. Send it in parts, or import it on the server by command."


def _most(scope: Scope) -> int:
    if _is_read_whole(scope):
        most: int = settings.READ_WHOLE_MAX
        return min(most, settings.DATA_UPLOAD_MAX_MEMORY_SIZE or most)
    megabytes: int = settings.CONFIG.upload_max_mb
    return megabytes * 2**20


def _declared(scope: Scope) -> int:
    """The length the request tells; one told oddly is refused by the server itself."""
    told = headers_of(scope, b"content-length")
    return int(told[0]) if told and told[0].isascii() and told[0].isdigit() and len(told[0]) < 20 else 0
