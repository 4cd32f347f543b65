"""Pieces of JSON that have not been parsed yet, and what can be told of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.tasks.engine.intake.feed import BrokenJson, Feed, TooBig, parse
from apps.tasks.engine.intake.metadata import ID_KEYS, MAX_METADATA
from apps.tasks.engine.intake.words import MAX_VALUE

_MOST_LISTS = 200_000
_LONG = 4 * MAX_METADATA
"""Longer than metadata may be, however loosely it is written: it need not be parsed to be left out."""


@dataclass(frozen=True)
class Part:
    """A member of an object that has not been parsed: its text (None: longer than anything that is looked into)."""

    text: str | None
    line: int

    def value(self) -> Any:
        """Parsed; what holds more lists than any task is refused before it is built."""
        if self.text is None or self.text.count("[") + self.text.count("{") > _MOST_LISTS:
            raise TooBig(self.line)
        return parse(self.text, self.line)

    @property
    def size(self) -> int:
        """Characters."""
        return MAX_VALUE if self.text is None else len(self.text)


Parts = list[tuple[str, "Part | Plain"]]


@dataclass(frozen=True)
class Plain:
    """An object that is no task and holds none, so far as can be seen."""

    parts: Parts
    line: int

    @property
    def size(self) -> int:
        """Characters, about."""
        return sum(part.size + len(key) for key, part in self.parts)

    def value(self) -> dict[str, Any]:
        """Parsed."""
        found = {key: part.value() for key, part in self.parts}
        if len(found) < len(self.parts):
            raise BrokenJson("a key stands twice in one object", self.line)
        return found


def is_task(parts: Parts) -> bool:
    """Whether an object is a task, good or bad: a list stands under `train` or `test`."""
    return any(is_side(key, part) for key, part in parts)


def is_side(key: str, part: Part | Plain) -> bool:
    return key in ("train", "test") and isinstance(part, Part) and (part.text is None or part.text[:1] == "[")


def take(feed: Feed) -> Part:
    try:
        return Part(*feed.value(MAX_VALUE))
    except TooBig as error:
        return Part(None, error.line)


def kind(value: Any) -> str:
    """What a list under an id is: `grids` or a `grid` (solutions), `pairs`, `answers`, or `other`."""
    if not isinstance(value, list):
        return "other"
    first = next((one for one in value if one is not None), None)
    if isinstance(first, dict):
        if "input" in first:
            return "pairs"
        return "answers" if any(str(key).startswith("attempt_") for key in first) else "other"
    if isinstance(first, list) and first:
        return "grids" if isinstance(first[0], list) else "grid" if isinstance(first[0], int) else "other"
    return "other"


def holds_some(parts: Parts) -> bool:
    """Whether an object under a key is a collection of solutions, answers or lists of pairs."""
    first = next((part for _, part in parts if isinstance(part, Part) and (part.text or "")[:1] == "["), None)
    return first is not None and kind(first.value()) not in ("other", "grid")


def own_id(parts: Parts) -> str:
    """The id that stands in a task itself."""
    found = {key: part for key, part in parts if key in ID_KEYS and isinstance(part, Part)}
    for key in ID_KEYS:
        if key in found and (text := found[key].text) and text[0] in '"0123456789':
            value = found[key].value()
            if isinstance(value, str | int) and str(value):
                return str(value)
    return ""


def sides(parts: Parts) -> dict[str, Any]:
    """The lists under `train` and `test`, parsed; or why they are not."""
    found: dict[str, Any] = {}
    for key, part in parts:
        if key not in ("train", "test"):
            continue
        if key in found:
            raise BrokenJson(f"the key {key!r} stands twice in it, and nobody can say which is meant", part.line)
        found[key] = part.value()
    return found


def extras(parts: Parts) -> dict[str, Any]:
    """What else stands in a task, parsed; what is too long to be kept stays a `Part`."""
    found: dict[str, Any] = {}
    for key, part in parts:
        if key in ("train", "test"):
            continue
        if key in found:
            raise BrokenJson(f"the key {key[:80]!r} stands twice in it, and nobody can say which is meant", part.line)
        found[key] = part if part.size > _LONG else part.value()
    return found
