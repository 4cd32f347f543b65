"""Uploads made by hand, and what a shelf holds of them."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from functools import partial
from typing import Any

from apps.tasks.engine.intake.archives import Source
from apps.tasks.engine.intake.reading import read_sources
from apps.tasks.engine.intake.shelf import Head, Shelf

G, H, K = [[1, 1], [1, 1]], [[2, 2], [2, 2]], [[3, 0], [0, 3]]


def task(given: Any = G, wanted: Any = H, *, tests: Any = None, **extra: Any) -> dict[str, Any]:
    """ARC's JSON: one demonstration, one test; a test output of None is withheld."""
    test = [{"input": a} | ({} if b is None else {"output": b}) for a, b in tests or [(given, wanted)]]
    return {"train": [{"input": given, "output": wanted}], "test": test, **extra}


def blind(given: Any = G, wanted: Any = H) -> dict[str, Any]:
    """The same as a challenge: its test output is withheld."""
    return task(given, wanted, tests=[(given, None)])


def data_of(value: Any) -> bytes:
    """Bytes as they are, text as UTF-8, anything else as JSON."""
    return (
        value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else json.dumps(value).encode()
    )


def read(files: Mapping[str, Any], **limits: int) -> Shelf:
    """Everything the files hold, by their names."""
    sources = [Source(name, partial(io.BytesIO, data_of(value))) for name, value in files.items()]
    return read_sources(sources, Shelf(), **limits)  # type: ignore[arg-type]


def zipped(files: Mapping[str, Any]) -> bytes:
    """A zip of files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in files.items():
            archive.writestr(name, data_of(value))
    return stream.getvalue()


def tarred(files: Mapping[str, Any], mode: str = "w:gz") -> bytes:
    """A tar of files, packed unless told otherwise."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, value in files.items():
            data = data_of(value)
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def good(shelf: Shelf) -> dict[str, str | None]:
    """Id and split of each task without a problem."""
    return {head.raw_id: head.split for head in shelf.heads if not head.problem}


def broken(shelf: Shelf) -> list[str]:
    """What is said of the others."""
    return [head.problem for head in shelf.heads if head.problem]


def said(shelf: Shelf) -> str:
    """Everything that is said of what was not taken, or was put together."""
    return "\n".join([*shelf.problems, *broken(shelf), *shelf.left_out_words(), *shelf.notes])


def head_of(shelf: Shelf, raw_id: str) -> Head:
    """The task of that id."""
    return next(head for head in shelf.heads if head.raw_id == raw_id)


def truths(shelf: Shelf, raw_id: str) -> list[Any]:
    """The outputs known of its tests."""
    return [test["output"] for test in shelf.read(head_of(shelf, raw_id).at)["columns"]["tests"]]


def metadata(shelf: Shelf, raw_id: str) -> Any:
    """What is kept beside its grids."""
    return shelf.read(head_of(shelf, raw_id).at)["metadata"]
