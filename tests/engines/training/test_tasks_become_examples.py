"""ARC tasks as examples: each demonstration left out in turn, in many guises, and never a test output."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apps.training.engine.arc_examples import (
    WRITINGS,
    Cells,
    Pair,
    Recipe,
    examples,
    per_task,
    program_examples,
    recoloured,
    turned,
)

PAIRS: list[Pair] = [([[1, 2], [3, 0]], [[5]]), ([[4, 4, 4]], [[6], [6]]), ([[7]], [[0, 8]])]


def made(**changes: Any) -> list[dict[str, Any]]:
    return list(examples([("arc1:a", PAIRS)], Recipe(**changes)))


def test_each_demonstration_is_the_question_once_and_never_among_what_is_shown() -> None:
    found = made()
    assert [one["output"] for one in found] == ["5", "6\n6", "08"]
    for one in found:
        assert one["input"].endswith({"5": "12\n30", "6\n6": "444", "08": "7"}[one["output"]])
        assert one["input"].count("Output:") == 2
        assert f"Output:\n{one['output']}" not in one["input"]
        assert one["group"] == "arc1:a"


def test_a_task_with_one_demonstration_has_nothing_to_leave_out() -> None:
    assert list(examples([("a", PAIRS[:1])], Recipe(orientations=8))) == []
    assert per_task(1, Recipe(orientations=8)) == 0


def test_the_eight_orientations_are_all_of_them_and_each_once() -> None:
    grid = [[1, 2, 3], [4, 5, 6]]
    seen = {json.dumps(turned(grid, number)) for number in range(8)}
    assert len(seen) == 8
    assert turned(grid, 0) == grid
    back: Cells = grid
    for _ in range(4):
        back = turned(back, 1)
    assert back == grid


def test_copies_are_turned_and_recoloured_alike_and_black_stays_black_if_asked() -> None:
    found = made(orientations=8, recolourings=3)
    assert len(found) == per_task(3, Recipe(orientations=8, recolourings=3)) - (len(PAIRS) * 32 - len(found))
    assert len({(one["input"], one["output"]) for one in found}) == len(found)
    assert all(
        one["output"].count("0") == 1
        for one in found
        if len(one["output"].replace("\n", "")) == 2 and "0" in one["output"]
    )
    free = made(recolourings=40, keep_black=False)
    assert any("0" in one["output"] and len(one["output"]) == 1 for one in free)
    assert recoloured([[0, 1]], [9, 8, *range(8)]) == [[9, 8]]


def test_the_seed_decides_and_nothing_else() -> None:
    wide: dict[str, Any] = {"orientations": 4, "recolourings": 2, "orders": 2}
    assert made(**wide, seed=3) == made(**wide, seed=3)
    assert made(**wide, seed=3) != made(**wide, seed=4)
    alone = made(**wide)
    beside = list(examples([("b", PAIRS), ("arc1:a", PAIRS)], Recipe(**wide)))
    assert [one for one in beside if one["group"] == "arc1:a"] == alone, "whichever tasks stand beside it"


@pytest.mark.parametrize("writing", WRITINGS)
def test_a_grid_is_written_as_the_instruction_says(writing: str) -> None:
    first = made(writing=writing)[0]
    answers = {"digits": "5", "spaced": "5", "json": "[[5]]", "sized": "1x1\n5"}
    assert first["output"] == answers[writing]
    assert WRITINGS[writing].words in first["instruction"]


def test_what_is_too_long_is_left_out_and_so_much_is_made_and_no_more() -> None:
    assert made(max_characters=10) == []
    assert len(made(orientations=8, max_examples=5)) == 5


def test_programs_that_solved_a_task_are_answers_to_its_demonstrations() -> None:
    answers = [("arc1:a", PAIRS, "flip(input)")]
    (one,) = program_examples(answers, writing="digits", max_characters=5_000)
    assert one["output"] == "flip(input)"
    assert one["input"].count("Output:") == 3
    assert list(program_examples(answers, writing="digits", max_characters=20)) == []
