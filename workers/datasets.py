"""The kinds of job behind datasets: looking at a file, reading it, making one of tasks, splitting, counting tokens.

All of it runs in a child without Django, which puts what it makes into the store; its rows are written when it ends.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.core.engine.artefacts import Store, digest
from workers.runners import ChildTask, Runner
from workers.runners import register as register_runner

if TYPE_CHECKING:
    from apps.core.models import Job

Report = Callable[[str, Mapping[str, Any]], None]
MEMORY_MB = 1024
"""What is read is one row, whatever the size of the file; a number of 64 bits an example finds those that are equal.
The rest is for a group of rows of Parquet, unpacked."""

WARM = ("workers.datasets", "apps.training.engine.dataset_files", "apps.training.engine.datasets")
_EVERY_SECONDS = 0.5
_SAMPLE, _LOOKED_AT, _LONGEST = 20, 200, 2_000
_SHOWN_TOKENS = 2_000


# --- in the worker ----------------------------------------------------------------------------------------------------


def _place(artefact_id: str | None) -> str:
    from apps.core.artefacts import store
    from apps.core.errors import NotFound

    if not artefact_id:
        raise NotFound("The dataset's file is gone.")
    return str(store().path(digest(artefact_id)))


def _dataset(dataset_id: str) -> Any:
    from apps.training.queries.datasets import dataset_get

    return dataset_get(dataset_id=dataset_id)


def _store() -> str:
    from apps.core.artefacts import store

    return str(store().root)


def prepare_look(job: Job) -> ChildTask:
    """Where the file lies."""
    dataset = _dataset(job.payload["dataset_id"])
    arguments = {"path": _place(dataset.source_id), "format": dataset.recipe.get("said_format", "")}
    return ChildTask(entry="workers.datasets:look", arguments=arguments)


def prepare_import(job: Job) -> ChildTask:
    """The file, and what its columns mean."""
    dataset = _dataset(job.payload["dataset_id"])
    arguments = {
        "store": _store(),
        "path": _place(dataset.source_id),
        "size": dataset.size_bytes,
        "format": dataset.recipe.get("said_format", ""),
        "mapping": dataset.recipe["mapping"],
    }
    return ChildTask(entry="workers.datasets:take_in", arguments=arguments)


def prepare_build(job: Job) -> ChildTask:
    """What it is made of, set down in a file of the store that nothing refers to: it is collected when it is old."""
    from apps.core.artefacts import artefact_store, store
    from apps.training.services.building import material

    dataset = _dataset(job.payload["dataset_id"])
    count = 0

    def lines() -> Iterator[bytes]:
        nonlocal count
        for one in material(dataset):
            count += 1
            yield json.dumps(one, separators=(",", ":")).encode() + b"\n"

    stored = artefact_store(source=lines())
    arguments = {
        "store": _store(),
        "path": str(store().path(stored.sha256)),
        "count": count,
        "origin": dataset.origin,
        "recipe": {name: value for name, value in dataset.recipe.items() if name != "tasks"},
    }
    return ChildTask(entry="workers.datasets:build", arguments=arguments)


def prepare_split(job: Job) -> ChildTask:
    """The examples to divide."""
    parent = _dataset(job.payload["parent_id"])
    arguments = {
        "store": _store(),
        "path": _place(parent.examples_id),
        "count": parent.num_samples,
        "fraction": job.payload["fraction"],
        "seed": job.payload["seed"],
    }
    return ChildTask(entry="workers.datasets:split", arguments=arguments)


def prepare_tokens(job: Job) -> ChildTask:
    """The examples to count."""
    dataset = _dataset(job.payload["dataset_id"])
    arguments = {
        "path": _place(dataset.examples_id),
        "count": dataset.num_samples,
        "tokenizer": job.payload["tokenizer"],
    }
    return ChildTask(entry="workers.datasets:count_tokens", arguments=arguments)


# --- in the child -----------------------------------------------------------------------------------------------------


class _Ticker:
    """Says how far it is, twice a second."""

    def __init__(self, report: Report, fraction: Callable[[int], float], words: str = "examples") -> None:
        self._report, self._fraction, self._words = report, fraction, words
        self._said = time.monotonic()

    def __call__(self, number: int) -> None:
        if number % 64 == 0 and time.monotonic() - self._said > _EVERY_SECONDS:
            self._said = time.monotonic()
            fraction = min(0.99, self._fraction(number))
            self._report("progress", {"fraction": fraction, "note": f"{number:,} {self._words}"})


def look(arguments: dict[str, Any], _report: Report) -> dict[str, Any]:
    """The beginning of a file: its format, its columns, some rows, and what the columns seem to mean."""
    from apps.training.engine import dataset_files
    from apps.training.engine.faults import Faults, Unreadable
    from apps.training.engine.mapping import guessed
    from apps.training.engine.rows import MAX_COLUMNS

    _quiet_arrow()
    faults = Faults()
    unit = "Line"
    columns: dict[str, None] = {}
    sample: list[dict[str, Any]] = []
    try:
        source = dataset_files.opened(arguments["path"], format=arguments["format"])
        unit = source.unit
        for number, row in enumerate(dataset_files.rows_of(source, faults), 1):
            columns.update(dict.fromkeys(_clean(name)[:200] for name in row.values))
            if len(sample) < _SAMPLE:
                sample.append({_clean(name)[:200]: short(value) for name, value in list(row.values.items())[:100]})
            if number >= _LOOKED_AT or len(columns) > MAX_COLUMNS:
                break
    except Unreadable as error:
        faults.count += 1
        faults.first.append(error.fault)
    if not sample and not faults.count:
        faults.count, faults.first = 1, [Unreadable("empty", "there are no examples in the file").fault]
    if faults.count:
        return {**faults.told(), "unit": unit}
    guess = guessed(list(columns), sample)
    names = list(columns)[:MAX_COLUMNS]
    return {"format": source.format, "columns": names, "sample": sample, "guess": guess.told() if guess else None}


def take_in(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """All of a file, as examples; nothing of it where anything is wrong, and then what."""
    from apps.training.engine import dataset_files
    from apps.training.engine.datasets import Faulty, examples_of
    from apps.training.engine.faults import Faults, Unreadable
    from apps.training.engine.mapping import Mapped

    _quiet_arrow()
    mapped = Mapped(**arguments["mapping"])
    faults, unit = Faults(), "Line"
    try:
        source = dataset_files.opened(arguments["path"], format=arguments["format"])
        unit = source.unit
        size = max(1, arguments["size"])
        tick = _Ticker(report, lambda _number: source.done() / size)
        found = dataset_files.rows_of(source, faults, columns=mapped.columns)
        made = _write(arguments["store"], examples_of(found, mapped, faults, tick=tick))
    except Faulty:
        return {**faults.told(), "unit": unit}
    except Unreadable as error:
        return {"faults": [error.fault.told()], "fault_count": 1, "unit": unit}
    if made is None:
        return {"faults": [Unreadable("empty", "there are no examples in the file").fault.told()], "fault_count": 1}
    return {"made": {**made, "shape": "chat" if mapped.shape == "chat" or mapped.system else mapped.shape}}


def build(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Examples of tasks, or of programs."""
    from apps.training.engine.arc_examples import Recipe, examples, program_examples
    from apps.training.engine.datasets import read
    from apps.training.engine.faults import Unreadable

    count = max(1, arguments["count"])
    recipe = arguments["recipe"]
    tick = _Ticker(report, lambda number: number / count, "tasks")

    def lines() -> Iterator[dict[str, Any]]:
        for number, one in enumerate(read(arguments["path"]), 1):
            tick(number)
            yield one

    if arguments["origin"] == "tasks":
        made = _write(
            arguments["store"], examples(((one["task_id"], one["pairs"]) for one in lines()), Recipe(**recipe))
        )
    else:
        answers = ((one["task_id"], one["pairs"], one["program"]) for one in lines())
        limit = recipe["max_characters"]
        made = _write(arguments["store"], program_examples(answers, writing=recipe["writing"], max_characters=limit))
    if made is None:
        fault = Unreadable("empty", "every example would be longer than the limit of characters; raise it").fault
        return {"faults": [fault.told()], "fault_count": 1}
    return {"made": {**made, "shape": "instruction", "columns": ["instruction", "input", "output"]}}


