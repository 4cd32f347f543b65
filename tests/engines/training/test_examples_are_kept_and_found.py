"""Kept examples: any page of them, a text in them, what they are like, and parts that share nothing."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from apps.training.engine.datasets import Writer, division, page, read, search
from apps.training.engine.faults import Unreadable


def example(number: int, **more: Any) -> dict[str, Any]:
    return {"instruction": f"Say {number}", "input": "", "output": f"It is {number}", **more}


def written(examples: list[dict[str, Any]]) -> tuple[bytes, Writer]:
    writer = Writer()
    return b"".join(writer.parts(examples)), writer


def test_any_page_is_read_from_the_nearest_place() -> None:
    data, writer = written([example(n) for n in range(1_234)])
    places = writer.places_file()
    assert len(places) == 13 * 8
    for start in (0, 1, 99, 100, 101, 1_199, 1_230):
        found = page(io.BytesIO(data), places, start=start, count=7)
        assert found == [example(n) for n in range(start, min(1_234, start + 7))]
    assert page(io.BytesIO(data), places, start=5_000, count=7) == []


def test_a_text_is_found_in_what_is_said_and_not_in_the_names_of_fields() -> None:
    data, writer = written([example(n) for n in range(500)])
    places = writer.places_file()
    first = search(io.BytesIO(data), places, "say 49", start=0, count=3)
    assert [number for number, _ in first.examples] == [49, 490, 491]
    assert first.following == 492
    rest = search(io.BytesIO(data), places, "SAY 49", start=first.following or 0, count=20)
    assert [number for number, _ in rest.examples] == list(range(492, 500))
    assert rest.following is None
    assert search(io.BytesIO(data), places, "instruction", start=0, count=3).examples == []
    quoted, writer = written([example(1, output='He said "no"')])
    assert search(io.BytesIO(quoted), writer.places_file(), '"no"', start=0, count=3).examples


def test_statistics_are_counted_over_every_example() -> None:
    _, writer = written([example(n) for n in (1, 22, 333)] + [example(1), example(22)])
    told = writer.statistics.told()
    lengths = [len(f"Say {n}") + len(f"It is {n}") for n in (1, 22, 333, 1, 22)]
    assert (told["min_length"], told["max_length"]) == (min(lengths), max(lengths))
    assert told["avg_input_length"] == pytest.approx(sum(len(f"Say {n}") for n in (1, 22, 333, 1, 22)) / 5)
    assert sum(one["count"] for one in told["histogram"]) == 5
    assert told["duplicates"] == 2
    assert told["twins"] == [[4, 1], [5, 2]]
    chat = {"messages": [{"role": "user", "content": "abc"}, {"role": "assistant", "content": "de"}]}
    told = written([chat])[1].statistics.told()
    assert (told["avg_input_length"], told["avg_output_length"]) == (3, 2)


def test_a_split_is_the_seeds_and_keeps_together_what_belongs_together(tmp_path: Path) -> None:
    path = tmp_path / "examples"
    examples = [example(n, group=f"task{n % 40}") for n in range(400)] + [example(1_000)] * 20
    path.write_bytes(written(examples)[0])

    def aside(seed: int, fraction: float = 0.25) -> list[dict[str, Any]]:
        cut = division(path, fraction=fraction, seed=seed, tick=lambda _n: None)
        return [one for one in read(path) if cut.is_aside(one)]

    first = aside(1)
    assert first == aside(1)
    assert first != aside(2)
    assert 0.2 < len(first) / len(examples) < 0.3
    groups = {one.get("group") for one in first}
    assert all((one in first) == (one.get("group") in groups) for one in examples), "no task is in both parts"
    assert aside(1, 0.0001), "never nothing"
    assert len(aside(1, 0.9999)) < len(examples), "never all"


def test_what_is_all_the_same_cannot_be_split(tmp_path: Path) -> None:
    path = tmp_path / "examples"
    path.write_bytes(written([example(1)] * 5)[0])
    with pytest.raises(Unreadable, match="nothing to split"):
        division(path, fraction=0.5, seed=1, tick=lambda _n: None)


def test_lines_are_whole_examples_in_readable_utf8() -> None:
    data, _ = written([example(1, output="é\u2028ü")])
    assert json.loads(data.splitlines()[0].decode() if data.count(b"\n") == 1 else data)["output"] == "é\u2028ü"
    assert "é".encode() in data
