"""Where two sources say different things nobody decides in silence, and the order of files decides nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engines.intake.files import (
    G,
    H,
    K,
    blind,
    broken,
    data_of,
    good,
    head_of,
    metadata,
    read,
    said,
    task,
    truths,
    zipped,
)

ONE, OTHER = json.dumps(task()), json.dumps(task(H, G))


@pytest.mark.parametrize(
    "files",
    [
        {"x.json": f'{{"fern1": {ONE}, "fern1": {OTHER}}}'},
        {"a/fern1.json": task(), "b/fern1.json": task(H, G)},
        {"all.json": {"fern1": task()}, "fern1.json": task(H, G)},
        {"x.jsonl": "\n".join(json.dumps(json.loads(one) | {"id": "fern1"}) for one in (ONE, OTHER))},
        {"x.zip": zipped({"fern1.json": task()}), "y.zip": zipped({"fern1.json": task(H, G)})},
        {"a.json": {"fern1": task()}, "b.json": {"fern1": task(tests=[(G, K)])}},
    ],
    ids=range(6),
)
def test_different_tasks_under_one_id_are_both_named_and_neither_is_taken(files: dict[str, Any]) -> None:
    for order in (list(files), list(reversed(files))):
        shelf = read({name: files[name] for name in order} | {"fine.json": task(K, K)})
        assert list(good(shelf)) == ["fine"]
        assert [head.raw_id for head in shelf.heads if head.problem] == ["fern1", "fern1"]
        assert "it is also in" in broken(shelf)[0] or "it stands there twice" in broken(shelf)[0]
        proposed = [head.proposed for head in shelf.heads if head.problem]
        assert len(set(proposed)) == 2
        assert all(proposed)


def test_the_names_proposed_for_them_tell_their_folders() -> None:
    shelf = read({"left/1.json": task(), "right/1.json": task(H, G), "left/2.json": task(K, K)})
    assert [head.proposed for head in shelf.heads] == ["left-1", "right-1", ""]


@pytest.mark.parametrize(
    "files",
    [
        {"x.json": f'{{"fern1": {ONE}, "fern1": {ONE}}}'},
        {"a/fern1.json": task(), "b/fern1.json": task()},
        {"a.json": {"fern1": task()}, "b.json": {"fern1": blind()}},
        {"a.json": {"fern1": task()}, "b.json": [task(id="fern1")], "c.zip": zipped({"fern1.json": blind()})},
    ],
)
def test_the_same_task_twice_is_one_task_and_that_is_said(files: dict[str, Any]) -> None:
    for order in (list(files), list(reversed(files))):
        shelf = read({name: files[name] for name in order})
        assert list(good(shelf)) == ["fern1"]
        assert truths(shelf, "fern1") == [H]
        assert "with the same content: it is one task" in said(shelf)


def test_the_same_pairs_in_another_order_are_the_same_task() -> None:
    pairs = [{"input": [[n]], "output": [[n, n]]} for n in range(4)]
    tests = [{"input": [[7]], "output": [[1]]}, {"input": [[8]]}]
    other = [{"input": [[8]], "output": [[2]]}, {"input": [[7]]}]
    shelf = read({"a/x.json": {"train": pairs, "test": tests}, "b/x.json": {"train": pairs[::-1], "test": other}})
    assert list(good(shelf)) == ["x"]
    assert truths(shelf, "x") == [[[1]], [[2]]]


def test_what_one_copy_says_beside_its_grids_is_not_lost() -> None:
    shelf = read({"a/x.json": task(note="n"), "b/x.json": task(more="m")})
    assert metadata(shelf, "x") == {"note": "n", "more": "m"}


def test_a_solution_that_contradicts_the_tasks_own_output_is_said() -> None:
    for order in (["t.json", "s.json"], ["s.json", "t.json"]):
        files = {"t.json": {"fern1": task(), "moss1": blind(H, G)}, "s.json": {"fern1": [K], "moss1": [G]}}
        shelf = read({name: files[name] for name in order})
        assert list(good(shelf)) == ["moss1"]
        (words,) = broken(shelf)
        assert words == (
            "Task fern1, solution 1: it contradicts the output that is known already. Solution in s.json. Fix the "
            "solutions or import without it."
        )


def test_a_solution_that_repeats_the_output_is_fine() -> None:
    assert list(good(read({"t.json": {"fern1": task()}, "s.json": {"fern1": [H]}}))) == ["fern1"]


def test_two_solutions_that_contradict_each_other_are_said() -> None:
    shelf = read({"t.json": {"fern1": blind()}, "s1.json": {"fern1": [H]}, "s2.json": {"fern1": [G]}})
    assert "Two solutions to task fern1 contradict each other, in s1.json and s2.json." in broken(shelf)[0]
    apart = read({"s1.json": {"fern1": [H]}, "s2.json": {"fern1": [G]}})
    assert not apart.solutions
    assert "Two solutions to task fern1 contradict each other, in s1.json and s2.json" in said(apart)
    assert [one.raw_id for one in read({"s1.json": {"fern1": [H]}, "s2.json": {"fern1": [H]}}).solutions] == ["fern1"]


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ([H, H], "2 solutions for 1 test inputs"),
        ([], "no ARC task in it"),
        ([[[1, 2], [3]]], "solution 1: row 2 has 1 cell but row 1 has 2; make all rows equally long"),
        ([[[11]]], "solution 1: row 1, column 1 holds 11; colours run from 0 to 9"),
    ],
)
def test_a_solution_that_does_not_fit_spoils_its_task_only(outputs: Any, words: str) -> None:
    shelf = read({"t.json": {"a": blind(), "b": blind(H, G)}, "s.json": {"a": outputs}, "r.json": {"b": [G]}})
    assert "b" in good(shelf)
    assert words in said(shelf)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"train": [], "train": [], "test": []}', "train"),
        ('{"x": 1, "train": [{"input": [[1]], "output": [[1]]}], "test": [{"input": [[1]]}], "x": 2}', "x"),
        ('{"train": [{"input": [[1]], "input": [[2]], "output": [[1]]}], "test": [{"input": [[1]]}]}', "input"),
        ('{"m": {"k": 1, "k": 2}, "train": [{"input": [[1]], "output": [[1]]}], "test": [{"input": [[1]]}]}', "k"),
    ],
)
def test_a_key_that_stands_twice_in_a_task_is_said(text: str, key: str) -> None:
    shelf = read({"a.json": text, "all.json": f'{{"b": {text}}}'})
    assert [head.raw_id for head in shelf.heads] == ["a", "b"]
    for words in broken(shelf):
        assert f"{key!r} stands twice" in words or "a key stands twice" in words


def test_a_file_that_holds_everything_twice_is_not_refused() -> None:
    data = data_of({"a": task(), "b": task(H, G)})
    shelf = read({"x.json": data, "copy of x.json": data})
    assert list(good(shelf)) == ["a", "b"]
    assert head_of(shelf, "a").split is None
