"""CSV, JSON, JSONL and Parquet become the same examples; whatever is wrong is said with its line and field."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.training.engine import rows as limits
from apps.training.engine.dataset_files import opened, rows
from apps.training.engine.datasets import Faulty, Writer, examples_of
from apps.training.engine.faults import ENOUGH, Faults, Unreadable
from apps.training.engine.mapping import Mapped, guessed

ROWS = [
    {"instruction": "Add", "input": "1, 2", "output": "3"},
    {"instruction": "Say “hé”,\nloudly", "input": "", "output": "HÉ"},
]
PLAIN = Mapped("instruction", instruction="instruction", input="input", output="output")
CHAT = Mapped("chat", messages="messages")


def as_csv(found: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(found[0]))
    writer.writeheader()
    writer.writerows(found)
    return text.getvalue().encode()


def as_jsonl(found: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in found)


def as_parquet(found: list[dict[str, Any]], **more: Any) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(found), sink, **more)
    return sink.getvalue()


def as_zip(data: bytes, *names: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, data)
    return sink.getvalue()


WAYS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "csv": ("csv", lambda: as_csv(ROWS)),
    "csv with a mark": ("csv", lambda: b"\xef\xbb\xbf" + as_csv(ROWS)),
    "csv with semicolons": (
        "csv",
        lambda: b"instruction;input;output\nAdd;1, 2;3\n" + '"Say “hé”,\nloudly";;HÉ\n'.encode(),
    ),
    "json": ("json", lambda: json.dumps(ROWS, indent=1).encode()),
    "json within": ("json", lambda: json.dumps({"version": 1, "data": ROWS, "more": [[1]]}, indent=1).encode()),
    "jsonl": ("jsonl", lambda: as_jsonl(ROWS)),
    "jsonl without an end": ("jsonl", lambda: as_jsonl(ROWS).rstrip()),
    "jsonl with gaps": ("jsonl", lambda: as_jsonl(ROWS).replace(b"\n", b"\r\n\r\n")),
    "parquet": ("parquet", lambda: as_parquet(ROWS)),
    "gzip": ("jsonl", lambda: gzip.compress(as_jsonl(ROWS))),
    "zip": ("csv", lambda: as_zip(as_csv(ROWS), "rows.csv")),
}


@pytest.fixture
def sent(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(data: bytes) -> Path:
        path = tmp_path / "sent"
        path.write_bytes(data)
        return path

    return write


def read(path: Path, mapped: Mapped = PLAIN, **more: Any) -> tuple[list[dict[str, Any]], Faults]:
    faults = Faults()
    try:
        found = list(examples_of(rows(path, faults, **more), mapped, faults, tick=lambda _n: None))
    except Faulty:
        return [], faults
    except Unreadable as error:
        faults.add(error.fault)
        return [], faults
    return found, faults


@pytest.mark.parametrize("way", WAYS)
def test_every_format_gives_the_same_examples(sent: Callable[[bytes], Path], way: str) -> None:
    name, made = WAYS[way]
    path = sent(made())
    assert opened(path).format == name
    found, faults = read(path)
    assert [fault.sentence() for fault in faults.first] == []
    assert found == ROWS


LONG = b'{"instruction":"' + b"x" * (limits.MAX_ROW + 10) + b'"}\n'
WRONG: dict[str, tuple[bytes, int, str, str]] = {
    "nothing": (b"", 0, "", "empty"),
    "no examples in brackets": (b"[1, 2]", 1, "", "object in braces"),
    "one endless line": (LONG, 1, "", "longer than 4 MB"),
    "an endless line without an end": (LONG[:-3], 1, "", "longer than 4 MB"),
    "a second line that is not JSON": (as_jsonl(ROWS) + b'{"a": \n', 3, "", "not JSON"),
    "a key twice": (b'{"instruction":"a","output":"b","output":"c"}\n', 1, "", "stands twice"),
    "nested without end": (b'{"instruction":' + b"[" * 200_000 + b"]" * 200_000 + b"}\n", 1, "", "deep"),
    "a field that is missing": (b'{"instruction":"a"}\n', 1, "output", "missing"),
    "an empty answer": (b'{"instruction":"a","output":" "}\n', 1, "output", "empty"),
    "a list for a text": (b'{"instruction":"a","output":["b"]}\n', 1, "output", "a list, not text"),
    "a NUL byte": (b'{"instruction":"a\x00","output":"b"}\n', 1, "", "NUL"),
    "a written NUL": (b'{"instruction":"a\\u0000","output":"b"}\n', 1, "instruction", "NUL"),
    "half a character": (b'{"instruction":"a","output":"\\ud800"}\n', 1, "output", "surrogate"),
    "Latin-1": ('{"instruction":"a","output":"é"}\n'.encode("latin-1"), 1, "", "not UTF-8"),
    "UTF-16": ("instruction,output\na,b\n".encode("utf-16"), 1, "", "UTF-16"),
    "Latin-1 in a csv": ("instruction,output\na,é\n".encode("latin-1"), 2, "", "not UTF-8"),
    "a NUL byte in a csv": (b"instruction,input,output\na,\x00,b\n", 2, "", "NUL"),
    "a record too short": (b"instruction,input,output\na,,b\nc,d\n", 3, "", "2 fields, the header has 3"),
    "a column twice": (b"output,output\na,b\n", 1, "output", "rename one"),
    "a column without a name": (b"instruction,,output\n", 1, "", "column 2 has no name"),
    "a quote that is not closed": (b'instruction,output\n"a,b\nc,d\n', 2, "", "quote is not closed"),
    "a quote that is never closed": (b'instruction,output\n"a' + b"b\n" * 2_200_000, 0, "", "4 MB"),
    "a million columns": (b",".join(b"c%d" % n for n in range(500_000)) + b"\n", 1, "", "columns"),
    "a million fields": (b"{" + b",".join(b'"%d":1' % n for n in range(300_000)) + b"}\n", 1, "", "fields"),
    "a broken list": (b'[{"instruction":"a","output":"b"},\n{"instruction"', 2, "", "ends"),
    "an object without a list": (b'{"a":\n1}', 1, "", "no list of examples"),
    "a workbook": (as_zip(b"x", "[Content_Types].xml", "sheet.xml"), 0, "", "save the sheet as CSV"),
    "a zip of many": (as_zip(b"x", "a.csv", "b.csv"), 0, "", "2 files"),
    "a zip in a zip": (as_zip(as_zip(b"x", "a"), "b.zip"), 0, "", "archive in the archive"),
    "half a zip": (as_zip(as_csv(ROWS), "a.csv")[:60], 0, "", "damaged"),
    "half a gzip": (gzip.compress(as_jsonl(ROWS * 5_000))[:-400], 0, "", "damaged"),
    "half a Parquet": (as_parquet(ROWS)[:-20], 0, "", "sent whole"),
    "Parquet in a zip": (as_zip(as_parquet(ROWS), "a.parquet"), 0, "", "send the file as it is"),
    "not Parquet at all": (b"PAR1" + b"\xff" * 400 + (100).to_bytes(4, "little") + b"PAR1", 0, "", "Parquet"),
    "Parquet with an endless footer": (b"PAR1" + b"\x00" * 40 + b"\xff\xff\xff\x7fPAR1", 0, "", "description"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_with_its_line_and_field(sent: Callable[[bytes], Path], name: str) -> None:
    data, line, field, words = WRONG[name]
    found, faults = read(sent(data))
    assert found == []
    first = faults.first[0]
    assert words in first.words, first
    assert first.line == line or not line
    assert first.field == field


def test_a_bomb_is_stopped_long_before_its_end(sent: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.training.engine.dataset_files._RATIO_FROM", 2**20)
    bomb = as_zip(b'{"instruction":"a","output":"b"}\n' * 400_000, "bomb.jsonl")
    found, faults = read(sent(bomb))
    assert found == []
    assert faults.first[0].code == "archive_bomb"


def test_parquet_that_unpacks_to_too_much_is_refused_by_its_own_word(
    sent: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sent(as_parquet([{"instruction": "a" * 2_000, "input": "", "output": "b"}] * 5_000, use_dictionary=False))
    assert len(read(path)[0]) == 5_000
    monkeypatch.setattr("apps.training.engine.parquet_files.MAX_GROUP", 2**20)
    assert read(path)[1].first[0].code == "archive_bomb"
    monkeypatch.setattr("apps.training.engine.parquet_files.MAX_ROW", 100)
    monkeypatch.setattr("apps.training.engine.parquet_files.MAX_GROUP", 2**30)
    assert read(path)[1].first[0].code == "line_too_long"


def test_of_parquet_only_the_columns_that_matter_are_read(sent: Callable[[bytes], Path]) -> None:
    path = sent(as_parquet([{**row, "noise": "x"} for row in ROWS]))
    values = [row.values for row in rows(path, Faults(), columns=PLAIN.columns)]
    assert [set(one) for one in values] == [{"instruction", "input", "output"}] * 2


def test_all_faults_are_counted_and_the_first_are_told(sent: Callable[[bytes], Path]) -> None:
    found, faults = read(sent(as_jsonl([{"instruction": "a"}] * 300 + ROWS)))
    assert found == []
    assert faults.count == 300
    assert len(faults.first) == 200
    assert faults.codes == {"missing": 300}


def test_nobody_reads_on_after_so_many_faults(sent: Callable[[bytes], Path]) -> None:
    _, faults = read(sent(b"{}\n" * (ENOUGH + 5_000)))
    assert faults.first[-1].code in {"too_many_faults", "missing"}
    assert faults.count == ENOUGH + 1


def test_too_many_examples_are_not_read(sent: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.training.engine.dataset_files.MAX_ROWS", 3)
    assert read(sent(as_jsonl(ROWS * 2)))[1].first[0].line == 4


def test_a_format_that_was_said_must_be_the_one_there_is(sent: Callable[[bytes], Path]) -> None:
    assert "looks like CSV" in read(sent(as_csv(ROWS)), format="parquet")[1].first[0].words
    assert read(sent(as_jsonl(ROWS)), format="json")[0] == ROWS, "JSON and JSONL are told apart by looking"


CHATS: dict[str, tuple[Any, str]] = {
    "nothing": ([], "no message of the assistant"),
    "no list": ("hello", "not a list"),
    "no answer": ([{"role": "user", "content": "a"}], "nothing to learn"),
    "another role": ([{"role": "tool", "content": "a"}], "not “tool”"),
    "no content": ([{"role": "user", "content": ""}, {"role": "assistant", "content": "b"}], "empty"),
    "parts": ([{"role": "user", "content": [1]}, {"role": "assistant", "content": "b"}], "a list"),
    "a late system": (
        [{"role": "user", "content": "a"}, {"role": "system", "content": "s"}, {"role": "assistant", "content": "b"}],
        "first or nowhere",
    ),
    "an answer first": ([{"role": "assistant", "content": "b"}], "before the user"),
    "not to be learnt": (
        [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0}],
        "weight",
    ),
}


@pytest.mark.parametrize("name", CHATS)
def test_a_conversation_that_cannot_be_learnt_from_says_why(sent: Callable[[bytes], Path], name: str) -> None:
    value, words = CHATS[name]
    _, faults = read(sent(as_jsonl([{"messages": value}])), CHAT)
    assert words in faults.first[0].words
    assert faults.first[0].field.startswith("messages")


def test_conversations_come_in_both_spellings_and_as_text_in_a_csv(sent: Callable[[bytes], Path]) -> None:
    here = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    there = [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]
    for value in (here, there):
        assert read(sent(as_jsonl([{"messages": value}])), CHAT)[0] == [{"messages": here}]
        assert read(sent(as_csv([{"n": "1", "messages": json.dumps(value)}])), CHAT)[0] == [{"messages": here}]
        assert read(sent(as_parquet([{"messages": value}])), CHAT)[0] == [{"messages": here}]


def test_columns_are_guessed_from_their_names_where_they_say_enough() -> None:
    assert guessed(["Question", "Answer", "id"], [{}]) == Mapped("instruction", instruction="Question", output="Answer")
    assert guessed(["input", "output"], [{}]) == Mapped("instruction", instruction="input", output="output")
    assert guessed(["conversations"], [{"conversations": []}]) == Mapped("chat", messages="conversations")
    assert guessed(["a", "b"], [{}]) is None


def test_numbers_are_kept_as_they_are_written_and_a_system_text_makes_it_a_conversation(
    sent: Callable[[bytes], Path],
) -> None:
    path = sent(as_jsonl([{"instruction": 1.5, "output": True, "system": "Be brief"}]))
    mapped = Mapped("instruction", instruction="instruction", output="output", system="system")
    told = [("system", "Be brief"), ("user", "1.5"), ("assistant", "true")]
    assert read(path, mapped)[0] == [{"messages": [{"role": role, "content": text} for role, text in told]}]


def test_the_same_examples_make_the_same_file_whatever_they_came_in(sent: Callable[[bytes], Path]) -> None:
    files = {b"".join(Writer().parts(read(sent(made()))[0])) for _, made in WAYS.values()}
    assert len(files) == 1
