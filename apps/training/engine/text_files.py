"""Rows of CSV, JSON and JSONL, read from a stream of bytes a line or a value at a time."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from apps.tasks.engine.intake.feed import BrokenJson, Feed, NotText, TooBig, parse
from apps.training.engine.faults import Fault, Faults, Unreadable, shown
from apps.training.engine.rows import MAX_COLUMNS, MAX_ROW, Row

_BOM = b"\xef\xbb\xbf"
_LISTS = ("data", "examples", "rows", "train", "samples", "items", "conversations")
_DELIMITERS = (",", "\t", ";", "|")
_MEGABYTES = f"{MAX_ROW // 2**20} MB"


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers; one that does not end is refused, not held."""
    number = 0
    while line := stream.readline(MAX_ROW + 1):
        number += 1
        if len(line) > MAX_ROW:
            raise Unreadable(
                "line_too_long", f"the line is longer than {_MEGABYTES}; a line holds one example", line=number
            )
        yield number, line.removeprefix(_BOM) if number == 1 else line


def jsonl_rows(stream: BinaryIO, faults: Faults) -> Iterator[Row]:
    """An object a line; empty lines are passed over."""
    for number, line in _lines(stream):
        if line.isspace():
            continue
        try:
            values = _object(_text(line.rstrip(), number), number)
        except _Wrong as wrong:
            faults.add(wrong.fault)
            continue
        yield Row(number, values)


class _Wrong(Exception):
    def __init__(self, code: str, words: str, line: int, field: str = "") -> None:
        super().__init__(words)
        self.fault = Fault(code, words, line, field)


def _text(line: bytes, number: int) -> str:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise _Wrong("encoding", f"not UTF-8 at byte {error.start + 1}; save the file as UTF-8", number) from None
    if "\x00" in text:
        raise _Wrong("nul", f"a NUL byte at character {text.index(chr(0)) + 1}; the file is damaged", number)
    return text


def _object(text: str, line: int) -> dict[str, Any]:
    try:
        value = parse(text, line)
    except BrokenJson as error:
        raise _Wrong("json", f"not JSON: {error.words}", error.line) from None
    if not isinstance(value, dict):
        raise _Wrong("not_an_object", f"an example is an object in braces, not {_called(value)}", line)
    if len(value) > MAX_COLUMNS:
        raise _Wrong("too_many_columns", f"{len(value):,} fields; an example has at most {MAX_COLUMNS:,}", line)
    return value


def _called(value: Any) -> str:
    named = {list: "a list", str: "a text", type(None): "null", bool: "true or false"}
    return named.get(type(value), "a number")


def json_rows(stream: BinaryIO, faults: Faults) -> Iterator[Row]:
    """The objects of a list, or of the first list in an object; never the whole text at once."""
    feed = Feed(stream)
    try:
        if feed.peek() == "[":
            yield from _elements(feed, faults)
        elif feed.peek() == "{":
            yield from _within(feed, faults)
        else:
            raise Unreadable("json", "expecting a list of examples in brackets", line=feed.line)
        if feed.peek():
            raise Unreadable("json", "something follows after the end of the list", line=feed.line)
    except NotText as error:
        raise Unreadable("encoding", "not UTF-8; save the file as UTF-8", line=error.line) from None
    except BrokenJson as error:
        raise Unreadable("json", f"not JSON: {error.words}", line=error.line) from None


def _within(feed: Feed, faults: Faults) -> Iterator[Row]:
    found = False
    for key, line in feed.members():
        if not found and key in _LISTS and feed.peek() == "[":
            found = True
            yield from _elements(feed, faults)
        else:
            feed.skip()
        del line
    if not found:
        raise Unreadable(
            "json", f"no list of examples; expecting [...] or an object with {', '.join(_LISTS[:4])}", line=1
        )


def _elements(feed: Feed, faults: Faults) -> Iterator[Row]:
    for line in feed.elements():
        try:
            text, line = feed.value(MAX_ROW)
            values = _object(text, line)
        except TooBig as error:
            faults.add(Fault("line_too_long", f"the example is longer than {_MEGABYTES}", error.line))
            continue
        except _Wrong as wrong:
            faults.add(wrong.fault)
            continue
        yield Row(line, values)


class _Records:
    """The lines of a CSV as text, with how much the record under way holds: a quote that is not closed ends nowhere."""

    def __init__(self, stream: BinaryIO) -> None:
        self._lines = _lines(stream)
        self.number, self.held = 0, 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.number, line = next(self._lines)
        self.held += len(line)
        if self.held > MAX_ROW:
            raise Unreadable(
                "line_too_long", f"a record longer than {_MEGABYTES}: is a quote not closed?", line=self.number
            )
        try:
            return _text(line, self.number)
        except _Wrong as wrong:
            raise Unreadable(wrong.fault.code, wrong.fault.words, line=self.number) from None


def csv_rows(stream: BinaryIO, faults: Faults) -> Iterator[Row]:
    """Records under a header; commas, tabs, semicolons or bars between the fields, whichever the header has most of."""
    before = csv.field_size_limit(MAX_ROW)
    try:
        yield from _csv_rows(stream, faults)
    finally:
        csv.field_size_limit(before)


def _csv_rows(stream: BinaryIO, faults: Faults) -> Iterator[Row]:
    lines = _Records(stream)
    first = next(lines, "")
    delimiter = max(_DELIMITERS, key=first.count)
    header = _header(first, delimiter)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        start = lines.number + 1
        lines.held = 0
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise Unreadable("csv", f"not CSV: {_plain(error)}", line=start) from None
        if record is None:
            return
        if not record:
            continue
        if len(record) != len(header):
            words = f"{len(record):,} fields, the header has {len(header):,}: is a {_named(delimiter)} not in quotes?"
            faults.add(Fault("columns", words, start))
            continue
        yield Row(start, dict(zip(header, record, strict=True)))


def _header(line: str, delimiter: str) -> list[str]:
    try:
        names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter, strict=True), [])]
    except csv.Error as error:
        raise Unreadable("csv", f"the header is not CSV: {_plain(error)}", line=1) from None
    if len(names) > MAX_COLUMNS:
        raise Unreadable("too_many_columns", f"{len(names):,} columns; a dataset has at most {MAX_COLUMNS:,}", line=1)
    if not names:
        raise Unreadable("csv", "the first line is empty; it names the columns", line=1)
    for number, name in enumerate(names, 1):
        if not name:
            raise Unreadable("csv", f"column {number} has no name; the first line names the columns", line=1)
        if names.index(name) != number - 1:
            raise Unreadable("csv", f"two columns are called {shown(name)}; rename one", line=1, field=name)
    return names


def _plain(error: csv.Error) -> str:
    words = str(error)
    if "unexpected end" in words:
        return "a quote is not closed before the file ends"
    if "new-line character" in words:
        return "lines end in a bare carriage return; save it with Unix or Windows line ends"
    return words


def _named(delimiter: str) -> str:
    return {",": "comma", "\t": "tab", ";": "semicolon"}.get(delimiter, "bar")


def value_of(text: str) -> Any:
    """A text as the JSON in it; `ValueError` for what is none."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
