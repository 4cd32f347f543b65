"""What is said about what cannot be imported: which task, where in which file, why, and what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from apps.tasks.engine.formats import MAX_PAIRS
from apps.tasks.engine.grids import MAX_SIDE
from apps.tasks.engine.intake.positions import line_of

MAX_VALUE = 8 * 2**20
"""Characters of the longest piece of JSON that is looked into; the largest task is far shorter."""

FIX = "Fix the file or import without it."
TOO_BIG = (
    f"larger than any task: a task has at most {MAX_PAIRS} demonstrations and as many tests, in grids of at most "
    f"{MAX_SIDE} rows and columns. Split it into several tasks or import without it."
)
_PLACE = re.compile(r"(?P<part>train|test)\[(?P<pair>\d+)\]\.(?P<side>input|output): (?P<rest>.*)", re.DOTALL)
_PART = re.compile(r"(?P<part>train|test): (?P<rest>.*)", re.DOTALL)
_PAIR = re.compile(r"pair (\d+) ")
_ROW = re.compile(r"row (\d+)")
_LONGEST = 400


class Lines:
    """Finds the lines of problems: reading a task again costs time, so only of so many."""

    def __init__(self, most: int = 200) -> None:
        self._left = most

    def of(self, text: str, line: int, steps: Sequence[str | int]) -> int:
        """The line of the value at `steps` in a text that begins on `line`; that of the text beyond the first few."""
        self._left -= 1
        if self._left < 0 or "\n" not in text:
            return line
        return line + (line_of(text, steps) or 1) - 1


def sentence(words: str) -> str:
    """Ends in a full stop, and is no longer than anybody reads."""
    words = words.strip()
    words = words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"
    return words if words.endswith((".", "!", "?", "…")) else f"{words}."


def task_problem(
    raw_id: str, problem: str, *, line: int, parts: Mapping[str, tuple[str, int]], lines: Lines, several: bool
) -> str:
    """ "Task 00576224 line 3, demonstration 1, input: row 2 has 4 cells but row 1 has 3; ... Fix the file or ..."

    `parts` are the texts under `train` and `test` with their lines; `several` says that the file has more than one line.
    """
    problem = problem.removeprefix(f"task {raw_id}: ")
    where, rest = "", problem
    if found := _PLACE.fullmatch(problem):
        pair, rest = int(found["pair"]), found["rest"]
        where = f", {'demonstration' if found['part'] == 'train' else 'test'} {pair}, {found['side']}"
        steps: list[str | int] = [pair - 1, found["side"]]
        if row := _ROW.match(rest):
            steps.append(int(row[1]) - 1)
        text, line = parts.get(found["part"], ("", line))
        line = lines.of(text, line, steps)
    elif found := _PART.fullmatch(problem):
        text, line = parts.get(found["part"], ("", line))
        if pair_found := _PAIR.match(found["rest"]):
            line = lines.of(text, line, [int(pair_found[1]) - 1])
    at = f" line {line:,}" if several or line > 1 else ""
    return f"Task {raw_id}{at}{where}: {sentence(rest)} {FIX}"


def several(count: int, one: str, more: str = "") -> str:
    """A number of things: 1 task, 2,400 tasks."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def shown_id(raw_id: str) -> str:
    """An id for people, whatever is in it."""
    text = "".join(character if character.isprintable() else "�" for character in raw_id)
    return text if len(text) <= 120 else f"{text[:119]}…"
