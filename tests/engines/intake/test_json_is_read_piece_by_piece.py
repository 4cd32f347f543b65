"""A large JSON text costs what its largest value costs; every value, line and fault is found as a parser finds it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.tasks.engine.intake import feed
from apps.tasks.engine.intake.feed import BrokenJson, Feed, NotText, TooBig, parse

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)
chunks = st.sampled_from([1, 2, 3, 7, 64])


def walk(found: Feed) -> Any:
    """Everything, through members and elements alone."""
    match found.peek():
        case "{":
            return {key: walk(found) for key, _ in found.members()}
        case "[":
            return [walk(found) for _ in found.elements()]
    text, line = found.value(10**9)
    return parse(text, line)


def small(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Read so few bytes at a time."""
    monkeypatch.setattr(feed, "_CHUNK", size)


@settings(max_examples=200, deadline=None)
@given(value=values, chunk=chunks, indent=st.sampled_from([None, 1]), ascii_only=st.booleans())
def test_whatever_the_pieces_the_value_is_the_parsers(
    value: Any, chunk: int, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    with pytest.MonkeyPatch.context() as patch:
        small(patch, chunk)
        assert walk(Feed(io.BytesIO(text.encode()))) == json.loads(text)
        whole = Feed(io.BytesIO(f"\n {text}\n 7".encode()))
        found, line = whole.value(10**9)
        assert (parse(found), line) == (json.loads(text), 2)
        assert (whole.peek(), whole.line) == ("7", 3 + text.count("\n"))
        skipped = Feed(io.BytesIO(f"{text}\n 7".encode()))
        skipped.skip()
        assert (skipped.peek(), skipped.line) == ("7", 2 + text.count("\n"))


@settings(max_examples=100, deadline=None)
@given(value=values, chunk=chunks)
def test_what_is_too_big_is_passed_over(value: Any, chunk: int) -> None:
    text = json.dumps(value)
    with pytest.MonkeyPatch.context() as patch:
        small(patch, chunk)
        found = Feed(io.BytesIO(f"{text}\n 7".encode()))
        try:
            assert len(found.value(8)[0]) <= 8
        except TooBig:
            assert len(text) > 8
        assert found.peek() == "7"


def test_memory_holds_one_value_not_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, 1000)
    text = json.dumps({str(number): "x" * 100 for number in range(5_000)}).encode()
    found, most = Feed(io.BytesIO(text)), 0
    for _ in found.members():
        found.value(1000)
        most = max(most, len(found._text))
    assert most < 3_000 < len(text)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('{"a": 1,\n "b" 2}', 2, "expecting ':'"),
        ('{"a": 1\n\n "b": 2}', 3, "expecting ','"),
        ('{"a": [1,\n 2', 2, "ends"),
        ('{"a": [1,\n {"b": ]}', 2, "expecting value"),
        ("{\n\n1: 2}", 3, "double quotes"),
        ('{"a": "', 1, "ends|unterminated"),
        ("{", 1, "ends"),
        ("[1, 2", 1, "ends"),
        ('{"a": nothing}', 1, "expecting value"),
        ('{"a": NaN}', 1, "NaN is not"),
        ('{"a":\n {"b": 1, "b": 2}}', 2, "'b' stands twice"),
        ('{"a": ' + "9" * 5_000 + "}", 1, "too many digits"),
    ],
)
def test_a_fault_is_named_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(BrokenJson, match=words) as caught:
        take(Feed(io.BytesIO(text.encode())))
    assert caught.value.line == line


def take(found: Feed) -> None:
    """Every value of an object or a list, parsed."""
    for _ in found.members() if found.peek() == "{" else found.elements():
        parse(*found.value(10**6))


def test_bytes_that_are_no_utf8_are_said_to_be_none() -> None:
    with pytest.raises(NotText):
        Feed(io.BytesIO(b'{"a": "\xff"}')).value(100)
    assert Feed(io.BytesIO(b"\xef\xbb\xbf[1]")).value(100)[0] == "[1]"


@pytest.mark.parametrize("text", ['"' + "x" * 3_000_000, '{"' + "x" * 3_000_000, "[" + '"' + "\\" * 3_000_000])
def test_a_text_without_an_end_does_not_fill_the_memory(text: str) -> None:
    with pytest.raises(BrokenJson):
        walk_or_take(Feed(io.BytesIO(text.encode())))


def walk_or_take(found: Feed) -> None:
    """Take the keys of an object, or else the value."""
    if found.peek() == "{":
        for _ in found.members():
            found.value(1_000_000)
    else:
        found.value(1_000_000)


def test_deep_nesting_is_a_fault_and_no_crash() -> None:
    text, line = Feed(io.BytesIO(b"[" * 100_000 + b"]" * 100_000)).value(10**6)
    with pytest.raises(BrokenJson, match="nested too deeply"):
        parse(text, line)
