"""Texts by their names and their lines."""

from __future__ import annotations

from collections.abc import Iterator

from apps.tasks.engine.intake.archives import Readable
from apps.tasks.engine.intake.words import MAX_VALUE

LINE_ENDINGS = (".jsonl", ".ndjson")
ENDINGS = (".json", *LINE_ENDINGS, ".txt", ".task")


def stem_of(name: str) -> str:
    """A file's name without the ending that says it is JSON; nothing else is cut from it."""
    ending = next((one for one in ENDINGS if name.lower().endswith(one)), "")
    return name[: -len(ending)] if ending and len(name) > len(ending) else name


def lines_of(stream: Readable) -> Iterator[tuple[int, bytes | None]]:
    """The lines of a text, counted from 1; None for one longer than anything that is looked into."""
    number, rest, large = 1, b"", False
    while data := stream.read(2**18):
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            yield number, None if large or len(line) > MAX_VALUE else line.removeprefix(b"\xef\xbb\xbf")
            number, large = number + 1, False
        if len(rest) > MAX_VALUE:
            rest, large = b"", True
    if rest or large:
        yield number, None if large else rest
