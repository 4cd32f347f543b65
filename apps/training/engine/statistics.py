"""What a dataset is like, counted while its examples go past: lengths, a histogram, duplicates."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np

TWINS_TOLD = 20


def lengths(example: Mapping[str, Any]) -> tuple[int, int]:
    """Characters that are read, and characters that are learnt."""
    if "messages" in example:
        said = sum(len(one["content"]) for one in example["messages"] if one["role"] == "assistant")
        return sum(len(one["content"]) for one in example["messages"]) - said, said
    return len(example["instruction"]) + len(example["input"]), len(example["output"])


def key_of(example: Mapping[str, Any]) -> int:
    """A number of 64 bits that equal examples share; where they come from does not count."""
    parts = (
        [one["role"] + "\x00" + one["content"] for one in example["messages"]]
        if "messages" in example
        else [example["instruction"], example["input"], example["output"]]
    )
    return int.from_bytes(blake2b("\x00\x01".join(parts).encode(), digest_size=8).digest(), "little")


@dataclass
class Histogram:
    """How many lie between powers of two: bin n counts from 2^(n-1) up to but not 2^n, bin 0 nothing."""

    counts: dict[int, int] = field(default_factory=dict)

    def add(self, value: int) -> None:
        """One more."""
        number = value.bit_length()
        self.counts[number] = self.counts.get(number, 0) + 1

    def told(self) -> list[dict[str, int]]:
        """Every bin between the first and the last, with its bounds."""
        if not self.counts:
            return []
        bins = range(min(self.counts), max(self.counts) + 1)
        return [{"from": (1 << n) >> 1, "below": 1 << n, "count": self.counts.get(n, 0)} for n in bins]


@dataclass
class Statistics:
    """Counted so far."""

    count: int = 0
    inputs: int = 0
    outputs: int = 0
    longest: int = 0
    shortest: int = 0
    turns: int = 0
    histogram: Histogram = field(default_factory=Histogram)
    keys: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, example: Mapping[str, Any]) -> None:
        """One more example."""
        read, learnt = lengths(example)
        whole = read + learnt
        self.shortest = whole if not self.count else min(self.shortest, whole)
        self.longest = max(self.longest, whole)
        self.count += 1
        self.inputs += read
        self.outputs += learnt
        self.turns += len(example.get("messages", ())) or 2
        self.histogram.add(whole)
        self.keys.append(key_of(example))

    def told(self) -> dict[str, Any]:
        """DatasetStatistics of the specification, and more."""
        number = max(1, self.count)
        twins, told = self._twins()
        return {
            "avg_input_length": round(self.inputs / number, 2),
            "avg_output_length": round(self.outputs / number, 2),
            "max_length": self.longest,
            "min_length": self.shortest,
            "total_tokens": None,
            "avg_turns": round(self.turns / number, 2),
            "histogram": self.histogram.told(),
            "duplicates": twins,
            "twins": told,
        }

    def _twins(self) -> tuple[int, list[list[int]]]:
        """How many examples stood earlier already, and the first of them with the earlier one, counted from 1."""
        keys = np.frombuffer(self.keys, dtype=np.uint64)
        order = np.argsort(keys, kind="stable")
        same = np.flatnonzero(keys[order][1:] == keys[order][:-1])
        later = np.sort(order[same + 1])[:TWINS_TOLD]
        told = []
        for number in later.tolist():
            first = int(np.flatnonzero(keys == keys[number])[0])
            told.append([number + 1, first + 1])
        return len(same), told
