"""The one gate for text and JSON from outside: pages, API, admin, sockets, cookies and tokens ask here.

What passes can be stored by either database, drawn by every page and read back by every door. No Django here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

MAX_DEPTH = 64
MAX_DIGITS = 100
_SHOWN_PARTS = 6


class UnreadableText(ValueError):
    """It is not JSON at all."""


class UnusableText(ValueError):
    """It can be read and not be used; `field` says where it stands."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


def objection_to(text: str) -> str | None:
    """What is wrong with a piece of text; nothing when it can be used."""
    if "\x00" in text:
        return "Text may not hold NUL; remove it."
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "Text may not hold half of a surrogate pair; send whole characters."
    return None


def is_usable(text: str) -> bool:
    """Whether there is nothing wrong with it."""
    return objection_to(text) is None


def read_json(raw: str | bytes, *, on_twice: Callable[[str], None] | None = None) -> Any:
    """JSON as RFC 8259 has it, of values that every part of the house can hold.

    `UnreadableText` for what is no JSON (or holds a key twice), `UnusableText` with the field for numbers that are
    not finite or longer than 100 digits, more than 64 levels, NUL, and half surrogates. `on_twice` is told of a key
    that stands twice, for whoever judges that itself; the last value counts then.
    """
    try:
        text = raw.decode() if isinstance(raw, bytes) else raw
        if _depth(text) > MAX_DEPTH:
            raise UnreadableText(f"it is nested more than {MAX_DEPTH} levels deep")
        numbers: dict[str, Any] = {"parse_int": _whole, "parse_float": _fraction} if _LONG_NUMBER.search(text) else {}
        value = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_once(on_twice), **numbers)
    except UnreadableText:
        raise
    except ValueError as error:
        raise UnreadableText(str(error)) from None
    # Only an escape brings in what the rules of UTF-8 and JSON themselves keep out, or text that came undecoded.
    if numbers or _ODD_ESCAPE.search(text) or not (isinstance(raw, bytes) or is_usable(text)):
        check_values(value)
    return value


def check_values(value: Any, where: str = "") -> None:
    """`UnusableText`, naming its place, for the first value of a JSON structure that cannot be used."""
    for item, path in _walk(value, (where,) if where else ()):
        problem = _problem_with(item, path)
        if problem:
            raise UnusableText(problem, _place(path))


def _problem_with(item: Any, path: tuple[str, ...]) -> str | None:
    if isinstance(item, str):
        return objection_to(item)
    if isinstance(item, float) and not math.isfinite(item):
        return f"A number must be finite and have at most {MAX_DIGITS} digits."
    if len(path) > MAX_DEPTH:
        return f"Values may be nested {MAX_DEPTH} levels deep, not deeper."
    return None


def _walk(value: Any, path: tuple[str, ...]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Every value with its path, keys too. Without recursion: depth is the sender's choice."""
    waiting = [(value, path)]
    while waiting:
        item, place = waiting.pop()
        yield item, place
        if len(place) > MAX_DEPTH:
            continue
        if isinstance(item, dict):
            for key, child in item.items():
                yield key, place
                waiting.append((child, (*place, str(key))))
        elif isinstance(item, list):
            waiting.extend((child, (*place, str(number))) for number, child in enumerate(item))


def _depth(text: str) -> int:
    """How deep the brackets go, strings left out; told before parsing, which would recurse."""
    return max(accumulate(map(_STEPS.__getitem__, _NO_BRACKETS.sub("", text))), default=0)


def _place(path: tuple[str, ...]) -> str:
    """Where it stands, in words that can be stored and shown themselves."""
    shown = ".".join(path[:_SHOWN_PARTS]) + (" …" if len(path) > _SHOWN_PARTS else "")
    return shown.replace("\x00", "").encode("utf-8", "replace").decode()[:200]


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _once(on_twice: Callable[[str], None] | None) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _value in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            (on_twice or _refuse_twice)(twice)
        return found

    return made


def _refuse_twice(key: str) -> None:
    raise ValueError(twice_in_words(key))


def twice_in_words(key: str) -> str:
    """Why a key that stands twice is refused."""
    return f"the key {key[:100]!r} occurs twice in one object; keep one"


def _whole(digits: str) -> int | float:
    return _TOO_LONG if len(digits) > MAX_DIGITS else int(digits)


def _fraction(digits: str) -> float:
    return _TOO_LONG if len(digits) > MAX_DIGITS else float(digits)


_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}
_NO_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"?|[^\[\]{}"]+', re.DOTALL)
_LONG_NUMBER = re.compile(rf"[0-9.]{{{MAX_DIGITS}}}|[0-9][eE]\+?[0-9]{{3}}")
"""What text with a number of too many digits, or too large for a float, holds; a hook for every number is slow."""

_ODD_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_TOO_LONG = math.inf
"""Stands for a number that was not read because of its length."""
