"""Grids as people type them: rows of digits. Input and output apart by an arrow, pairs by a blank line.

0 1        the spaces are optional
1 0
->
10
01
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from apps.core.words import plural
from apps.tasks.engine.grids import COLOURS, MAX_SIDE

ARROW = "->"
_ARROWS = ("->", "=>", "→")
_MOST_LINES = 10_000


def pairs_text(pairs: Sequence[dict[str, Any]]) -> str:
    """Pairs as text; a withheld output is left out."""
    parts = []
    for pair in pairs:
        lines = [*_grid_lines(pair["input"]), ARROW]
        if pair.get("output") is not None:
            lines += _grid_lines(pair["output"])
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _grid_lines(cells: Sequence[Sequence[int]]) -> list[str]:
    return ["".join(str(value) for value in row) for row in cells]


def parse_pairs(text: str, *, outputs_needed: bool) -> list[dict[str, Any]]:
    """The pairs a text holds; `ValueError` names the line and what to do."""
    lines = text.splitlines()
    if len(lines) > _MOST_LINES:
        raise ValueError(f"More than {_MOST_LINES:,} lines; that is no task.")
    pairs = []
    block: list[tuple[int, str]] = []
    for number, line in enumerate([*lines, ""], start=1):
        cells = "".join(line.split())
        if cells:
            block.append((number, cells))
        elif block:
            pairs.append(_pair(block, outputs_needed=outputs_needed))
            block = []
    if not pairs:
        raise ValueError(f"There is no pair: write an input, a line {ARROW}, an output.")
    return pairs


def _pair(block: list[tuple[int, str]], *, outputs_needed: bool) -> dict[str, Any]:
    arrows = [index for index, (_, cells) in enumerate(block) if cells in _ARROWS]
    first = block[0][0]
    if len(arrows) != 1:
        found = "no" if not arrows else str(len(arrows))
        raise ValueError(f"Line {first}: the pair that begins here has {found} lines {ARROW}; it needs one.")
    source, target = block[: arrows[0]], block[arrows[0] + 1 :]
    if not source:
        raise ValueError(f"Line {first}: there is no input above the {ARROW}.")
    if not target and outputs_needed:
        raise ValueError(
            f"Line {block[arrows[0]][0]}: there is no output below the {ARROW}; a demonstration needs one."
        )
    return {"input": _grid(source), "output": _grid(target) if target else None}


def _grid(lines: list[tuple[int, str]]) -> list[list[int]]:
    width = len(lines[0][1])
    if len(lines) > MAX_SIDE:
        raise ValueError(f"Line {lines[MAX_SIDE][0]}: this grid has {len(lines)} rows; the most is {MAX_SIDE}.")
    for number, cells in lines:
        for column, value in enumerate(cells, start=1):
            if value not in "0123456789"[:COLOURS]:
                raise ValueError(
                    f"Line {number}, column {column}: {value!r} is no colour; use digits 0 to {COLOURS - 1}."
                )
        if len(cells) != width:
            raise ValueError(
                f"Line {number}: this row has {plural(len(cells), 'cell')}, the first of its grid has {width}."
            )
        if width > MAX_SIDE:
            raise ValueError(f"Line {number}: this row has {width} cells; the most is {MAX_SIDE}.")
    return [[int(value) for value in cells] for _, cells in lines]


class PairsField(forms.CharField):
    """Pairs of grids, typed."""

    def __init__(self, *, label: str, outputs_needed: bool) -> None:
        self.outputs_needed = outputs_needed
        super().__init__(
            label=f"{label}, as text",
            strip=False,
            help_text=f"Rows of digits; input and output apart by a line {ARROW}, pairs by an empty line."
            + ("" if outputs_needed else f" Nothing after {ARROW}: the output is unknown."),
            widget=forms.Textarea(attrs={"rows": 16, "cols": 40, "spellcheck": "false", "class": "arc-rows"}),
        )

    def clean(self, value: Any) -> Any:
        """Parsed pairs."""
        text = super().clean(value)
        try:
            return parse_pairs(text, outputs_needed=self.outputs_needed)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
