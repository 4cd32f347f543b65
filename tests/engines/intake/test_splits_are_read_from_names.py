"""The split of a task stands in its folder, its key or its file's name; what says nothing says nothing."""

from __future__ import annotations

from typing import Any

import pytest

from apps.tasks.engine.splits import split_in, split_of
from tests.engines.intake.files import G, H, K, blind, good, read, said, task, zipped


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("training", "training"),
        ("train", "training"),
        ("arc-agi_training_challenges.json", "training"),
        ("ARC_Evaluation.json", "evaluation"),
        ("eval", "evaluation"),
        ("public_eval", "evaluation"),
        ("validation", "evaluation"),
        ("arc-agi_test_challenges.json", "test"),
        ("TestSet", "test"),
        ("public", "evaluation"),
        ("semi_private", "test"),
        ("train_and_eval", None),
        ("data", None),
        ("tasks", None),
        ("latest", None),
        ("greatest hits", None),
        ("contraining", None),
        ("", None),
        ("conceptarc_eval_final", "evaluation"),
        ("test_the_importer_0", None),
        ("test of mine", None),
        ("my public things", None),
    ],
)
def test_a_name_speaks_of_one_split_or_of_none(name: str, split: str | None) -> None:
    assert split_in(name) == split


def test_the_nearest_place_that_speaks_counts() -> None:
    assert split_of(["x", "eval", "training"]) == "evaluation"
    assert split_of(["x", "train_eval", "test"]) == "test"
    assert split_of([]) is None


@pytest.mark.parametrize("root", ["ARC-AGI-master/data", "ARC-AGI-2-main/data", "x", ""])
def test_folders_of_the_official_repositories_are_splits(root: str) -> None:
    files = {f"{root}/training/007.json": task(), f"{root}/evaluation/00d.json": task(H, G), f"{root}/README.md": "x"}
    expected = {"007": "training", "00d": "evaluation"}
    assert good(read({"repo.zip": zipped(files)})) == expected
    assert good(read(files)) == expected


def test_keys_of_one_file_are_splits() -> None:
    for first, second in (("train", "eval"), ("training", "evaluation"), ("training", "test")):
        shelf = read({"arc.json": {first: {"a": task()}, second: {"b": task(H, G)}}})
        assert list(good(shelf).values()) == [split_in(first), split_in(second)]
    assert good(read({"arc.json": {"arc1": {"training": {"a": task()}, "evaluation": {"b": task(H, G)}}}})) == {
        "a": "training",
        "b": "evaluation",
    }


def test_file_names_of_collections_are_splits_and_those_of_single_tasks_are_ids() -> None:
    files = {
        "evaluation.json": {"a": task()},
        "my_training.jsonl": '{"id": "b", "train": [{"input": [[1]], "output": [[2]]}], "test": [{"input": [[1]]}]}',
        "test.json": task(H, G),
        "training/test_7.json": task(K, G),
    }
    assert good(read(files)) == {"a": "evaluation", "b": "training", "test": None, "test_7": "training"}


def test_an_archives_own_name_is_a_folder() -> None:
    assert good(read({"evaluation.zip": zipped({"a.json": task(), "training/b.json": task(H, G)})})) == {
        "a": "evaluation",
        "b": "training",
    }


KAGGLE: dict[str, Any] = {
    "arc-agi_training_challenges.json": {"fern1": blind(), "moss1": blind(H, G)},
    "arc-agi_training_solutions.json": {"fern1": [H], "moss1": [G]},
    "arc-agi_evaluation_challenges.json": {"oak1": blind(K, G)},
    "arc-agi_evaluation_solutions.json": {"oak1": [G]},
    "arc-agi_test_challenges.json": {"fern1": blind(), "new1": blind(K, H)},
    "sample_submission.json": {"fern1": [{"attempt_1": [[0]], "attempt_2": [[0]]}]},
}


@pytest.mark.parametrize("start", range(len(KAGGLE)))
@pytest.mark.parametrize("turn", [1, -1])
def test_kaggles_folder_goes_in_whole_in_any_order(start: int, turn: int) -> None:
    names = list(KAGGLE)[::turn]
    shelf = read({name: KAGGLE[name] for name in names[start:] + names[:start]})
    assert good(shelf) == {"fern1": "training", "moss1": "training", "oak1": "evaluation", "new1": "test"}
    assert {head.raw_id: head.has_truths for head in shelf.heads} == {
        "fern1": True,
        "moss1": True,
        "oak1": True,
        "new1": False,
    }
    assert not shelf.problems
    assert not shelf.solutions
    assert "1 task of arc-agi_test_challenges.json (test) is also in arc-agi_training_challenges.json" in said(shelf)
    assert "sample_submission.json: answers to tasks" in said(shelf)


def test_what_is_both_learnt_from_and_judged_on_is_judged_on() -> None:
    for files in (["training/a.json", "evaluation/a.json"], ["evaluation/a.json", "training/a.json"]):
        shelf = read(dict.fromkeys(files, task()))
        assert good(shelf) == {"a": "evaluation"}
        assert "training/ (training) is also in evaluation/ (evaluation)" in said(shelf)


def test_tasks_of_one_folder_are_a_group_whatever_the_number_of_files() -> None:
    shelf = read(
        {f"data/training/t{n}.json": task(tests=[([[n]], G)]) for n in range(9)} | {"data/all.json": {"x": task()}}
    )
    assert [group.label for group in shelf.groups] == ["data/training/", "data/all.json"]
