"""The way in: what was sent goes onto a shelf and is settled. Preview, import and command all begin here."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable

from apps.tasks.engine.intake.archives import Allowance, Path, Refused, Source, Text, texts
from apps.tasks.engine.intake.settling import settle
from apps.tasks.engine.intake.shapes import Reader
from apps.tasks.engine.intake.shelf import Shelf
from apps.tasks.engine.intake.texts import ENDINGS
from apps.tasks.engine.intake.words import FIX, Lines

MAX_BYTES = 1_000_000_000
"""Of everything together, unpacked."""

MAX_FILES = 20_000
NOTHING = "There is no task in what you sent. Send ARC task files, an archive of them, or paste one."
_ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz")
_POINTER = b"version https://git-lfs.github.com/spec/"


def read_sources(
    sources: Iterable[Source],
    shelf: Shelf,
    *,
    max_bytes: int = MAX_BYTES,
    max_files: int = MAX_FILES,
    progress: Callable[[int, int], None] | None = None,
) -> Shelf:
    """Everything the sources hold, on the shelf given. Raises `TooMuch` only; `progress` hears of bytes and tasks."""
    allowance, lines = Allowance(max_bytes, max_files), Lines()
    for source in sources:
        for found in texts(source, allowance):
            if isinstance(found, Refused):
                _refuse(found.path, found.why, shelf, harmless=found.harmless)
            else:
                _read(found, shelf, lines)
            if progress is not None:
                progress(allowance.spent, len(shelf.heads))
    settle(shelf)
    if not shelf.heads and not shelf.problems and not shelf.solutions:
        shelf.problem(" ".join([NOTHING, *shelf.left_out_words()]))
    return shelf


def _refuse(path: Path, why: str, shelf: Shelf, *, harmless: bool) -> None:
    if harmless:
        shelf.leave_out(path, why)
    else:
        shelf.problem(f"{path.shown()}: {why}.")


def _read(text: Text, shelf: Shelf, lines: Lines) -> None:
    """Tell JSON from everything else by how it begins; by its name only whether that is a problem."""
    expected = text.path.name.lower().endswith(ENDINGS[:-2])
    begins = text.head.removeprefix(codecs.BOM_UTF8).lstrip()
    shown = text.path.shown()
    if begins[:1] in (b"{", b"["):
        Reader(text, shelf, lines).read()
    elif text.head.startswith(_POINTER):
        shelf.problem(f"{shown}: a pointer of Git LFS, not the file itself. Run git lfs pull and send it again.")
    elif not expected and text.path.name.lower().endswith(_ARCHIVES):
        what = "a web page, not the archive" if begins[:1] == b"<" else "no archive, though its name says so"
        shelf.problem(f"{shown}: {what}. Get it again, or import without it.")
    elif not expected:
        shelf.leave_out(text.path, _kind_of(text.head, text.path.name))
    elif begins[:1] == b"<":
        shelf.problem(f"{shown}: a web page, not the data. Download the raw file and send that.")
    elif not text.head:
        shelf.problem(f"{shown}: the file is empty, so it is not valid JSON. {FIX}")
    elif text.head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\x00" in text.head:
        shelf.problem(f"{shown}: not UTF-8 text. Save the file as UTF-8.")
    elif not begins:
        Reader(text, shelf, lines).read()  # much space first
    else:
        shelf.problem(f"{shown} line 1: not valid JSON, expecting {{ or [. {FIX}")


def _kind_of(head: bytes, name: str) -> str:
    if not head:
        return "empty"
    _, dot, ending = name.rpartition(".")
    return f"no JSON (.{ending[:10]})" if dot and ending.isalnum() else "no JSON"
