"""An example as a person sees it: its turns, and which of them are learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.training.engine.faults import Unusable
from apps.training.engine.mapping import Mapped, mapped

_SHOWN = 4_000


@dataclass(frozen=True)
class Turn:
    """Who says what; what the assistant says is learnt."""

    role: str
    text: str
    learnt: bool
    cut: int = 0


@dataclass(frozen=True)
class Seen:
    """An example by its number, or why it is none."""

    number: int
    turns: Sequence[Turn]
    problem: str = ""
    group: str = ""


def turns_of(example: Mapping[str, Any]) -> list[Turn]:
    """The turns of a kept example."""
    if "messages" in example:
        said = [(one["role"], one["content"]) for one in example["messages"]]
    else:
        parts = (example["instruction"], example.get("input", ""))
        said = [("user", "\n\n".join(part for part in parts if part)), ("assistant", example["output"])]
    return [Turn(role, text[:_SHOWN], role == "assistant", max(0, len(text) - _SHOWN)) for role, text in said]


def seen(number: int, example: Mapping[str, Any]) -> Seen:
    """A kept example."""
    return Seen(number, turns_of(example), group=str(example.get("group", "")))


@dataclass(frozen=True)
class Preview:
    """What the model would see of a file's first rows if its columns meant this; `problem` is about the choice itself."""

    rows: Sequence[Seen]
    problem: str = ""
    field: str = ""


def preview(said: Mapping[str, Any], columns: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> Preview:
    """The first rows under a mapping that is being chosen."""
    try:
        chosen = mapped(said, columns)
    except Unusable as wrong:
        return Preview([], wrong.words, wrong.field)
    return Preview([_row(number, row, chosen) for number, row in enumerate(sample[:5], 1)])


def _row(number: int, row: Mapping[str, Any], chosen: Mapped) -> Seen:
    try:
        return Seen(number, turns_of(chosen.example(row)))
    except Unusable as wrong:
        return Seen(number, [], f"{wrong.field}: {wrong.words}" if wrong.field else wrong.words)
