"""Text and JSON from outside: what passes can be stored, drawn and read back by every part of the house."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apps.core.edge.text import (
    MAX_DEPTH,
    MAX_DIGITS,
    UnreadableText,
    UnusableText,
    check_values,
    objection_to,
    read_json,
)


def nested(levels: int, inner: str = "1") -> str:
    return "[" * levels + inner + "]" * levels


@pytest.mark.parametrize(
    "text", ["", "plain", "naïve 漢字 😀", "tab\tline\n", "\u2028", "\ufeff", "\x1b[31m", "\ufffd"]
)
def test_whole_text_passes(text: str) -> None:
    assert objection_to(text) is None


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "é\x00", "\ud800", "a\udfff", "\udc00\ud800", "😀\ud83d"])
def test_nul_and_half_surrogates_do_not(text: str) -> None:
    assert objection_to(text)
    with pytest.raises(UnusableText):
        read_json(json.dumps({"a": [text]}))
    with pytest.raises(UnusableText):
        read_json(json.dumps({text: 1}))


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"{}", {}),
        (b' {"a": [1, 2.5, -3e2, true, null, "x"]} ', {"a": [1, 2.5, -300.0, True, None, "x"]}),
        (b'"\\ud83d\\ude00"', "😀"),
        ('"漢"'.encode(), "漢"),
        (b"1e308", 1e308),
        (b"1e-400", 0.0),
        (b"9" * MAX_DIGITS, int("9" * MAX_DIGITS)),
        (nested(MAX_DEPTH).encode(), json.loads(nested(MAX_DEPTH))),
        (f'"{"[" * 5000}"'.encode(), "[" * 5000),
        (b'{"a": "\\\\u0000"}', {"a": "\\u0000"}),
        (b'{"a": "1e999", "b": "' + b"9" * 5000 + b'"}', {"a": "1e999", "b": "9" * 5000}),
    ],
)
def test_what_json_means_is_read_as_it_is(raw: bytes, value: Any) -> None:
    assert read_json(raw) == value
    assert read_json(raw.decode()) == value


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b"[1,]",
        b"NaN",
        b"[Infinity]",
        b'{"a": -Infinity}',
        b"\xff\xfe",
        '"é"'.encode("latin-1"),
        "{}".encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b'"\x00"',
        b'"\\ud8"',
        b"01",
        b"0x10",
        b'{"a": 1, "a": 2}',
        b'[{"b": {"c": 1, "d": 2, "c": 3}}]',
        nested(MAX_DEPTH + 1).encode(),
        nested(100_000).encode(),
        b'{"a":' * 70 + b"1" + b"}" * 70,
        b"[" * 2_000_000,
    ],
)
def test_what_is_no_json_says_why_without_a_fault(raw: bytes) -> None:
    with pytest.raises(UnreadableText) as refused:
        read_json(raw)
    assert str(refused.value)


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b'{"a": {"b": [0, 1e400]}}', "a.b.1"),
        (b'{"a": -1e309}', "a"),
        (b'{"n": ' + b"9" * 101 + b"}", "n"),
        (b'{"n": -' + b"9" * 5000 + b"}", "n"),
        (b'{"n": 1.' + b"3" * 5000 + b"}", "n"),
        (b'{"n": 1E+999}', "n"),
        (b'[{"x": "a\\u0000"}]', "0.x"),
        (b'{"x": "\\uD800"}', "x"),
        (b'{"x": {"\\udfff": 1}}', "x"),
    ],
)
def test_what_cannot_be_used_names_its_place(raw: bytes, field: str) -> None:
    with pytest.raises(UnusableText) as refused:
        read_json(raw)
    assert refused.value.field == field


def test_a_place_can_itself_be_told() -> None:
    with pytest.raises(UnusableText) as refused:
        read_json(json.dumps({"\ud800" * 50: {"a\x00": {"b" * 500: ["\x00"]}}}))
    refused.value.field.encode()
    assert len(refused.value.field) <= 200
    assert "\x00" not in refused.value.field


def test_values_that_never_were_text_are_held_to_the_same() -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH + 2):
        deep = [deep]
    for value in ({"a": float("nan")}, {"a": float("inf")}, {"a": "\x00"}, {"\ud800": 1}, deep):
        with pytest.raises(UnusableText):
            check_values(value, "metadata")
    check_values({"a": [1, 2.5, None, True, "x", {"b": []}]}, "metadata")
