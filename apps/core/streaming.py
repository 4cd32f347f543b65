"""Answers that go out as they are made: downloads of any size, and streams without end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from typing import Any

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header


class Stream(StreamingHttpResponse):
    """Parts made by an asynchronous generator, which ends when the client leaves.

    Django lets go of it only once nobody refers to it any more, and what it holds (a place among the streams of a
    member, an open file) stays taken for as long.
    """

    def __init__(self, parts: AsyncGenerator[str] | AsyncGenerator[bytes], **options: Any) -> None:
        super().__init__(parts, **options)
        self._parts = parts

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        async with aclosing(self._parts) as parts:
            async for part in parts:
                yield self.make_bytes(part)


class Download(StreamingHttpResponse):
    """A file made on the way. An asynchronous server takes one part after the other instead of all at once."""

    def __init__(self, parts: Iterable[bytes | str], *, name: str, content_type: str) -> None:
        super().__init__(parts, content_type=content_type)
        self["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parts = iter(self)
        while (part := await sync_to_async(lambda: next(parts, None))()) is not None:
            yield part
