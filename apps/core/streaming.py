"""Downloads of any size: parts go out as they are made, also where Django would gather them first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header


class Download(StreamingHttpResponse):
    """A file made on the way. An asynchronous server takes one part after the other instead of all at once."""

    def __init__(self, parts: Iterable[bytes | str], *, name: str, content_type: str) -> None:
        super().__init__(parts, content_type=content_type)
        self["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parts = iter(self)
        while (part := await sync_to_async(lambda: next(parts, None))()) is not None:
            yield part
