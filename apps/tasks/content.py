"""From a parsed task to what its row stores and back, and the names tasks go by. No database."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from apps.core.errors import Invalid
from apps.tasks.engine.formats import TaskData, content_hash, parse_task, task_to_json
from apps.tasks.engine.puzzle import Grid

RAW_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")
DATASET = re.compile(r"[a-z0-9][a-z0-9_.-]{0,31}")
MAX_PAIRS = 100
"""More demonstrations or tests than this is a data set in one file, not a task."""


def make_task_id(dataset: str, raw_id: str) -> str:
    """`<dataset>:<raw id>`; refuses names that could not stand in an address or a file name."""
    if not DATASET.fullmatch(dataset):
        raise Invalid(
            f"The dataset name {dataset[:40]!r} cannot be used: take 1 to 32 small letters, digits, dots, dashes "
            "or underscores, starting with a letter or digit.",
            field="dataset",
        )
    if not RAW_ID.fullmatch(raw_id):
        raise Invalid(
            f"The task id {raw_id[:100]!r} cannot be used: take 1 to 80 letters, digits, dots, dashes or underscores, "
            "starting with a letter, digit or underscore. For a file, rename it.",
            field="raw_id",
        )
    return f"{dataset}:{raw_id}"


def _pair_hash(pair: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(pair, separators=(",", ":"), sort_keys=True).encode()).hexdigest()[:16]


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
        "pair_hashes": {key: [_pair_hash(pair) for pair in pairs[key]] for key in ("train", "test")},
        "train_count": len(task.train),
        "test_count": len(task.tests),
        "max_side": max(max(grid.shape) for grid in _visible(task)),
        "colour_count": len(colours),
        "same_size": all(source.shape == target.shape for source, target in task.train),
        "has_truths": all(target is not None for _, target in task.tests),
    }


def task_data(raw_id: str, train_examples: Sequence[Any], tests: Sequence[Any]) -> TaskData:
    """The parsed task behind a row's (or an older version's) content."""
    return parse_task({"train": list(train_examples), "test": list(tests)}, raw_id)


def check_pair_counts(task: TaskData) -> None:
    """Refuse a file with more pairs than a task can have."""
    for noun, pairs in (("demonstrations", task.train), ("test pairs", task.tests)):
        if len(pairs) > MAX_PAIRS:
            raise Invalid(
                f"Task {task.raw_id}: {len(pairs)} {noun}; a task has at most {MAX_PAIRS}. Split it into several tasks.",
                field="train" if noun == "demonstrations" else "test",
            )


def with_known_truths(task: TaskData, known: TaskData) -> TaskData:
    """`task`, its withheld outputs filled in from `known` wherever the test input is the same.

    So that importing a challenges file over a full one does not throw truths away.
    """
    truths = {source.tobytes() + bytes(source.shape): target for source, target in known.tests}
    tests = tuple(
        (source, truths.get(source.tobytes() + bytes(source.shape)) if target is None else target)
        for source, target in task.tests
    )
    return TaskData(raw_id=task.raw_id, train=task.train, tests=tests)


MAX_METADATA = 65_536
"""Characters of JSON a task's metadata may take."""

_DEEPEST = 20


def check_metadata(metadata: dict[str, Any]) -> None:
    """Refuse metadata too large or too deep to keep."""
    waiting: list[tuple[Any, int]] = [(metadata, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST:
            raise Invalid(f"Metadata is nested deeper than {_DEEPEST} levels; flatten it.", field="metadata")
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting.extend((child, depth + 1) for child in children)
    if len(json.dumps(metadata)) > MAX_METADATA:
        raise Invalid(
            f"Metadata takes more than {MAX_METADATA:,} characters; keep large things elsewhere.", field="metadata"
        )
