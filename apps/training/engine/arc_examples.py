"""ARC tasks as examples to learn from: each demonstration in turn is the question, the others are shown.

Test outputs are never part of it; a task comes as its demonstrations alone. Turned, mirrored, recoloured and reordered
copies are chosen by the seed and the task's id alone, so that the same selection makes the same file anywhere.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

Cells = Sequence[Sequence[int]]
Pair = tuple[Cells, Cells]

ORIENTATIONS = 8
MAX_RECOLOURED = 100
MAX_ORDERS = 20
MAX_SHOWN = 9


@dataclass(frozen=True)
class Recipe:
    """How many copies of each question, and how grids are written."""

    writing: str = "digits"
    orientations: int = 1
    recolourings: int = 0
    orders: int = 1
    keep_black: bool = True
    shown: int = MAX_SHOWN
    max_characters: int = 20_000
    max_examples: int = 1_000_000
    seed: int = 0


@dataclass(frozen=True)
class Writing:
    """A way to write a grid."""

    title: str
    write: Callable[[Cells], str]
    words: str


def _digits(grid: Cells) -> str:
    return "\n".join("".join(map(str, row)) for row in grid)


def _spaced(grid: Cells) -> str:
    return "\n".join(" ".join(map(str, row)) for row in grid)


def _json(grid: Cells) -> str:
    return "[" + ",".join("[" + ",".join(map(str, row)) + "]" for row in grid) + "]"


def _sized(grid: Cells) -> str:
    return f"{len(grid)}x{len(grid[0])}\n{_digits(grid)}"


WRITINGS: Mapping[str, Writing] = {
    "digits": Writing("A digit a cell, a line a row", _digits, "one line for each row, one digit for each cell"),
    "spaced": Writing("Digits with spaces", _spaced, "one line for each row, digits parted by spaces"),
    "json": Writing("JSON lists", _json, "as a JSON list of rows"),
    "sized": Writing("Size, then digits", _sized, "its size as rows x columns, then one line for each row"),
}


def instruction(writing: str) -> str:
    """What is asked of whoever learns."""
    return (
        "Each digit is a colour. Find the rule that turns every input into its output and apply it to the last input. "
        f"Answer with the output grid only: {WRITINGS[writing].words}."
    )


def turned(grid: Cells, number: int) -> Cells:
    """One of the eight orientations: 0 is as it was, 1 to 3 quarter turns, from 4 on mirrored first."""
    rows: list[list[int]] = [list(row) for row in grid]
    if number >= 4:
        rows = [row[::-1] for row in rows]
    for _ in range(number % 4):
        rows = [list(row) for row in zip(*rows[::-1], strict=True)]
    return rows


def recoloured(grid: Cells, colours: Sequence[int]) -> Cells:
    """Each colour replaced by the one at its place."""
    return [[colours[cell] for cell in row] for row in grid]


def shown_pairs(pairs: Sequence[Pair], writing: str) -> str:
    """Demonstrations as text."""
    write = WRITINGS[writing].write
    return "\n\n".join(
        f"Example {number}\nInput:\n{write(given)}\nOutput:\n{write(made)}"
        for number, (given, made) in enumerate(pairs, 1)
    )


def examples(tasks: Iterable[tuple[str, Sequence[Pair]]], recipe: Recipe) -> Iterator[dict[str, Any]]:
    """The examples of tasks, each an id and its demonstrations."""
    return islice((one for task_id, pairs in tasks for one in _of_task(task_id, pairs, recipe)), recipe.max_examples)


def per_task(demonstrations: int, recipe: Recipe) -> int:
    """At most so many examples of a task: what is too long or the same again is left out."""
    if demonstrations < 2:
        return 0
    return demonstrations * recipe.orientations * (1 + recipe.recolourings) * recipe.orders


def _of_task(task_id: str, pairs: Sequence[Pair], recipe: Recipe) -> Iterator[dict[str, Any]]:
    chance = random.Random(f"{recipe.seed}:{task_id}")
    turns = [0, *sorted(chance.sample(range(1, ORIENTATIONS), recipe.orientations - 1))]
    colourings = [
        list(range(10)),
        *(_colours(chance, keep_black=recipe.keep_black) for _ in range(recipe.recolourings)),
    ]
    seen: set[tuple[str, str]] = set()
    for turn in turns:
        for colours in colourings:
            changed = [
                (recoloured(turned(given, turn), colours), recoloured(turned(made, turn), colours))
                for given, made in pairs
            ]
            for held in range(len(pairs) if len(pairs) > 1 else 0):
                for order in range(recipe.orders):
                    one = _example(task_id, changed, held, chance if order else None, recipe)
                    if one is not None and (key := (one["input"], one["output"])) not in seen:
                        seen.add(key)
                        yield one


def _colours(chance: random.Random, *, keep_black: bool) -> list[int]:
    if not keep_black:
        return chance.sample(range(10), 10)
    return [0, *chance.sample(range(1, 10), 9)]


def _example(
    task_id: str, pairs: Sequence[Pair], held: int, chance: random.Random | None, recipe: Recipe
) -> dict[str, Any] | None:
    others = [pair for number, pair in enumerate(pairs) if number != held]
    if chance is not None:
        chance.shuffle(others)
    write = WRITINGS[recipe.writing].write
    given, made = pairs[held]
    asked = f"{shown_pairs(others[: recipe.shown], recipe.writing)}\n\nInput:\n{write(given)}"
    answer = write(made)
    if len(asked) + len(answer) > recipe.max_characters:
        return None
    return {"instruction": instruction(recipe.writing), "input": asked, "output": answer, "group": task_id}


def program_examples(
    answers: Iterable[tuple[str, Sequence[Pair], str]], *, writing: str, max_characters: int
) -> Iterator[dict[str, Any]]:
    """Programs that solved their tasks: the demonstrations are the question, the program is the answer."""
    for task_id, pairs, program in answers:
        asked = shown_pairs(pairs, writing)
        if len(asked) + len(program) <= max_characters:
            yield {
                "instruction": "Each digit is a colour. Write the program that turns every input into its output.",
                "input": asked,
                "output": program,
                "group": task_id,
            }
