"""Reading what a child says: frames off the report pipe, lines off the output pipe, both made fit for a database."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from workers.inside import HEADER, MAX_FRAME

MAX_LINE = 4000
MAX_DEPTH = 100
"""What is nested deeper no database takes, and no reader needs."""


class BrokenFrame(Exception):
    """The child wrote something that is no frame."""


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """The frames completed by `data`."""
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            (length,) = HEADER.unpack_from(self._buffer)
            if length > MAX_FRAME:
                raise BrokenFrame(f"a frame of {length} bytes")
            end = HEADER.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[HEADER.size : end])
            del self._buffer[:end]
            try:
                frame = json.loads(body)
                if not isinstance(frame, dict):
                    raise BrokenFrame("a frame that is no object")
                frame = clean(frame)
            except RecursionError:
                raise BrokenFrame(f"a frame nested more than {MAX_DEPTH} deep") from None
            except ValueError as error:
                raise BrokenFrame(str(error)) from None
            yield frame


class LineReader:
    """Cuts a stream of bytes into lines of text, and remembers the last ones for a crash report."""

    def __init__(self) -> None:
        self._buffer = b""
        self.tail = ""

    def feed(self, data: bytes, *, end: bool = False) -> list[str]:
        """The lines completed by `data`; with `end` also an unfinished one."""
        self._buffer += data
        *whole, self._buffer = self._buffer.split(b"\n")
        if (end or len(self._buffer) > MAX_LINE) and self._buffer:
            whole.append(self._buffer)
            self._buffer = b""
        lines = [clean(line.decode("utf-8", "replace").rstrip("\r"))[:MAX_LINE] for line in whole]
        if lines:
            self.tail = "\n".join([self.tail, *lines])[-8000:].lstrip("\n")
        return [line for line in lines if line.strip()]


def clean(value: Any, depth: int = 0) -> Any:
    """JSON that every database takes: no NUL, no lone surrogate, no number that is not one. RecursionError if too deep."""
    if isinstance(value, str):
        if "\x00" in value:
            value = value.replace("\x00", "�")
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth > MAX_DEPTH:
        raise RecursionError(f"nested more than {MAX_DEPTH} deep")
    if isinstance(value, dict):
        return {clean(str(key)): clean(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return value if _plain_numbers(value) else [clean(item, depth + 1) for item in value]
    return value


def _plain_numbers(values: list[Any]) -> bool:
    """A row of a grid, which needs no cleaning and of which there are many."""
    return all(type(value) is int for value in values)
