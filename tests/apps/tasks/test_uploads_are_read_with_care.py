"""Files from outside: every usual shape is understood, every problem is named, nothing gets out of hand."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.core.errors import Forbidden, Invalid, NotFound, TooLarge
from apps.core.models import Role, User
from apps.tasks import uploads
from apps.tasks.drafts import draft_create, draft_import, draft_preview
from apps.tasks.models import ArcTask, TaskImportDraft, TaskSource
from apps.tasks.uploads import Reading, read_files
from tests.apps.tasks.conftest import A, B, C, arc, person, put, puzzle


def read(**files: Any) -> Reading:
    """Read files given as name=value; a value that is not bytes is written as JSON."""
    named = [
        (name.replace("__", "."), value if isinstance(value, bytes) else json.dumps(value).encode())
        for name, value in files.items()
    ]
    return read_files(named)


def packed(**files: Any) -> bytes:
    """A zip of files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in files.items():
            archive.writestr(name, value if isinstance(value, bytes | str) else json.dumps(value))
    return stream.getvalue()


def ids(reading: Reading) -> list[str]:
    """What can be imported."""
    return [task.raw_id for task in reading.tasks]


def test_a_task_file_is_named_by_its_file() -> None:
    reading = read(abc__json=arc() | {"name": "another"})
    assert ids(reading) == ["abc"]
    assert not reading.problems


def test_a_collection_by_id_is_understood() -> None:
    assert ids(read(all__json={"a": arc(), "b": arc((A, A))})) == ["a", "b"]


def test_arckits_own_file_is_understood() -> None:
    assert ids(read(data__json={"train": {"a": arc()}, "eval": {"b": arc()}})) == ["a", "b"]


def test_kaggles_challenges_meet_their_solutions_in_whatever_order() -> None:
    challenges = {"a": arc(tests=[(A, None)]), "b": arc(tests=[(A, None), (B, None)])}
    solutions = {"a": [C], "b": [A, B]}
    for files in ({"x__json": challenges, "y__json": solutions}, {"x__json": solutions, "y__json": challenges}):
        reading = read(**files)
        assert [[t.tolist() for t in task.truths() if t is not None] for task in reading.tasks] == [[C], [A, B]]


def test_challenges_alone_have_no_truths() -> None:
    (task,) = read(x__json={"a": arc(tests=[(A, None)])}).tasks
    assert task.truths() == (None,)


def test_solutions_alone_are_a_problem_in_words() -> None:
    assert read(x__json={"a": [C]}).problems == [
        "These are solutions without their challenges. Send both files together."
    ]


def test_a_solution_of_the_wrong_shape_spoils_its_task_only() -> None:
    challenges = {name: arc(tests=[(A, None)]) for name in ("a", "b", "c")}
    reading = read(x__json=challenges, y__json={"a": [C], "b": [C, C], "c": [[[1, 2], [3]]]})
    assert ids(reading) == ["a"]
    assert [c.problem for c in reading.broken] == [
        "Task b: 2 solutions for 1 test inputs. Fix the solutions file or import without it.",
        "Task c, solution 1: row 2 has 1 cells but row 1 has 2. Fix the solutions file or import without it.",
    ]


def test_a_problem_names_task_line_and_remedy() -> None:
    text = '{"train": [\n  {"input": [[1, 2, 3],\n             [1, 2, 3, 4]],\n   "output": [[1]]}],\n "test": [{"input": [[1]]}]}'
    (candidate,) = read_files([("00576224.json", text.encode())]).broken
    assert candidate.problem == (
        "Task 00576224 line 3, demonstration 1, input: row 2 has 4 cells but row 1 has 3. Fix the file or import without it."
    )


def test_a_line_is_found_inside_a_collection() -> None:
    text = json.dumps({"a": arc(), "b": arc(([[1], [11]], A))}, indent=1)
    (candidate,) = read_files([("all.json", text.encode())]).broken
    line = int(candidate.problem.split("line ")[1].split(",")[0])
    assert text.splitlines()[line - 1 : line + 2][1].strip() == "11"
    assert candidate.raw_id == "b"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{", "line 1: not valid JSON"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"[]", "expected an object"),
        (b"{}", "expected an object"),
        (b"5", "expected an object"),
        (b"null", "expected an object"),
        (b'{"a": 5}', "neither a task"),
        (b'{"train": [], "test": []}', "at least one pair"),
        (b'{"train": [{"input": [[1]], "output": [[1]]}]}', "'test' is missing"),
        (b'{"a": {"train": 1}}', "'test' is missing"),
        (b"[" * 100_000, "not an ARC task"),
        (b'{"train": [{"input": [["' + b"x" * 5000 + b'"]], "output": [[1]]}], "test": [1]}', "Fix the file"),
        (b"", "not valid JSON"),
        (b"PK\x03\x04 not really", "cannot be read"),
    ],
    ids=range(14),
)
def test_every_problem_has_words(data: bytes, words: str) -> None:
    reading = read_files([("x.json", data)])
    said = [*reading.problems, *(candidate.problem for candidate in reading.broken)]
    assert len(said) == 1
    assert words in said[0]
    assert len(said[0]) < 600
    assert not reading.tasks


