"""Examples as they are kept: a line of JSON each, and the places of every hundredth line, so that any page is near.

An example is `{"instruction", "input", "output"}` or `{"messages": [{"role", "content"}]}`; a `group` beside it names
what several are made of, which a split keeps together.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from apps.training.engine.faults import Fault, Faults, Unreadable, Unusable
from apps.training.engine.mapping import Mapped
from apps.training.engine.rows import Row
from apps.training.engine.statistics import Statistics, key_of

STRIDE = 100
_BLOCK = 2**18
_SEARCHED = 64 * 2**20


class Faulty(Exception):
    """The examples have faults, so none of them is kept."""

    code = "faulty_examples"


def line_of(example: Mapping[str, Any]) -> bytes:
    """An example as it is kept: the same content is the same line."""
    return json.dumps(example, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


@dataclass
class Writer:
    """Turns examples into the bytes of a file, and notes places and statistics on the way."""

    statistics: Statistics = field(default_factory=Statistics)
    places: array[int] = field(default_factory=lambda: array("Q"))
    size: int = 0
    first: list[Mapping[str, Any]] = field(default_factory=list)
    kept: int = 5

    def parts(self, examples: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
        """The file in pieces."""
        block = bytearray()
        for example in examples:
            if self.statistics.count % STRIDE == 0:
                self.places.append(self.size)
            if len(self.first) < self.kept:
                self.first.append(example)
            line = line_of(example)
            self.statistics.add(example)
            self.size += len(line)
            block += line
            if len(block) >= _BLOCK:
                yield bytes(block)
                block.clear()
        yield bytes(block)

    def places_file(self) -> bytes:
        """The places as they are kept: eight bytes each, the smallest first."""
        return np.frombuffer(self.places, dtype=np.uint64).astype("<u8").tobytes()


def examples_of(
    rows: Iterable[Row], mapped: Mapped, faults: Faults, *, tick: Callable[[int], None]
) -> Iterator[dict[str, Any]]:
    """The examples that rows are. From the first fault on none is handed out, but all are looked at; then `Faulty`."""
    try:
        for number, row in enumerate(rows, 1):
            tick(number)
            try:
                example = mapped.example(row.values)
            except Unusable as wrong:
                faults.add(Fault(wrong.code, wrong.words, row.line, wrong.field))
                continue
            if not faults.count:
                yield example
    except Unreadable as error:
        faults.count += 1
        faults.first.append(error.fault)
    if faults.count:
        raise Faulty


def read(path: str | Path, *, start: int = 0) -> Iterator[dict[str, Any]]:
    """Every example of a file, from the one at byte `start` on."""
    with open(path, "rb") as file:
        file.seek(start)
        for line in file:
            yield json.loads(line)


def page(file: BinaryIO, places: bytes, *, start: int, count: int) -> list[dict[str, Any]]:
    """`count` examples from number `start` (from 0) on, found by the nearest place before."""
    slot = start // STRIDE
    if start < 0 or slot * 8 + 8 > len(places):
        return []
    file.seek(int.from_bytes(places[slot * 8 : slot * 8 + 8], "little"))
    for _ in range(start % STRIDE):
        file.readline()
    found: list[dict[str, Any]] = []
    while len(found) < count and (line := file.readline()):
        found.append(json.loads(line))
    return found


@dataclass(frozen=True)
class Found:
    """Examples with a text in them, by number from 0, and where to go on looking (None: everything was looked at)."""

    examples: list[tuple[int, dict[str, Any]]]
    following: int | None


def search(file: BinaryIO, places: bytes, text: str, *, start: int, count: int) -> Found:
    """The next `count` examples with the text in them, large and small letters alike; a bounded look."""
    slot = start // STRIDE
    if slot * 8 + 8 > len(places):
        return Found([], None)
    file.seek(int.from_bytes(places[slot * 8 : slot * 8 + 8], "little"))
    number, looked = slot * STRIDE, 0
    found: list[tuple[int, dict[str, Any]]] = []
    wanted = json.dumps(text, ensure_ascii=False)[1:-1].lower()
    while line := file.readline():
        if number >= start and wanted in line.decode().lower():
            example = json.loads(line)
            if _says(example, text.lower()):
                found.append((number, example))
        number += 1
        looked += len(line)
        if len(found) >= count or looked > _SEARCHED:
            return Found(found, number)
    return Found(found, None)


def _says(example: Mapping[str, Any], text: str) -> bool:
    """In what it says, not in the names of its fields."""
    if "messages" in example:
        return any(text in one["content"].lower() for one in example["messages"])
    return any(text in str(value).lower() for value in example.values())


@dataclass(frozen=True)
class Division:
    """Which examples a split puts aside."""

    threshold: int
    seed: int

    def is_aside(self, example: Mapping[str, Any]) -> bool:
        """Whether the example goes into the smaller part."""
        return _rank(example, self.seed) < self.threshold


def division(path: str | Path, *, fraction: float, seed: int, tick: Callable[[int], None]) -> Division:
    """Put so much aside, by chance that the seed decides. What is equal, or made of the same, stays together: so nothing
    that is tested was learnt, and the share is met as nearly as whole groups allow."""
    ranks = array("Q")
    for number, example in enumerate(read(path), 1):
        tick(number)
        ranks.append(_rank(example, seed))
    values, counts = np.unique(np.frombuffer(ranks, dtype=np.uint64), return_counts=True)
    if len(values) < 2:
        raise Unreadable("too_few", "every example is the same or made of the same: there is nothing to split")
    reached = np.cumsum(counts)
    cut = int(np.argmin(np.abs(reached[:-1] - fraction * len(ranks)))) + 1
    return Division(int(values[cut]), seed)


def _rank(example: Mapping[str, Any], seed: int) -> int:
    own = str(example["group"]) if example.get("group") else f"{key_of(example)}"
    return int.from_bytes(blake2b(f"{seed}:{own}".encode(), digest_size=8).digest(), "little")
