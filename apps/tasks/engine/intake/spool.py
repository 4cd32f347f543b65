"""An upload set down on disk as one file with a list of what is where in it, for another process to read."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from apps.core.engine.slices import Slice
from apps.tasks.engine.intake.archives import Source

_BYTES, _NAMES = "upload", "upload.json"


def write_spool(folder: Path, files: Iterable[tuple[str, Source]]) -> None:
    """Set files down, one after the other."""
    names: list[tuple[str, int, int]] = []
    with open(folder / _BYTES, "wb") as spool:
        for name, source in files:
            start = spool.tell()
            with source.open() as stream:
                shutil.copyfileobj(stream, spool, 2**20)
            names.append((name, start, spool.tell() - start))
    (folder / _NAMES).write_text(json.dumps(names))


def read_spool(folder: Path) -> tuple[list[Source], int]:
    """The files set down, and their bytes in all."""
    names = json.loads((folder / _NAMES).read_text())
    spool = open(folder / _BYTES, "rb")  # noqa: SIM115 - as long as one of its parts is in use

    def source(name: str, start: int, size: int) -> Source:
        return Source(name, lambda: io.BufferedReader(Slice(spool, start, size)))

    return [source(*one) for one in names], sum(size for _, _, size in names)
