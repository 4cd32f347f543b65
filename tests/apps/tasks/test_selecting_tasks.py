"""Criteria: one description of "which tasks" for pages, programs and experiments."""

from __future__ import annotations

from typing import Any

import pytest
from django.template import Context, Template
from pydantic import ValidationError

from apps.core.errors import Invalid
from apps.core.models import User
from apps.tasks.criteria import TaskCriteria, criteria_from, tasks_matching
from apps.tasks.models import ArcTask, Difficulty, TaskSource
from apps.tasks.services import difficulty_set, family_assign, family_create
from apps.tasks.templatetags.grids import grid, grid_diff, grid_difference, grid_size
from tests.apps.tasks.conftest import A, B, C, put, puzzle, score


@pytest.fixture
def lab(curator: User) -> str:
    """Forty tasks and a family; the family's id."""
    put(*(puzzle(f"t{number:02}") for number in range(30)), dataset="one")
    put(*(puzzle(f"e{number}", (A, A)) for number in range(9)), dataset="one", source=TaskSource.EVALUATION)
    put(puzzle("big", (A, [[6] * 25])), dataset="two")
    family = family_create(family_name="F", by=curator)
    family_assign(task_ids=["one:t00", "two:big"], family_id=family.pk, by=curator)
    difficulty_set(task_ids=["one:t01", "one:e0"], difficulty=Difficulty.HARD, by=curator)
    score_first(curator)
    return str(family.pk)


def score_first(by: User) -> None:
    """One solved, one tried."""
    score(ArcTask.objects.get(pk="one:t00"), by)
    score(ArcTask.objects.get(pk="one:t01"), by, right=False, strategy="ttt")


def chosen(**criteria: Any) -> list[str]:
    """The ids a selection holds, and that it counts them right."""
    matching = tasks_matching(TaskCriteria(**criteria))
    found = list(matching.values_list("task_id", flat=True))
    assert matching.count() == len(found)
    return found


def test_an_empty_selection_is_everything_in_order(lab: str) -> None:
    found = chosen()
    assert len(found) == 40
    assert found == sorted(found)


def test_each_field_narrows(lab: str) -> None:
    assert chosen(task_ids=["two:big", "one:none", "one:t05"]) == ["one:t05", "two:big"]
    assert chosen(task_ids=[]) == []
    assert chosen(datasets=["two"]) == ["two:big"]
    assert len(chosen(sources=["evaluation"])) == 9
    assert chosen(difficulties=["hard"]) == ["one:e0", "one:t01"]
    assert chosen(difficulties=["hard"], sources=["training"]) == ["one:t01"]
    assert chosen(families=[lab]) == ["one:t00", "two:big"]
    assert chosen(search="BIG") == ["two:big"]
    assert chosen(search="%") == []
    assert len(chosen(max_side=3)) == 39
    assert chosen(min_side=20) == ["two:big"]
    assert len(chosen(same_size=True)) == 9
    assert len(chosen(max_colours=2)) == 9
    assert chosen(min_colours=3, datasets=["two"]) == ["two:big"]
    assert chosen(solved="ever") == ["one:t00"]
    assert len(chosen(solved="never")) == 39
    assert chosen(solved_by="program_synthesis") == ["one:t00"]
    assert chosen(solved_by="ttt") == []
    assert len(chosen(not_solved_by="program_synthesis")) == 39


def test_a_slice_is_of_the_ordered_whole(lab: str) -> None:
    assert chosen(offset=2, limit=3) == chosen()[2:5]
    assert chosen(offset=39) == ["two:big"]
    assert chosen(offset=99, limit=5) == []


def test_a_sample_is_drawn_by_its_seed_alone(lab: str) -> None:
    first = chosen(sample=10, seed=7)
    assert first == chosen(sample=10, seed=7)
    assert first == sorted(first)
    assert first != chosen(sample=10, seed=8)
    assert set(chosen(sample=5, datasets=["one"], sources=["evaluation"])) <= {f"one:e{n}" for n in range(9)}
    assert chosen(sample=999) == chosen()
    assert chosen(sample=10, seed=7, limit=4) == first[:4]


def test_a_selection_can_be_filtered_and_ordered_further(lab: str) -> None:
    for criteria in (TaskCriteria(limit=20, offset=1), TaskCriteria(sample=20, seed=1)):
        matching = tasks_matching(criteria)
        assert matching.filter(task_source="evaluation").order_by("-task_id").count() <= 20
        assert matching.count() == 20


def test_a_selection_survives_json(lab: str) -> None:
    criteria = TaskCriteria(datasets=["one"], sample=3, seed=5, solved="never")
    again = TaskCriteria.model_validate_json(criteria.model_dump_json())
    assert again == criteria
    assert set(chosen(**again.model_dump())) == set(chosen(**criteria.model_dump()))


@pytest.mark.parametrize(
    "values",
    [
        {"max_side": 0},
        {"max_side": 31},
        {"sources": ["x"]},
        {"sample": 0},
        {"limit": -1},
        {"seed": -1},
        {"surprise": 1},
        {"search": "a\x00"},
        {"task_ids": ["a\x00"]},
        {"solved": "maybe"},
    ],
)
def test_what_cannot_be_used_is_named(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TaskCriteria(**values)
    with pytest.raises(Invalid) as caught:
        criteria_from(values)
    assert caught.value.field == next(iter(values))


def test_grids_are_drawn_as_one_path_a_colour() -> None:
    draw = Template(
        "{% load grids %}{% grid cells digits=True label=label %}|{% grid_diff a b %}|{{ cells|grid_size }}"
    )
    out = draw.render(Context({"cells": C, "label": '"<b>', "a": A, "b": [[1, 0], [0, 2]]}))
    picture, difference, size = out.split("|")
    assert picture.count('<path fill="#') == 2
    assert "&quot;&lt;b&gt;" in picture
    assert picture.count("<text") == 2
    assert 'aria-label="1 of 4 cells differ"' in difference
    assert size == "2 × 1"


@pytest.mark.parametrize(
    ("predicted", "truth", "words"),
    [
        (A, A, "Exactly the truth"),
        (A, [[1, 0], [0, 2]], "1 of 4 cells differ"),
        (A, B, "2 by 2, the truth is 1 by 3"),
        (B, [[2, 2, 2], [2, 2, 2]], "1 by 3, the truth is 2 by 3"),
    ],
)
def test_a_difference_is_said_in_words(predicted: Any, truth: Any, words: str) -> None:
    assert grid_difference(predicted, truth) == words
    assert f'aria-label="{words}"' in grid_diff(predicted, truth)


@pytest.mark.parametrize("nothing", [None, "", [], [[]], "abc", 5, [[1], [2, 3]], [["x"]], [[11]], {"a": 1}])
def test_what_is_no_grid_draws_nothing(nothing: Any) -> None:
    assert grid(nothing) == grid_diff(nothing, A) == grid_diff(A, nothing) == grid_size(nothing) == ""
