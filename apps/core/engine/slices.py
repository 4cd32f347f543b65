"""A part of a file that can seek, as a file of its own."""

from __future__ import annotations

import io
from typing import IO, Any


class Slice(io.RawIOBase):
    """Several of one file may be read in turn; closing one takes nothing from the others."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As in every file."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """The present place."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Up to as much as fits."""
        size = min(len(buffer), self._size - self._at)
        if size <= 0:
            return 0
        self._file.seek(self._start + self._at)
        data = self._file.read(size)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
