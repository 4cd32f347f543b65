"""The examples of a run as one file of tokens, mapped into memory: a data set larger than memory trains as well.

Made once for a data set, a tokenizer and a length, then only read. Rows are cut to the length; examples of which nothing
that is learnt is left are dropped. `pack` puts several into a row; `EpochOrder` is the order of an epoch, the same
for the same seed and epoch wherever and whenever it is asked for, which going on from a checkpoint depends on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.training.engine.rendering import render

IGNORED = -100
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Counts:
    """What became of the examples."""

    examples: int
    tokens: int
    learnt: int
    cut: int
    dropped: int
    longest: int


class NothingToLearn(ValueError):
    """No example is left."""

    code = "nothing_to_learn"


def write(folder: str | Path, examples: Iterable[Mapping[str, Any]], tokenizer: Any, *, max_length: int) -> Counts:
    """Write the tokens of all examples; the file that says what is there comes last, so half of it is nothing."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    ends: list[int] = []
    total = learnt = cut = dropped = longest = 0
    with (folder / "tokens").open("wb") as tokens, (folder / "learnt").open("wb") as marks:
        for example in examples:
            row = render(tokenizer, example)
            kept, kept_marks = row.tokens[:max_length], row.learnt[:max_length]
            if not any(kept_marks):
                dropped += 1
                continue
            cut += len(row.tokens) > max_length
            tokens.write(np.asarray(kept, dtype="<u4").tobytes())
            marks.write(np.asarray(kept_marks, dtype="u1").tobytes())
            total += len(kept)
            learnt += sum(kept_marks)
            longest = max(longest, len(kept))
            ends.append(total)
    if not ends:
        raise NothingToLearn(
            f"Nothing is left to learn from: {dropped:,} examples have no answer within {max_length:,} tokens. "
            "Raise max_seq_length, or look at the data set's preview."
        )
    np.save(folder / "ends.npy", np.asarray(ends, dtype=np.int64))
    counts = Counts(len(ends), total, learnt, cut, dropped, longest)
    draft = folder / "counts.draft"
    draft.write_text(json.dumps(asdict(counts)))
    os.replace(draft, folder / "counts.json")
    return counts


class TokenFile:
    """Rows of tokens, read where they lie."""

    def __init__(self, folder: str | Path, *, packed_to: int | None = None) -> None:
        folder = Path(folder)
        self.counts = Counts(**json.loads((folder / "counts.json").read_text()))
        self._tokens = np.memmap(folder / "tokens", dtype="<u4", mode="r")
        self._learnt = np.memmap(folder / "learnt", dtype="u1", mode="r")
        self._ends = np.concatenate([[0], np.load(folder / "ends.npy")])
        self._rows = pack(np.diff(self._ends), packed_to) if packed_to else None

    def __len__(self) -> int:
        return len(self._rows) if self._rows is not None else self.counts.examples

    def __getitem__(self, number: int) -> list[tuple[Ints, Ints]]:
        """The examples of a row: of each its tokens, and its labels."""
        return [self._example(example) for example in (self._rows[number] if self._rows is not None else [int(number)])]

    @property
    def lengths(self) -> Ints:
        """Tokens of each row."""
        of_each = np.diff(self._ends)
        if self._rows is None:
            return of_each
        return np.asarray([int(of_each[row].sum()) for row in self._rows], dtype=np.int64)

    def _example(self, number: int) -> tuple[Ints, Ints]:
        span = slice(int(self._ends[number]), int(self._ends[number + 1]))
        tokens = self._tokens[span].astype(np.int64)
        return tokens, np.where(self._learnt[span] == 1, tokens, IGNORED)


def pack(lengths: Ints, size: int) -> list[list[int]]:
    """Examples put into rows of at most `size` tokens, the longest first, each into the fullest row that has room."""
    order = np.lexsort((np.arange(len(lengths)), -lengths))
    room: dict[int, list[int]] = {}  # free tokens -> rows with so many free
    rows: list[list[int]] = []
    for example in order.tolist():
        length = int(lengths[example])
        fitting = min((free for free in room if free >= length), default=None)
        if fitting is None:
            rows.append([])
            row, free = len(rows) - 1, size
        else:
            row, free = room[fitting].pop(), fitting
            if not room[fitting]:
                del room[fitting]
        rows[row].append(example)
        if free - length > 0:
            room.setdefault(free - length, []).append(row)
    return rows


class EpochOrder:
    """The order of rows in an epoch. With lengths, rows of like length stand together, and such batches are shuffled."""

    def __init__(self, count: int, *, seed: int, lengths: Ints | None = None, batch: int = 1) -> None:
        self._count, self._seed, self._lengths, self._batch = count, seed, lengths, batch
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Which epoch comes next."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng([self._seed, self._epoch])
        order = random.permutation(self._count)
        if self._lengths is None:
            return iter(order.tolist())
        window = self._batch * 50
        sorted_within = [
            part[np.argsort(-self._lengths[part], kind="stable")]
            for part in (order[start : start + window] for start in range(0, self._count, window))
        ]
        together = np.concatenate(sorted_within)
        batches = [together[start : start + self._batch] for start in range(0, self._count, self._batch)]
        ragged = [batches.pop()] if len(batches[-1]) < self._batch else []
        mixed = [batches[number] for number in random.permutation(len(batches))] + ragged
        return iter(np.concatenate(mixed).tolist())


def collate(rows: Sequence[Sequence[tuple[Ints, Ints]]], *, pad: int, packed: bool) -> dict[str, Any]:
    """A batch as arrays, padded to its longest row. Packed rows carry positions that start anew with each example."""
    widest = max(sum(len(tokens) for tokens, _ in row) for row in rows)
    ids = np.full((len(rows), widest), pad, dtype=np.int64)
    labels = np.full((len(rows), widest), IGNORED, dtype=np.int64)
    positions = np.zeros((len(rows), widest), dtype=np.int64)
    mask = np.zeros((len(rows), widest), dtype=np.int64)
    for number, row in enumerate(rows):
        at = 0
        for tokens, wanted in row:
            end = at + len(tokens)
            ids[number, at:end], labels[number, at:end], mask[number, at:end] = tokens, wanted, 1
            labels[number, at] = IGNORED  # nothing comes before it that it could be told from
            positions[number, at:end] = np.arange(len(tokens))
            at = end
        positions[number, at:] = np.arange(widest - at)
    batch = {"input_ids": ids, "labels": labels}
    return {**batch, "position_ids": positions} if packed else {**batch, "attention_mask": mask}
