"""What a task's row says of its content: the pairs, their identity, and the small facts lists are made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apps.tasks.engine.formats import TaskData, content_hash, task_to_json
from apps.tasks.engine.puzzle import Grid


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, separators=(",", ":"), sort_keys=True).encode()).hexdigest()[:16]


def _visible(task: TaskData) -> Iterator[Grid]:
    """Every grid a solver may see."""
    for source, target in task.train:
        yield source
        yield target
    for source, _ in task.tests:
        yield source


def content_columns(task: TaskData) -> dict[str, Any]:
    """The columns of `ArcTask` that follow from its content. Features look at what a solver may see, nothing else."""
    pairs = task_to_json(task)
    tests = [{"input": pair["input"], "output": pair.get("output")} for pair in pairs["test"]]
    colours: set[int] = set()
    for grid in _visible(task):
        colours.update(grid.ravel().tolist())
    return {
        "train_examples": pairs["train"],
        "tests": tests,
        "test_input": tests[0]["input"],
        "test_output": tests[0]["output"],
        "content_hash": content_hash(task),
        "pair_hashes": {key: [_hash(pair) for pair in pairs[key]] for key in ("train", "test")},
        "train_count": len(task.train),
        "test_count": len(task.tests),
        "max_side": max(max(grid.shape) for grid in _visible(task)),
        "colour_count": len(colours),
        "same_size": all(source.shape == target.shape for source, target in task.train),
        "has_truths": all(target is not None for _, target in task.tests),
    }


def content_digest(pair_hashes: Mapping[str, Sequence[str]]) -> str:
    """The pairs in their order and all their outputs, as one short text: equal only when nothing at all differs."""
    return _hash([list(pair_hashes.get("train", ())), list(pair_hashes.get("test", ()))])


def puzzle_digest(columns: Mapping[str, Any]) -> str:
    """The demonstrations and test inputs in whatever order, without the test outputs: equal puzzles have equal ones."""
    inputs = sorted(_hash(test["input"]) for test in columns["tests"])
    return _hash([sorted(columns["pair_hashes"]["train"]), inputs])
