"""A zip made piece by piece: what is in memory is one file and the list of names."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

_MADE = (1980, 1, 1, 0, 0, 0)
"""The same content makes the same zip, whenever it is made."""


class _Drain(io.RawIOBase):
    """Takes what is written and gives it up again; it cannot seek."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: Any) -> int:
        """Keep it until it is taken."""
        self.parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """What was written since."""
        data, self.parts = b"".join(self.parts), []
        return data


def zip_parts(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """The parts of a zip of (name, content)."""
    drain = _Drain()
    with zipfile.ZipFile(drain, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            entry = zipfile.ZipInfo(name, _MADE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
            if part := drain.take():
                yield part
    yield drain.take()
