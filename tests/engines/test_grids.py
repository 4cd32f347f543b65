"""Grids and task files: what is accepted, what is refused and how it is said."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from apps.tasks.engine import features, formats, grids

legal = hnp.arrays(np.int8, st.tuples(st.integers(1, 30), st.integers(1, 30)), elements=st.integers(0, 9))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("text", "expected a list of rows"),
        ([], "0 rows"),
        ([[]], "0 columns"),
        ([[0] * 31], "31 columns"),
        ([[0]] * 31, "31 rows"),
        ([[0, 1], [2]], "row 2 has 1 cell but row 1 has 2"),
        ([[0, 10]], "row 1, column 2 holds 10"),
        ([[0], [-1]], "row 2, column 1 holds -1"),
        ([[True]], "whole number"),
        ([[0.5]], "whole number"),
        ([[0], "1"], "row 2 is text"),
    ],
)
def test_a_bad_grid_is_refused_with_its_place(value: object, said: str) -> None:
    with pytest.raises(grids.InvalidGrid, match=r"test\[1\]\.input") as caught:
        grids.parse_grid(value, "test[1].input")
    assert said in str(caught.value)


@given(legal)
def test_a_grid_survives_the_way_to_json_and_back(grid: np.ndarray) -> None:
    parsed = grids.parse_grid(grids.to_lists(grid))
    assert grids.same(parsed, grid)
    assert not parsed.flags.writeable
    assert grids.grid_hash(parsed) == grids.grid_hash(grid)


@given(legal, st.integers(0, 7))
def test_every_symmetry_can_be_undone(grid: np.ndarray, index: int) -> None:
    before = grid.copy()
    assert grids.same(grids.undo_dihedral(grids.dihedral(grid, index), index), grid)
    assert grids.same(grid, before)


def test_the_eight_symmetries_differ() -> None:
    grid = np.arange(6, dtype=np.int8).reshape(2, 3)
    assert len({grids.grid_hash(grids.dihedral(grid, index)) for index in range(8)}) == 8


def test_content_hash_ignores_order_id_and_extra_keys() -> None:
    pairs = [{"input": [[k]], "output": [[k, k]]} for k in range(3)]
    one = formats.parse_task({"train": pairs, "test": pairs[:1], "name": "x"}, "a")
    other = formats.parse_task({"test": pairs[:1], "train": pairs[::-1]}, "b")
    different = formats.parse_task({"test": pairs[1:2], "train": pairs}, "c")
    assert formats.content_hash(one) == formats.content_hash(other) != formats.content_hash(different)


def test_a_puzzle_holds_no_test_output() -> None:
    task = formats.load_canonical("arc1/training")[0]
    puzzle = task.puzzle()
    assert len(puzzle.test_inputs) == len(task.tests)
    assert set(vars(puzzle)) == {"key", "train", "test_inputs"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "line 1"),
        ("[]", "expected an object"),
        ('{"train": []}', "'test' is missing"),
        ('{"train": [], "test": [1]}', "at least one pair"),
    ],
)
def test_a_bad_task_file_is_refused(text: str, said: str) -> None:
    with pytest.raises(formats.InvalidTask) as caught:
        formats.parse_task_text(text, "t")
    assert said in str(caught.value)


def test_the_canonical_sets_are_complete_and_round_trip() -> None:
    sizes = {name: len(formats.load_canonical(name)) for name in formats.CANONICAL_SETS}
    assert sizes == {"arc1/training": 400, "arc1/evaluation": 400, "arc2/training": 1000, "arc2/evaluation": 120}
    task = formats.load_canonical("arc1/training")[7]
    again = formats.parse_task_text(json.dumps(formats.task_to_json(task)), task.raw_id)
    assert formats.content_hash(again) == formats.content_hash(task)


def test_the_clean_set_shares_nothing_with_the_first_two() -> None:
    assert len(formats.load_clean_arc2()) == 233


def test_features_are_one_bit_each_and_leave_the_grids_alone() -> None:
    puzzle = formats.load_canonical("arc1/training")[3].puzzle()
    before = [given.copy() for given, _ in puzzle.train]
    values = features.describe(puzzle)
    assert values.shape == (len(features.FEATURE_NAMES),)
    assert set(values.tolist()) <= {0, 1}
    assert all(grids.same(a, b) for a, (b, _) in zip(before, puzzle.train, strict=True))
