"""What is larger than any task is refused before it is built, in words that name the limit and what to do."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

import pytest

from apps.tasks.engine.intake import shelf as shelves
from apps.tasks.engine.intake.archives import TooMuch
from tests.engines.intake.files import G, H, broken, good, read, said, task


def pairs(count: int) -> str:
    """So many of the smallest pairs."""
    return "[" + ",".join(['{"input":[[1]],"output":[[2]]}'] * count) + "]"


@pytest.mark.parametrize("count", [150, 5_000, 60_000, 300_000])
def test_too_many_pairs_are_refused_by_number_or_by_size(count: int) -> None:
    shelf = read(
        {
            "all.json": f'{{"big": {{"train": {pairs(count)}, "test": [{{"input": [[1]]}}]}}, "fine": {json.dumps(task())}}}'
        }
    )
    assert list(good(shelf)) == ["fine"]
    (words,) = broken(shelf)
    assert words.startswith("Task big")
    assert "at most 100" in words
    assert "Split it into several tasks" in words
    if count < 6_000:
        assert f"{count:,} demonstrations" in words


def test_seven_hundred_thousand_pairs_are_refused_in_little_time_and_memory() -> None:
    """In a process of its own, so that its memory is its own."""
    code = """if True:
        import io, resource, time
        from apps.tasks.engine.intake.archives import Source
        from apps.tasks.engine.intake.reading import read_sources
        from apps.tasks.engine.intake.shelf import Shelf
        pair = b'{"input": [[1]], "output": [[1]]}'
        data = b'{"train": [' + b", ".join([pair] * 700_000) + b'], "test": [{"input": [[1]]}]}'
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.process_time()
        shelf = read_sources([Source("big.json", lambda: io.BytesIO(data))], Shelf())
        assert "at most 100" in shelf.heads[0].problem
        print(time.process_time() - began, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
    """
    seconds, megabytes = map(
        float, subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.split()
    )
    assert seconds < 15
    assert megabytes < 80


def test_a_huge_grid_is_refused_unbuilt() -> None:
    shelf = read(
        {
            "a.json": '{"train": [{"input": ['
            + ",".join(["[1]"] * 400_000)
            + '], "output": [[1]]}], "test": [{"input": [[1]]}]}'
        }
    )
    assert "larger than any task" in broken(shelf)[0]


def test_the_limits_are_in_the_words() -> None:
    value = task()
    value["train"][0]["input"] = [[0] * 32]
    assert broken(read({"a.json": value})) == [
        "Task a, demonstration 1, input: 32 columns; a grid has 1 to 30 columns. Fix the file or import without it."
    ]
    value["train"][0]["input"] = [[0]] * 31
    assert "31 rows; a grid has 1 to 30 rows." in broken(read({"a.json": value}))[0]
    value["train"][0]["input"] = [[12]]
    assert "row 1, column 1 holds 12; colours run from 0 to 9." in broken(read({"a.json": value}))[0]


def test_a_problem_names_task_line_and_remedy_wherever_it_stands() -> None:
    text = '{"train": [\n  {"input": [[1, 2, 3],\n             [1, 2, 3, 4]],\n   "output": [[1]]}],\n "test": [{"input": [[1]]}]}'
    assert broken(read({"00576224.json": text})) == [
        "Task 00576224 line 3, demonstration 1, input: row 2 has 4 cells but row 1 has 3; make all rows equally long. "
        "Fix the file or import without it."
    ]
    whole = json.dumps({"a": task(), "b": task([[1], [11]], H)}, indent=1)
    shelf = read({"all.json": whole})
    line = int(broken(shelf)[0].split("line ")[1].split(",")[0])
    assert whole.splitlines()[line].strip() == "11"
    inner = read({"all.json": json.dumps({"eval": {"b": task(G, [[1, 2], [3]])}}, indent=1)})
    assert "Task b line" in broken(inner)[0]


def test_thousands_of_faults_in_a_large_file_cost_no_more_than_the_file() -> None:
    bad = task(G, [[1, 2], [3]])
    text = json.dumps({f"t{number}": bad for number in range(4_000)}, indent=1)
    began = time.process_time()
    shelf = read({"all.json": text})
    assert time.process_time() - began < 20
    assert len(broken(shelf)) == 4_000
    assert all(" line " in words for words in broken(shelf))


def test_too_many_tasks_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "MAX_TASKS", 20)
    many: dict[str, Any] = {f"t{number}": task(tests=[(G, [[number % 10]])]) for number in range(21)}
    for value in (many, {key: [H] for key in many}, {key: {"n": 1} for key in many}):
        with pytest.raises(TooMuch, match="More than 20 tasks"):
            read({"all.json": value})


def test_endless_problems_are_counted_not_kept() -> None:
    shelf = read({"x.jsonl": "{oh\n" * 3_000})
    assert len(shelf.problems) == 1_001
    assert "And 2,000 problems more of this kind." in said(shelf)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{", "line 1: not valid JSON"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b'{"train": [{"input": [["\xff"]]}], "test": []}', "not UTF-8"),
        (b"[]", "no ARC task in it"),
        (b"{}", "no ARC task in it"),
        (b"5", "not valid JSON"),
        (b"null", "not valid JSON"),
        (b'{"a": 5}', "no ARC task in it"),
        (b'{"train": [], "test": []}', "at least one pair"),
        (b'{"train": [{"input": [[1]], "output": [[1]]}]}', "'test' is missing"),
        (b'{"a": {"train": 1}}', "'test' is missing"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"train": [{"input": [["' + b"x" * 5000 + b'"]], "output": [[1]]}], "test": [1]}', "Fix the file"),
        (b"", "empty"),
        (b"   \n ", "no ARC task in it"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
        (b"<!DOCTYPE html><html></html>", "Download the raw file"),
    ],
    ids=range(18),
)
def test_every_problem_has_words(data: bytes, words: str) -> None:
    shelf = read({"x.json": data})
    found = [*shelf.problems, *broken(shelf)]
    assert len(found) == 1
    assert words in found[0]
    assert len(found[0]) < 900
    assert not good(shelf)
