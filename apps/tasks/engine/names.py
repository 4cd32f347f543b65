"""What a task may be called: any writing, in Unicode's composed form, as long as an address and a file can bear it."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection

DATASET = re.compile(r"[a-z0-9][a-z0-9_.-]{0,31}")
MAX_CHARACTERS = 200
MAX_BYTES = 250
"""In UTF-8: with `.json` behind it a file system takes 255."""

_FORBIDDEN = frozenset('/\\:*?"<>|#%')
"""What ends or changes an address, or what some file system refuses."""

_INVISIBLE = ("C", "Zl", "Zp")
"""Categories of Unicode without a shape: control, format, surrogates, private, unassigned, line and paragraph ends."""

_AWKWARD_START = ".- "
_AWKWARD_END = ". "
RULE = (
    f"take 1 to {MAX_CHARACTERS} characters (at most {MAX_BYTES} bytes), any letters, digits, spaces and signs but "
    '/ \\ : * ? " < > | # %, beginning with neither dot, dash nor space and ending with neither dot nor space'
)


def composed(name: str) -> str:
    """The name in Unicode's composed form (NFC), so that equal looks are equal names."""
    return unicodedata.normalize("NFC", name)


def _usable(character: str) -> bool:
    if character in _FORBIDDEN:
        return False
    category = unicodedata.category(character)
    return not category.startswith(_INVISIBLE) and (category != "Zs" or character == " ")


def is_name(name: str) -> bool:
    """Whether a name can stand as it is."""
    return not name_problem(name)


def name_problem(name: str) -> str:
    """Why a name cannot stand as it is; nothing when it can."""
    if not name:
        return "it is empty"
    if bad := next((character for character in name if not _usable(character)), ""):
        return f"it holds {bad!r}" if bad.isprintable() else f"it holds the sign U+{ord(bad):04X}, which has no shape"
    if name[0] in _AWKWARD_START or name[-1] in _AWKWARD_END:
        return "it begins with a dot, a dash or a space, or ends with a dot or a space"
    if name != composed(name):
        return "it is not in Unicode's composed form (NFC)"
    if len(name) > MAX_CHARACTERS or len(name.encode()) > MAX_BYTES:
        return f"it is {len(name)} characters long ({len(name.encode())} bytes)"
    return ""


def proposal(name: str, taken: Collection[str] = ()) -> str:
    """A name that can stand in place of one that cannot; never one of `taken`.

    A name too long keeps its beginning and gets a mark of the whole, so that two long names stay two.
    """
    kept = "".join(character if _usable(character) else "-" for character in composed(name))
    kept = re.sub(r"-{2,}", "-", kept).lstrip(_AWKWARD_START).rstrip(_AWKWARD_END + "-") or "task"
    if len(kept) > MAX_CHARACTERS or len(kept.encode()) > MAX_BYTES:
        mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:10]
        kept = f"{_cut(kept, MAX_BYTES - 40)}-{mark}"
    return unused(kept, taken)


def unused(name: str, taken: Collection[str]) -> str:
    """The name itself, or with the first number behind it that nobody has."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{_cut(name, MAX_BYTES - 12)}-{number}"
    return found


def _cut(name: str, size: int) -> str:
    """The beginning of a name, at most `size` bytes and `MAX_CHARACTERS - 40` characters."""
    return name[: MAX_CHARACTERS - 40].encode()[:size].decode(errors="ignore").rstrip(_AWKWARD_END + "-")
