"""Files of a request in one temporary file, however many they are: memory stays flat and one descriptor serves all.

What is too much is let run past, so that the rest of the form arrives and the page can be shown again with what was
typed: the view asks `upload_problem(request)`. Nothing is kept of what strangers send.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from typing import IO, Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest

from apps.core.engine.slices import Slice

MAX_FILES = 20_000
MAX_BYTES = 200_000_000
_PROBLEM = "upload_problem"


def upload_problem(request: HttpRequest) -> str:
    """Why not everything that was sent was kept; nothing when it was."""
    return str(getattr(request, _PROBLEM, ""))


class Part(UploadedFile):  # type: ignore[type-arg]  # generic in its stubs only
    """One of the files. Its name is whole, as it was sent; Django would shorten it."""

    def __init__(self, spool: IO[bytes], start: int, size: int, name: str, content_type: str | None) -> None:
        self._spool, self._start, self._length = spool, start, size
        super().__init__(self.stream(), None, content_type, size)
        self._name = name

    def stream(self) -> IO[bytes]:
        """A new stream over its bytes, from the beginning; closing it takes nothing away."""
        return io.BufferedReader(Slice(self._spool, self._start, self._length))

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Piece by piece."""
        stream = self.stream()
        while data := stream.read(chunk_size or self.DEFAULT_CHUNK_SIZE):
            yield data


class OneFileUploadHandler(FileUploadHandler):
    """See the module."""

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self._spool: IO[bytes] | None = None
        self._files = self._bytes = self._start = 0
        self._skips = False

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Take a file, or decide to let it pass."""
        super().new_file(*args, **kwargs)
        self._files += 1
        self._skips = bool(self._refusal())
        self._spool = self._spool or tempfile.TemporaryFile()  # noqa: SIM115 - closed with the last of its parts
        self._start = self._spool.seek(0, io.SEEK_END)

    def _refusal(self) -> str:
        user = getattr(self.request, "user", None)
        if user is None or not user.is_authenticated:
            return "Sign in to send files."
        if self._files > MAX_FILES:
            return f"More than {MAX_FILES:,} files at once. Send them packed as a zip, or in parts."
        if self._bytes > MAX_BYTES:
            return f"More than {MAX_BYTES // 10**6} MB at once. Send them packed as a zip, or in parts."
        return ""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write it down unless it is too much."""
        self._bytes += len(raw_data)
        if not self._skips and self._bytes > MAX_BYTES:
            self._skips = True
        if not self._skips and self._spool is not None:
            self._spool.write(raw_data)

    def file_complete(self, file_size: int) -> Part | None:
        """The file, unless it was let pass."""
        if self._skips or self._spool is None:
            if self.request is not None:
                setattr(self.request, _PROBLEM, self._refusal())
            return None
        self._spool.flush()
        return Part(self._spool, self._start, file_size, self.file_name or "file", self.content_type)
