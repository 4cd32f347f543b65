"""JSON read piece by piece: what is in memory is one value, never the file.

A `Feed` walks through members and elements and hands out the text of single values, found by their brackets alone and
parsed by `parse`. So the largest file costs what its largest task costs, a value larger than any task is passed over
without being built, and the line of everything is known on the way.
"""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NoReturn, Protocol

_CHUNK = 2**18
_SPACE = re.compile(r"[ \t\n\r]*+")
_TOKEN = re.compile(r'\[[^\[\]{}"]*+\]|"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[\]{}]', re.DOTALL)
"""A list without lists in it (a row of a grid) and a text are one token each; everything else is a bracket."""

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SCALAR = re.compile(r'[^\s,:"\[\]{}]++')
_LONGEST_KEY = 10_000
_LONGEST_TEXT = 2**20
"""Of a text in quotes within something that is passed over."""


class Stream(Protocol):
    """Something to read bytes from."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, none at the end."""
        ...


class BrokenJson(ValueError):
    """Text that is not JSON; `line` is counted from 1."""

    def __init__(self, words: str, line: int) -> None:
        super().__init__(words)
        self.words, self.line = words, line


class NotText(BrokenJson):
    """Bytes that are not UTF-8."""


class TooBig(ValueError):
    """A value larger than asked for; it has been passed over."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line}")
        self.line = line


class Feed:
    """A place in a JSON text that only moves forward."""

    def __init__(self, stream: Stream, line: int = 1) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("strict").decode
        self._text, self._at, self._ended = "", 0, False
        self._line, self._counted = line, 0

    @property
    def line(self) -> int:
        """The line of the present place."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _fill(self) -> bool:
        """Read on, and drop what stands before the present place. False at the end."""
        if self._ended:
            return False
        data = self._stream.read(_CHUNK)
        try:
            fresh = self._decode(data, not data)
        except UnicodeDecodeError:
            raise NotText("not UTF-8 text", self.line) from None
        self._line = self.line
        self._text, self._at, self._counted, self._ended = self._text[self._at :] + fresh, 0, 0, not data
        return True

    def _skip_space(self) -> None:
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text) or not self._fill():
                return

    def peek(self) -> str:
        """The next character that is no space; nothing at the end."""
        self._skip_space()
        return self._text[self._at : self._at + 1]

    def _take(self, character: str) -> None:
        if self.peek() != character:
            self._fail(f"expecting {character!r}")
        self._at += 1

    def _fail(self, words: str) -> NoReturn:
        raise BrokenJson(words if self.peek() else f"{words}, but the text ends", self.line)

    def members(self) -> Iterator[tuple[str, int]]:
        """The keys of an object, each with its line; its value must be taken before the next one."""
        self._take("{")
        if self.peek() == "}":
            self._at += 1
            return
        while True:
            if self.peek() != '"':
                self._fail("expecting a key in double quotes")
            line = self.line
            key = self._key(line)
            self._take(":")
            yield key, line
            if self._closes("}"):
                return

    def elements(self) -> Iterator[int]:
        """The elements of a list by their lines; each must be taken before the next one."""
        self._take("[")
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            self.peek()
            yield self.line
            if self._closes("]"):
                return

    def _closes(self, bracket: str) -> bool:
        character = self.peek()
        if character not in (",", bracket) or not character:
            self._fail(f"expecting ',' or {bracket!r}")
        self._at += 1
        return character == bracket

    def _key(self, line: int) -> str:
        while (found := _STRING.match(self._text, self._at)) is None:
            if len(self._text) - self._at > _LONGEST_KEY or not self._fill():
                raise BrokenJson("a key that does not end", line)
        self._at = found.end()
        key: str = parse(found[0], line)
        return key

    def value(self, limit: int) -> tuple[str, int]:
        """The text of the next value and its line. One of more than `limit` characters is passed over: `TooBig`."""
        self._skip_space()
        line = self.line
        return self._span(limit, line, keep=True), line

    def skip(self) -> None:
        """Pass over the next value without looking into it."""
        self._skip_space()
        self._span(0, self.line, keep=False)

    def _span(self, limit: int, line: int, *, keep: bool) -> str:
        if self.peek() in ("{", "[", '"'):
            return self._brackets(limit, line, keep=keep)
        while (found := _SCALAR.match(self._text, self._at)) is not None and found.end() == len(self._text):
            if found.end() - self._at > _LONGEST_TEXT or not self._fill():
                break
        if found is None or len(found[0]) > _LONGEST_TEXT:
            self._fail("expecting value")
        self._at = found.end()
        if keep and len(found[0]) > limit:
            raise TooBig(line)
        return found[0]

    def _brackets(self, limit: int, line: int, *, keep: bool) -> str:
        """Up to the bracket that closes the first one."""
        start = position = self._at
        depth, large = 0, False
        while True:
            for token in _TOKEN.finditer(self._text, position):
                mark = token[0]
                if mark in ("[", "{"):
                    depth += 1
                elif mark in ("]", "}"):
                    depth -= 1
                elif mark == '"':
                    position = token.start()  # a text that goes on in what has not been read
                    break
                position = token.end()
                if depth <= 0:
                    text, self._at = self._text[start:position], position
                    if keep and (large or len(text) > limit):
                        raise TooBig(line)
                    return text
            large = large or not keep or len(self._text) - start > limit
            if large:
                self._at = start = position
                if len(self._text) - start > _LONGEST_TEXT + 2 * _CHUNK:
                    raise BrokenJson("a text in quotes that does not end", line)
            if not self._fill():
                self._unfinished("" if large else self._text[start:], line)
            start, position = 0, position - start

    def _unfinished(self, text: str, line: int) -> NoReturn:
        """The end came first: a parser finds the place where that began to go wrong."""
        self._at = len(self._text)
        with suppress(RecursionError):
            try:
                json.loads(text)
            except json.JSONDecodeError as error:
                if error.pos < len(text.rstrip()) and not error.msg.startswith("Unterminated"):
                    raise BrokenJson(_plain(error.msg), line + error.lineno - 1) from None
        raise BrokenJson("the text ends before its last bracket", self.line)


def parse(text: str, line: int = 1) -> Any:
    """The value a text holds. `BrokenJson` names the line, also for a key that stands twice in one object, and for
    NaN and its like, which are not JSON."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise BrokenJson(_plain(error.msg), line + error.lineno - 1) from None
    except RecursionError:
        raise BrokenJson("nested too deeply", line) from None
    except _Refused as error:
        raise BrokenJson(str(error), line) from None
    except ValueError:  # Python reads no whole number of more than some thousand digits
        raise BrokenJson("a number of too many digits", line) from None


def _plain(words: str) -> str:
    return words[:1].lower() + words[1:].removesuffix(" enclosed in double quotes")


class _Refused(ValueError):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise _Refused(f"the key {twice[:80]!r} stands twice in one object, and nobody can say which is meant")
    return found


def _no_constant(name: str) -> NoReturn:
    raise _Refused(f"{name} is not a JSON number")
