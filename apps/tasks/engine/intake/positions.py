"""Where in a JSON text a value stands, so that a message about it can name the line."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

_SPACE = re.compile(r"[ \t\n\r]*")
_decoder = json.JSONDecoder()


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    """The line (from 1) on which the value at `path` begins, in a text known to be valid JSON; None if not there."""
    at: int | None = _skip(text, 0)
    for step in path:
        if at is None:
            return None
        at = _member(text, at, step) if isinstance(step, str) else _element(text, at, step)
    return None if at is None else text.count("\n", 0, at) + 1


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _end(text: str, at: int) -> int:
    """Past the value at `at` and the space behind it."""
    _, end = _decoder.raw_decode(text, at)
    return _skip(text, end)


def _member(text: str, at: int, name: str) -> int | None:
    if text[at] != "{":
        return None
    at = _skip(text, at + 1)
    found = None
    while text[at] == '"':
        key, end = _decoder.raw_decode(text, at)
        value = _skip(text, _skip(text, end) + 1)
        if key == name:
            found = value  # the last of equal keys is the one a parser keeps
        at = _end(text, value)
        if text[at] == "}":
            break
        at = _skip(text, at + 1)
    return found


def _element(text: str, at: int, index: int) -> int | None:
    if text[at] != "[":
        return None
    at = _skip(text, at + 1)
    while text[at] != "]":
        if index == 0:
            return at
        index -= 1
        at = _end(text, at)
        if text[at] == "]":
            break
        at = _skip(text, at + 1)
    return None