def test_a_zip_is_read_without_trusting_its_names() -> None:
    data = packed(
        **{
            "../../etc/passwd.json": arc(),
            "/abs/two.json": arc((A, A)),
            "C:\\dir\\three.json": arc((B, B)),
            "__MACOSX/x.json": b"junk",
            ".hidden.json": b"junk",
            "notes.txt": b"junk",
        }
    )
    assert ids(read_files([("t.zip", data)])) == ["passwd", "two", "three"]


def test_a_bomb_is_stopped_while_it_unpacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_BYTES", 2**20)
    data = packed(**{"a.json": b" " * 2**25})
    assert len(data) < 2**16
    with pytest.raises(TooLarge):
        read_files([("bomb.zip", data), ("again.zip", data)])


def test_too_many_files_are_refused() -> None:
    data = packed(**{f"{number}.txt": b"" for number in range(uploads.MAX_FILES + 1)})
    with pytest.raises(TooLarge, match="files"):
        read_files([("many.zip", data)])


def test_a_damaged_or_locked_zip_is_a_problem_in_words() -> None:
    data = bytearray(packed(**{"a.json": arc()}))
    data[60] ^= 0xFF
    assert read_files([("t.zip", bytes(data))]).problems or read_files([("t.zip", bytes(data))]).broken
    locked = bytearray(packed(**{"a.json": arc()}))
    central = locked.index(b"PK\x01\x02")
    locked[central + 8] |= 1
    assert "password" in read_files([("t.zip", bytes(locked))]).problems[0]


def test_the_same_id_twice_keeps_the_first() -> None:
    reading = read_files(
        [("a.json", json.dumps(arc()).encode()), ("more.json", json.dumps({"a": arc((A, A))}).encode())]
    )
    assert len(reading.tasks) == 1
    assert reading.broken[0].problem.startswith("Task a: it is also in a.json")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode), st.text(max_size=40))
def test_no_bytes_and_no_name_break_the_reader(data: bytes, name: str) -> None:
    for content in (data, b"PK\x03\x04" + data):
        reading = read_files([(name, content)])
        assert reading.tasks or reading.problems or reading.broken


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 40) | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["train", "test", "input", "output", "eval", "a", "é"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(json_values)
def test_no_json_breaks_the_reader(value: Any) -> None:
    for indent in (None, 1):
        reading = read_files([("x.json", json.dumps(value, indent=indent).encode())])
        assert reading.tasks or reading.problems or reading.broken


# --- Drafts


def make_draft(by: User, **files: Any) -> TaskImportDraft:
    """Upload files into the dataset `lab`."""
    named = [(f"{name}.json", json.dumps(value).encode()) for name, value in files.items()]
    return draft_create(files=named, dataset="lab", source=TaskSource.TRAINING, dataset_version="", by=by)


def test_a_preview_says_what_an_import_would_do_and_does_nothing(curator: User) -> None:
    put(puzzle("same"), puzzle("changed"))
    draft = make_draft(curator, same=arc(), changed=arc((A, A)), new=arc(), broken=arc(([[1, 2], [3]], A)))
    found = draft_preview(draft_id=draft.pk, by=curator)
    assert found.states == {"same": "same", "changed": "changed", "new": "new"}
    assert [candidate.raw_id for candidate in found.broken] == ["broken"]
    assert ArcTask.objects.count() == 2


def test_importing_a_draft_takes_all_but_what_was_left_out_once(curator: User) -> None:
    draft = make_draft(curator, a=arc(), b=arc((A, A)), c=arc((B, B)))
    report = draft_import(draft_id=draft.pk, by=curator, without={"b"})
    assert report.created == ("lab:a", "lab:c")
    with pytest.raises(NotFound, match="is gone"):
        draft_import(draft_id=draft.pk, by=curator)


def test_leaving_everything_out_imports_nothing(curator: User) -> None:
    draft = make_draft(curator, a=arc())
    with pytest.raises(Invalid, match="Nothing is left"):
        draft_import(draft_id=draft.pk, by=curator, without={"a"})
    assert TaskImportDraft.objects.exists()


def test_a_draft_is_its_owners_alone_and_curators_alone_make_them(curator: User, researcher: User) -> None:
    draft = make_draft(curator, a=arc())
    other = person("other", Role.CURATOR)
    for action in (draft_preview, draft_import):
        with pytest.raises(NotFound):
            action(draft_id=draft.pk, by=other)
        with pytest.raises(Forbidden):
            action(draft_id=draft.pk, by=researcher)
    with pytest.raises(Forbidden):
        make_draft(researcher, a=arc())


def test_old_drafts_are_swept(curator: User) -> None:
    old = make_draft(curator, a=arc())
    TaskImportDraft.objects.filter(pk=old.pk).update(created_at="2020-01-01T00:00:00Z")
    new = make_draft(curator, a=arc())
    assert list(TaskImportDraft.objects.values_list("pk", flat=True)) == [new.pk]
