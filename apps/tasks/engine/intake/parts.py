"""Pieces of JSON that have not been parsed yet, and what can be told of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from apps.tasks.engine import names
from apps.tasks.engine.intake.feed import BrokenJson, Feed, TooBig, parse
from apps.tasks.engine.intake.metadata import ID_KEYS, MAX_METADATA
from apps.tasks.engine.intake.words import MAX_VALUE
from apps.tasks.engine.splits import split_in

_MOST_LISTS = 200_000
SPLIT_KEYS = ("split", "task_source", "subset")
"""Where a task says its own split."""

GENERIC = frozenset(
    [
        "task",
        "data",
        "puzzle",
        "content",
        "json",
        "arc_task",
        "output",
        "outputs",
        "solution",
        "solutions",
        "test_output",
        "test_outputs",
    ]
)
"""Keys under which a task, or its solution, stands that has its id beside it."""

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
    """Whether it is one of the two lists of a task; a list of tasks under such a key is a split."""
    if key not in ("train", "test") or not isinstance(part, Part):
        return False
    return part.text is None or (part.text[:1] == "[" and not _holds_tasks(part.text, part))


def _holds_tasks(text: str, part: Part) -> bool:
    if '"train"' not in text and '"test"' not in text:
        return False
    with suppress(BrokenJson, TooBig):
        return kind(part.value()) == "tasks"
    return False


def take(feed: Feed) -> Part:
    try:
        return Part(*feed.value(MAX_VALUE))
    except TooBig as error:
        return Part(None, error.line)


def kind(value: Any) -> str:
    """What a list under an id is: `tasks`, `pairs`, `answers`, `grids`, a `grid` or `outputs` (solutions), or `other`."""
    if not isinstance(value, list):
        return "other"
    first = next((one for one in value if one is not None), None)
    if isinstance(first, dict):
        if isinstance(first.get("train"), list) or isinstance(first.get("test"), list):
            return "tasks"
        if "input" in first:
            return "pairs"
        if "output" in first:
            return "outputs"
        return "answers" if any(str(key).startswith("attempt_") for key in first) else "other"
    if isinstance(first, list) and first:
        if isinstance(first[0], list):
            return "other" if first[0] and isinstance(first[0][0], list) else "grids"
        return "grid" if isinstance(first[0], int) else "other"
    return "other"


def outputs(value: list[Any], kind_of_it: str) -> list[Any]:
    """The outputs in a list that is a solution."""
    if kind_of_it == "grid":
        return [value]
    if kind_of_it == "outputs":
        return [one.get("output") if isinstance(one, dict) else one for one in value]
    return value


def numbered_outputs(parts: Parts) -> list[Any] | None:
    """The outputs of an object that holds nothing but them, by the number of their test or under `output`; else None."""
    keys = [key for key, _ in parts]
    if keys != ["output"] and not (keys and all(key.isascii() and key.isdigit() and len(key) < 4 for key in keys)):
        return None
    if not all(isinstance(part, Part) and (part.text or "")[:1] == "[" for _, part in parts):
        return None
    found = [(int(key) if key != "output" else 0, part.value()) for key, part in parts]
    if keys == ["output"] and kind(found[0][1]) == "grids":
        return list(found[0][1])
    if any(kind(value) != "grid" for _, value in found):
        return None
    return [value for _, value in sorted(found, key=lambda one: one[0])]


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


def own_split(parts: Parts) -> tuple[str, ...]:
    """What a task itself says of its split, as a key that it could stand under; nothing where it says nothing."""
    for key, part in parts:
        if key in SPLIT_KEYS and isinstance(part, Part) and (part.text or "")[:1] == '"':
            with suppress(BrokenJson):
                if split_in(value := str(part.value())):
                    return (value,)
    return ()


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


def manifest_folders(value: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """What an export of ours says of its folders: the dataset and version of each."""
    found = {}
    for one in value["folders"] if isinstance(value.get("folders"), list) else []:
        said = (
            [str(one.get(key, "")) for key in ("folder", "dataset", "version")] if isinstance(one, dict) else [""] * 3
        )
        if names.DATASET.fullmatch(said[1]):
            found[said[0]] = (said[1], said[2][:64])
    return found


def task_of_pairs(pairs: list[Any]) -> dict[str, list[Any]]:
    """A list of pairs as a task: what has no output is a test, or else the last pair is."""
    tests = [pair for pair in pairs if isinstance(pair, dict) and pair.get("output") is None] or pairs[-1:]
    train = [pair for pair in pairs if not any(pair is test for test in tests)]
    if not train:
        raise ValueError("a list of one pair; a task needs a demonstration and a test")
    return {"train": train, "test": tests}
