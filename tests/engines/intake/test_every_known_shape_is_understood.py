"""Task files as people have them, and what stands in them beside the grids."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
)

PAIR = {"input": G, "output": H}


def test_a_task_file_is_named_by_its_file() -> None:
    assert list(good(read({"folder/abc.json": task()}))) == ["abc"]
    assert list(good(read({"1.5x_zoom.json": task()}))) == ["1.5x_zoom"]


def test_tasks_by_id_lists_and_lines_are_many_tasks() -> None:
    named = [task(id="a"), task(H, G, name="b"), task(K, G, task_id="c")]
    for value in (
        {one: task(tests=[(G, [[n]])]) for n, one in enumerate("abc")},
        named,
        "\n".join(map(json.dumps, named)),
    ):
        name = "all.jsonl" if isinstance(value, str) else "all.json"
        assert list(good(read({name: value}))) == ["a", "b", "c"], name
    assert list(good(read({"all.jsonl.gz": gzip.compress("\n".join(map(json.dumps, named)).encode())}))) == [
        "a",
        "b",
        "c",
    ]


def test_tasks_of_a_list_without_ids_are_numbered() -> None:
    assert list(good(read({"set.json": [task(), task(H, G)]}))) == ["set-1", "set-2"]
    assert list(good(read({"set.jsonl": f"{json.dumps(task())}\n\n{json.dumps(task(H, G))}\n"}))) == ["set-1", "set-2"]
    assert list(good(read({"set.json": [task()]}))) == ["set"]
    assert list(good(read({"set.json": json.dumps(task()) + json.dumps(task(H, G))}))) == ["set-1", "set-2"]


def test_a_bad_line_spoils_no_other_and_is_named() -> None:
    shelf = read({"set.jsonl": "\n".join([json.dumps(task(id="a")), "{oh", json.dumps(task(H, G, id="b")), "\xff"])})
    assert list(good(shelf)) == ["a", "b"]
    assert "set.jsonl line 2: not valid JSON" in said(shelf)
    assert "set.jsonl line 4: not valid JSON" in said(shelf)


def test_a_flat_list_of_pairs_is_a_task_whose_last_pair_is_the_test() -> None:
    pairs = [{"input": [[n]], "output": [[n, n]]} for n in range(1, 6)]
    for files in (
        {"re_arc/tasks/fern1.json": pairs},
        {"all.json": {"fern1": pairs}},
        {"fern1.jsonl": "\n".join(map(json.dumps, pairs))},
    ):
        shelf = read(files)
        head = head_of(shelf, "fern1")
        assert (head.counts, head.problem) == ((4, 1), "")
        assert head.remark == "made from a list of pairs: 4 demonstrations, 1 to test"
        assert truths(shelf, "fern1") == [[[5, 5]]]


def test_pairs_without_an_output_are_the_tests_of_a_flat_list() -> None:
    shelf = read({"x.json": [PAIR, {"input": K}, PAIR, {"input": H, "output": None}]})
    assert head_of(shelf, "x").counts == (2, 2)
    assert truths(shelf, "x") == [None, None]


def test_a_long_list_of_pairs_gives_what_a_task_holds_and_says_so() -> None:
    shelf = read({"x.json": [PAIR] * 1000})
    assert head_of(shelf, "x").counts == (99, 1)
    assert "the first 100 of 1,000" in head_of(shelf, "x").remark


def test_one_pair_is_no_task() -> None:
    assert "a list of one pair; a task needs a demonstration and a test" in broken(read({"x.json": [PAIR]}))[0]


def test_a_file_about_tasks_beside_them_becomes_their_metadata() -> None:
    about = {"fern1": {"rng": [0.1, 0.9], "n": 5}, "moss1": {"n": 7}, "other": {"n": 1}}
    shelf = read(
        {"re_arc/metadata.json": about, "re_arc/tasks/fern1.json": [PAIR] * 4, "re_arc/tasks/moss1.json": task(n=8)}
    )
    assert metadata(shelf, "fern1") == {"rng": [0.1, 0.9], "n": 5}
    assert metadata(shelf, "moss1") == {"n": 8}  # the task's own word counts for more
    assert "metadata.json: 1 entry about tasks you did not send" in said(shelf)
    alone = read({"metadata.json": about, "a.json": task()})
    assert "metadata.json: no ARC task in it, nor words about one that you sent" in said(alone)


def test_what_stands_beside_the_grids_is_kept() -> None:
    value = task(description="mirror", difficulty={"a": 1}, tags=["x"], name="other")
    value["train"][0]["uid"] = 7
    shelf = read({"a.json": value, "all.json": {"b": task(note="n")}})
    assert metadata(shelf, "a") == {
        "description": "mirror",
        "difficulty": {"a": 1},
        "tags": ["x"],
        "name": "other",
        "pairs": {"train 1": {"uid": 7}},
    }
    assert metadata(shelf, "b") == {"note": "n"}
    assert not said(shelf)


@pytest.mark.parametrize("order", [("meta", "train", "test"), ("train", "meta", "test"), ("test", "train", "meta")])
@pytest.mark.parametrize(
    "extra", [{"palette": [[0, 1], [2, 3]]}, {"x": {"y": [[[1]]]}}, [[1, 2], [3]], [PAIR], 5, "text", None]
)
def test_extra_keys_are_no_tasks_wherever_they_stand(order: tuple[str, ...], extra: Any) -> None:
    parts = task() | {"meta": extra}
    shelf = read({"a.json": {key: parts[key] for key in order}})
    assert list(good(shelf)) == ["a"]
    assert metadata(shelf, "a") == {"meta": extra}
    assert not said(shelf)
    assert not shelf.solutions


def test_what_cannot_be_kept_of_it_is_said_and_spoils_nothing() -> None:
    shelf = read(
        {"a.json": task(generated=[PAIR] * 5_000, big="x" * 70_000, deep=json.loads("[" * 30 + "]" * 30), ok=1)}
    )
    head = head_of(shelf, "a")
    assert metadata(shelf, "a") == {"ok": 1}
    for key in ("generated", "big", "deep"):
        assert f"the key '{key}' is left out" in head.remark
    nul = read({"a.json": '{"n": "\\u0000", "s": "\\ud800", "e": 1e400, "k": 1,' + json.dumps(task())[1:]})
    assert metadata(nul, "a") == {"k": 1}
    assert head_of(nul, "a").remark.count("is left out") == 3


def test_an_id_inside_a_file_is_offered_and_one_that_says_nothing_new_is_dropped() -> None:
    shelf = read(
        {"task_1.json": task(name="007bbfb7"), "same.json": task(H, G, name="same"), "bad.json": task(K, G, name="a/b")}
    )
    assert {head.raw_id: head.offer for head in shelf.heads} == {"task_1": "007bbfb7", "same": "", "bad": ""}
    assert metadata(shelf, "same") == {}
    contested = read({"x.json": task(name="one"), "y.json": task(H, G, name="one"), "z.json": task(K, G, name="x")})
    assert not any(head.offer for head in contested.heads)


def test_challenges_meet_their_solutions_and_alone_they_have_none() -> None:
    two = blind() | {"test": [{"input": G}, {"input": H}]}
    files = {"c.json": {"a": blind(), "b": two}, "s.json": {"a": [K], "b": [G, H]}}
    for names in (["c.json", "s.json"], ["s.json", "c.json"]):
        shelf = read({name: files[name] for name in names})
        assert truths(shelf, "a") == [K]
        assert truths(shelf, "b") == [G, H]
    assert truths(read({"c.json": files["c.json"]}), "b") == [None, None]
    assert truths(read({"c.json": {"a": blind()}, "s.json": {"a": K}}), "a") == [K]  # one grid, not in a list


def test_solutions_that_come_alone_wait_for_the_lab_to_know_them() -> None:
    shelf = read({"s.json": {"a": [H], "b": [G]}, "t.json": task()})
    assert [one.raw_id for one in shelf.solutions] == ["a", "b"]
    assert [shelf.read(one.at) for one in shelf.solutions] == [[H], [G]]
    assert not said(shelf)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 40) | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["train", "test", "input", "output", "eval", "attempt_1", "id", "a", "é"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(json_values)
def test_no_json_breaks_the_reader_and_something_is_always_said(value: Any) -> None:
    for indent in (None, 1):
        text = json.dumps(value, indent=indent)
        for name in ("x.json", "x.jsonl", "x.txt"):
            shelf = read({name: text})
            assert shelf.heads or shelf.problems or shelf.solutions


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 200))
def test_no_damage_to_a_task_breaks_the_reader(junk: bytes, place: int) -> None:
    data = data_of({"a": task(), "b": task(H, G)})
    shelf = read({"x.json": data[:place] + junk + data[place:], "y.jsonl": data[:place] + junk})
    assert shelf.heads or shelf.problems
