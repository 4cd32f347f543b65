"""Grids: checking what came from outside, symmetries, hashing, conversion. Pure functions; nothing is mutated."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.tasks.engine.puzzle import Grid

MAX_SIDE = 30
"""ARC's limit on rows and columns."""

COLOURS = 10
"""Cells hold 0..9."""


class InvalidGrid(ValueError):
    """A grid outside ARC's rules; the message names the field, the row and the remedy."""


def _check_side(count: int, noun: str, field: str) -> None:
    if not 1 <= count <= MAX_SIDE:
        raise InvalidGrid(f"{field}: {count} {noun}; a grid has 1 to {MAX_SIDE} {noun}.")


_KINDS = {str: "text", int: "a number", float: "a number", bool: "true or false", dict: "an object", type(None): "null"}


def kind_in_words(value: Any) -> str:
    """What a value is, in the words of JSON."""
    return _KINDS.get(type(value), "a list" if isinstance(value, list | tuple) else type(value).__name__)


def in_json(value: Any) -> str:
    """A value as a file spells it, the beginning of it when long."""
    if isinstance(value, float) and not math.isfinite(value):
        return "a number too large"
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _check_cell(value: Any, field: str, row: int, column: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InvalidGrid(
            f"{field}: row {row}, column {column} holds {in_json(value)}; use a whole number from 0 to {COLOURS - 1}."
        )
    if not 0 <= value < COLOURS:
        raise InvalidGrid(
            f"{field}: row {row}, column {column} holds {str(value)[:60]}; colours run from 0 to {COLOURS - 1}."
        )


def parse_grid(value: Any, field: str = "grid") -> Grid:
    """A read-only grid from a list of rows (or a 2-D integer array).

    Raises `InvalidGrid` whose message names `field`, the row and column (counted from 1) and what to do.
    """
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, list | tuple):
        raise InvalidGrid(
            f"{field}: expected a list of rows, got {kind_in_words(value)}; write it as [[0, 1], [2, 3]]."
        )
    _check_side(len(value), "rows", field)
    width = -1
    for row_number, row in enumerate(value, start=1):
        if not isinstance(row, list | tuple):
            raise InvalidGrid(
                f"{field}: row {row_number} is {kind_in_words(row)}; every row must be a list of colours."
            )
        if width < 0:
            width = len(row)
            _check_side(width, "columns", field)
        if len(row) != width:
            raise InvalidGrid(
                f"{field}: row {row_number} has {len(row)} {'cell' if len(row) == 1 else 'cells'} but row 1 has {width}; "
                "make all rows equally long."
            )
        if set(map(type, row)) == {int} and min(row) >= 0 and max(row) < COLOURS:
            continue  # nearly every row of nearly every file; the slow way finds the words for the others
        for column_number, cell in enumerate(row, start=1):
            _check_cell(cell, field, row_number, column_number)
    return freeze(np.array(value, dtype=np.int8))


def freeze(grid: NDArray[Any]) -> Grid:
    """A read-only, contiguous int8 copy."""
    copy = np.array(grid, dtype=np.int8, order="C")
    copy.setflags(write=False)
    return copy


def is_valid(grid: Any) -> bool:
    """Whether an array is a legal ARC grid."""
    return (
        isinstance(grid, np.ndarray)
        and grid.ndim == 2
        and 1 <= grid.shape[0] <= MAX_SIDE
        and 1 <= grid.shape[1] <= MAX_SIDE
        and np.issubdtype(grid.dtype, np.integer)
        and int(grid.min()) >= 0
        and int(grid.max()) < COLOURS
    )


def to_lists(grid: Grid) -> list[list[int]]:
    """Rows of plain integers, as in ARC's JSON."""
    rows: list[list[int]] = grid.tolist()
    return rows


def same(left: Grid | None, right: Grid | None) -> bool:
    """Exact equality including shape; nothing equals None."""
    return left is not None and right is not None and left.shape == right.shape and bool((left == right).all())


DIHEDRAL_NAMES = (
    "identity",
    "rotate_90",
    "rotate_180",
    "rotate_270",
    "mirror_left_right",
    "mirror_up_down",
    "transpose",
    "anti_transpose",
)
"""The eight symmetries of the square, in the order of `dihedral`'s index; rotations are anticlockwise."""

_INVERSES = (0, 3, 2, 1, 4, 5, 6, 7)


def dihedral(grid: Grid, index: int) -> Grid:
    """The grid under symmetry `index` (0..7, see `DIHEDRAL_NAMES`)."""
    if index < 4:
        result = np.rot90(grid, index)
    elif index == 4:
        result = grid[:, ::-1]
    elif index == 5:
        result = grid[::-1]
    elif index == 6:
        result = grid.T
    elif index == 7:
        result = np.rot90(grid, 2).T
    else:
        raise ValueError(f"No symmetry {index}; use 0 to 7.")
    return freeze(result)


def undo_dihedral(grid: Grid, index: int) -> Grid:
    """Invert `dihedral(grid, index)`."""
    return dihedral(grid, _INVERSES[index])


def recolour(grid: Grid, mapping: Sequence[int]) -> Grid:
    """Each cell replaced by `mapping[cell]` (ten entries)."""
    return freeze(np.asarray(mapping, dtype=np.int8)[grid])


def grid_hash(grid: Grid) -> str:
    """SHA-256 (hex) of shape and cells: equal grids, equal hash, on every machine."""
    header = f"{grid.shape[0]}x{grid.shape[1]}:".encode()
    return hashlib.sha256(header + np.ascontiguousarray(grid, dtype=np.int8).tobytes()).hexdigest()