def split(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Both parts, each as a file of its own."""
    from apps.training.engine.datasets import division, read
    from apps.training.engine.faults import Unreadable

    count = max(1, arguments["count"])
    path, found = arguments["path"], {}
    try:
        cut = division(
            path,
            fraction=arguments["fraction"],
            seed=arguments["seed"],
            tick=_Ticker(report, lambda number: number / count / 3),
        )
    except Unreadable as error:
        return {"faults": [error.fault.told()], "fault_count": 1}
    for turn, (name, aside) in enumerate((("made", False), ("other", True)), 1):
        tick = _Ticker(report, lambda number, turn=turn: (turn + number / count) / 3)  # type: ignore[misc]

        def part(aside: bool = aside, tick: _Ticker = tick) -> Iterator[dict[str, Any]]:
            for number, example in enumerate(read(path), 1):
                tick(number)
                if cut.is_aside(example) == aside:
                    yield example

        found[name] = _write(arguments["store"], part())
    return {name: {**made, **_shape_of(made)} for name, made in found.items() if made is not None}


def _shape_of(made: Mapping[str, Any]) -> dict[str, Any]:
    first = made["sample"][0]
    columns = [name for name in first if name != "group"]
    return {"shape": "chat" if "messages" in first else "instruction", "columns": columns}


def count_tokens(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Tokens of every example, and the first ones in pieces: what is only read, and what is learnt."""

    from apps.training.engine.datasets import read
    from apps.training.engine.rendering import render, spans
    from apps.training.engine.statistics import Histogram

    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    tokenizer = _tokenizer(arguments["tokenizer"])
    count = max(1, arguments["count"])
    tick = _Ticker(report, lambda number: number / count)
    total = learnt = longest = 0
    histogram = Histogram()
    shown: list[list[dict[str, Any]]] = []
    for number, example in enumerate(read(arguments["path"]), 1):
        tick(number)
        rendered = render(tokenizer, example)
        length = len(rendered.tokens)
        total, learnt, longest = total + length, learnt + sum(rendered.learnt), max(longest, length)
        histogram.add(length)
        if len(shown) < 5:
            pieces = spans(tokenizer, rendered)
            shown.append(
                [
                    {"text": _clean(one.text)[:_SHOWN_TOKENS], "learnt": one.learnt, "tokens": one.tokens}
                    for one in pieces
                ]
            )
    return {
        "tokens": {
            "tokenizer": arguments["tokenizer"],
            "total": total,
            "learnt": learnt,
            "average": round(total / count, 2),
            "longest": longest,
            "histogram": histogram.told(),
            "shown": shown,
        }
    }


def _tokenizer(name: str) -> Any:
    """The house's own, or that of a model: a folder here, or an id where a hub can be reached."""
    if name == "terrarium":
        from apps.training.engine.tokenizer import make_tokenizer

        return make_tokenizer()
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError) as error:
        first = next(iter(str(error).splitlines()), "")[:200]
        raise ValueError(
            f"There is no tokenizer {name[:100]!r} to be had here: {first} Name a folder, or “terrarium”."
        ) from None


