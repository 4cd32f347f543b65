"""What demonstrations and test inputs show at a glance: yes-or-no features, computed without any test output."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from apps.tasks.engine.puzzle import Grid, Puzzle

Pair = tuple[Grid, Grid]


def _colours(grid: Grid) -> set[int]:
    return set(np.unique(grid).tolist())


def _counts(grid: Grid) -> NDArray[np.int64]:
    return np.bincount(grid.ravel(), minlength=10)


def _ruled(grid: Grid) -> bool:
    rows = (grid == grid[:, :1]).all(axis=1) & (grid[:, 0] != 0)
    columns = (grid == grid[:1]).all(axis=0) & (grid[0] != 0)
    return bool((rows.any() or columns.any()) and not (rows.all() or columns.all()))


def _symmetric(grid: Grid, axis: int) -> bool:
    return bool((grid == np.flip(grid, axis)).all())


def _isolated_share(grid: Grid) -> float:
    """Share of nonzero cells without an equal neighbour above, below, left or right."""
    padded = np.full((grid.shape[0] + 2, grid.shape[1] + 2), -1, np.int8)
    padded[1:-1, 1:-1] = grid
    alone = np.ones(grid.shape, bool)
    for dy, dx in ((0, 1), (2, 1), (1, 0), (1, 2)):
        alone &= padded[dy : dy + grid.shape[0], dx : dx + grid.shape[1]] != grid
    filled = grid != 0
    return float((alone & filled).sum() / max(1, filled.sum()))


def _inside(small: Grid, large: Grid) -> bool:
    """Whether `small` occurs in `large`."""
    if small.shape[0] > large.shape[0] or small.shape[1] > large.shape[1]:
        return False
    windows = np.lib.stride_tricks.sliding_window_view(large, small.shape)
    return bool((windows == small).all(axis=(2, 3)).any())


def _lines_kept(given: Grid, wanted: Grid, axis: int) -> bool:
    """Whether every row (axis 1) or column (axis 0) keeps its multiset of colours."""
    return given.shape == wanted.shape and bool((np.sort(given, axis=axis) == np.sort(wanted, axis=axis)).all())


def _changed(given: Grid, wanted: Grid) -> NDArray[np.bool_] | None:
    return given != wanted if given.shape == wanted.shape else None


def _only_additions(a: Grid, b: Grid) -> bool:
    return a.shape == b.shape and not bool((a[a != b] != 0).any())


def _only_deletions(a: Grid, b: Grid) -> bool:
    return a.shape == b.shape and not bool((b[a != b] != 0).any())


def _changed_share(a: Grid, b: Grid) -> float:
    changed = _changed(a, b)
    return 1.0 if changed is None else float(changed.mean())


PAIR_FEATURES: dict[str, Callable[[Grid, Grid], bool]] = {
    "same_size": lambda a, b: a.shape == b.shape,
    "same_height": lambda a, b: a.shape[0] == b.shape[0],
    "same_width": lambda a, b: a.shape[1] == b.shape[1],
    "smaller": lambda a, b: b.size < a.size,
    "larger": lambda a, b: b.size > a.size,
    "multiple": lambda a, b: b.size > a.size and b.shape[0] % a.shape[0] == 0 and b.shape[1] % a.shape[1] == 0,
    "fraction": lambda a, b: b.size < a.size and a.shape[0] % b.shape[0] == 0 and a.shape[1] % b.shape[1] == 0,
    "one_cell_out": lambda _, b: b.size == 1,
    "line_out": lambda _, b: min(b.shape) == 1 and b.size > 1,
    "square_in": lambda a, _: a.shape[0] == a.shape[1],
    "square_out": lambda _, b: b.shape[0] == b.shape[1],
    "new_colours": lambda a, b: bool(_colours(b) - _colours(a)),
    "lost_colours": lambda a, b: bool(_colours(a) - _colours(b)),
    "same_counts": lambda a, b: bool((_counts(a) == _counts(b)).all()),
    "same_nonzero_counts": lambda a, b: bool((_counts(a)[1:] == _counts(b)[1:]).all()),
    "one_colour_in": lambda a, _: len(_colours(a) - {0}) == 1,
    "two_colours_in": lambda a, _: len(_colours(a) - {0}) == 2,
    "many_colours_in": lambda a, _: len(_colours(a) - {0}) > 4,
    "one_colour_out": lambda _, b: len(_colours(b) - {0}) == 1,
    "two_colours_out": lambda _, b: len(_colours(b) - {0}) == 2,
    "no_zero_in": lambda a, _: not (a == 0).any(),
    "no_zero_out": lambda _, b: not (b == 0).any(),
    "mostly_zero_in": lambda a, _: bool((a == 0).mean() > 0.7),
    "part_of_input": lambda a, b: b.size < a.size and _inside(b, a),
    "holds_input": lambda a, b: b.size > a.size and _inside(a, b),
    "only_additions": _only_additions,
    "only_deletions": _only_deletions,
    "few_changes": lambda a, b: _changed_share(a, b) < 0.1,
    "many_changes": lambda a, b: a.shape == b.shape and _changed_share(a, b) > 0.4,
    "mirror_out_across": lambda _, b: _symmetric(b, 1),
    "mirror_out_down": lambda _, b: _symmetric(b, 0),
    "transpose_out": lambda _, b: b.shape[0] == b.shape[1] and bool((b == b.T).all()),
    "mirror_in_across": lambda a, _: _symmetric(a, 1),
    "mirror_in_down": lambda a, _: _symmetric(a, 0),
    "ruled_in": lambda a, _: _ruled(a),
    "ruled_out": lambda _, b: _ruled(b),
    "scattered_in": lambda a, _: _isolated_share(a) > 0.5,
    "compact_in": lambda a, _: _isolated_share(a) < 0.05,
    "columns_kept": lambda a, b: _lines_kept(a, b, 0),
    "rows_kept": lambda a, b: _lines_kept(a, b, 1),
}
"""Features of one demonstration; a task has one if all its demonstrations do."""

TASK_FEATURES = ("constant_out_size", "constant_in_size", "large_grids", "small_grids", "several_tests")
"""Features of the whole task."""

FEATURE_NAMES = (*PAIR_FEATURES, *TASK_FEATURES)


def describe_pairs(train: tuple[Pair, ...], test_inputs: tuple[Grid, ...]) -> NDArray[np.int8]:
    """One 0 or 1 for each of `FEATURE_NAMES`."""
    values = [all(test(given, wanted) for given, wanted in train) for test in PAIR_FEATURES.values()]
    inputs = [given for given, _ in train] + list(test_inputs)
    values += [
        len({wanted.shape for _, wanted in train}) == 1,
        len({given.shape for given in inputs}) == 1,
        any(given.size > 300 for given in inputs),
        all(given.size <= 36 for given in inputs),
        len(test_inputs) > 1,
    ]
    return np.array(values, np.int8)


def describe(puzzle: Puzzle) -> NDArray[np.int8]:
    """The features of a puzzle, in the order of `FEATURE_NAMES`."""
    return describe_pairs(puzzle.train, puzzle.test_inputs)