def _write(store: str, examples: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The examples and their places, in the store; None where there are none."""
    from apps.training.engine.datasets import Writer

    writer, kept = Writer(), Store(Path(store))
    stored = kept.put(writer.parts(examples))
    if not writer.statistics.count:
        return None
    places = kept.put([writer.places_file()])
    return {
        "examples": {"sha256": stored.sha256, "size": stored.size},
        "places": {"sha256": places.sha256, "size": places.size},
        "count": writer.statistics.count,
        "statistics": writer.statistics.told(),
        "sample": [short(example) for example in writer.first],
    }


def short(value: Any, depth: int = 0) -> Any:
    """Something of a file as a row may hold it: JSON, not too long, without what no database takes."""
    if isinstance(value, str):
        text = _clean(value)
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    if value is None or isinstance(value, bool | int):
        return value if not isinstance(value, int) or abs(value) < 2**63 else str(value)
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if depth > 6:
        return "…"
    if isinstance(value, Mapping):
        return {_clean(str(key))[:200]: short(one, depth + 1) for key, one in list(value.items())[:50]}
    if isinstance(value, list | tuple):
        return [short(one, depth + 1) for one in value[:20]]
    return short(str(value))


def _clean(text: str) -> str:
    return text.replace("\x00", "�").encode("utf-8", "replace").decode()


def _quiet_arrow() -> None:
    """Its own allocator reserves more than it uses, which counts against the limit of a job."""
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


register_runner(Runner(kind="dataset_look", prepare=prepare_look, memory_mb=MEMORY_MB, warm=WARM))
register_runner(Runner(kind="dataset_import", prepare=prepare_import, memory_mb=MEMORY_MB, warm=WARM))
register_runner(Runner(kind="dataset_build", prepare=prepare_build, memory_mb=MEMORY_MB, warm=WARM))
register_runner(Runner(kind="dataset_split", prepare=prepare_split, memory_mb=MEMORY_MB, warm=WARM))
# A fresh interpreter: the libraries of models never enter one that other work is forked from.
register_runner(Runner(kind="dataset_tokens", prepare=prepare_tokens, memory_mb=0, fresh=True))
