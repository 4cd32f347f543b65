"""What an import does to each task: one decision, which the preview shows and the import carries out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.core.engine.batches import in_batches
from apps.core.errors import Conflict
from apps.tasks.content import content_columns, make_task_id, task_data
from apps.tasks.engine.columns import content_digest
from apps.tasks.engine.formats import TaskData, with_known_outputs
from apps.tasks.engine.grids import parse_grid
from apps.tasks.engine.intake.settling import solved
from apps.tasks.engine.intake.shelf import Apart, Head, Shelf, id_of
from apps.tasks.engine.intake.words import sentence, shown_id
from apps.tasks.models import ArcTask, TaskImport, TaskSource

NEW, CHANGED, FILLED, MOVED, NOTED, SAME = "new", "changed", "filled", "moved", "noted", "same"
EFFECTS = (CHANGED, FILLED, MOVED, NOTED, NEW, SAME)
"""Those that touch what is here come first."""

BATCH = 200
_STANDING = ("task_id", "pair_hashes", "has_truths", "task_source", "dataset_version", "metadata", "arrival", "version")
Content = tuple[dict[str, Any], dict[str, Any]]
"""A task's columns and its metadata."""


@dataclass(frozen=True)
class Terms:
    """What the importer decided: where tasks belong, under which names, and what stays out.

    `source` is the split of everything, "" for what the files say; `splits` says it for single groups and counts more.
    """

    dataset: str = "custom"
    version: str = ""
    source: str = ""
    splits: Mapping[int, str] = field(default_factory=dict)
    by_name: bool = False
    propose: bool = False
    without: Collection[str] = frozenset()

    def split_of(self, head: Head) -> str | None:
        """The split a task goes to; None: the one it has here, or training when it is new."""
        return self.splits.get(head.group) or self.source or head.split


@dataclass(frozen=True)
class Incoming:
    """A task on its way in. `content` tells without reading it whether anything differs; `load` reads it.

    `outputs` stands alone for a solution whose challenge came earlier: it fills in and never makes a task.
    """

    task_id: str
    raw_id: str
    dataset: str
    split: str | None
    version: str
    content: str = ""
    has_truths: bool = True
    has_metadata: bool = False
    load: Callable[[], Content] = lambda: ({}, {})
    outputs: Callable[[], Sequence[Any]] | None = None
    head: Head | None = None
    file: str = ""


@dataclass(frozen=True)
class Decision:
    """What becomes of one incoming task. `columns` is what would be written; a problem keeps it out."""

    incoming: Incoming
    row: ArcTask | None
    effect: str = SAME
    columns: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""

    @property
    def moves(self) -> bool:
        """Whether it changes the split of a task that is here."""
        return self.row is not None and "task_source" in self.columns

    @property
    def split(self) -> str:
        """The split it will be in."""
        here = self.row.task_source if self.row is not None else TaskSource.TRAINING
        return self.incoming.split or str(here)

    @property
    def words(self) -> str:
        """The effect, for people."""
        text = _WORDS[self.effect]
        if not self.moves or self.row is None:
            return text
        moves = f"moves from {self.row.task_source} to {self.incoming.split}"
        return moves if self.effect == MOVED else f"{text} and {moves}"


_WORDS = {
    NEW: "new",
    CHANGED: "changes the one that is here",
    FILLED: "fills in outputs",
    MOVED: "moves",
    NOTED: "same grids, other notes",
    SAME: "same as here",
}


def incomings(shelf: Shelf, terms: Terms) -> Iterator[Incoming | Head]:
    """Every task of a shelf under these terms; one that gets no id, or has a problem, comes as its head."""
    for head in shelf.heads:
        raw_id = id_of(head, by_name=terms.by_name, propose=terms.propose)
        if raw_id is None:
            yield head
        elif raw_id not in terms.without:
            yield _incoming(shelf, head, raw_id, terms)
    for apart in shelf.solutions:
        if apart.raw_id not in terms.without:
            yield _fill(shelf, apart, terms)


def _incoming(shelf: Shelf, head: Head, raw_id: str, terms: Terms) -> Incoming:
    dataset = head.dataset or terms.dataset

    def load() -> Content:
        record = shelf.read(head.at)
        return record["columns"], record["metadata"]

    return Incoming(
        task_id=make_task_id(dataset, raw_id),
        raw_id=raw_id,
        dataset=dataset,
        split=terms.split_of(head),
        version=head.version if head.dataset else terms.version,
        content=head.content,
        has_truths=head.has_truths,
        has_metadata=head.has_metadata,
        load=load,
        head=head,
        file=head.place,
    )


def _fill(shelf: Shelf, apart: Apart, terms: Terms) -> Incoming:
    return Incoming(
        task_id=f"{terms.dataset}:{apart.raw_id}",
        raw_id=apart.raw_id,
        dataset=terms.dataset,
        split=None,
        version="",
        outputs=lambda: shelf.read(apart.at),
        file=apart.file,
    )


@dataclass(frozen=True)
class Trouble:
    """Something that is not imported, and why."""

    raw_id: str
    file: str
    words: str


def troubles(shelf: Shelf, terms: Terms, *, own: int = 0) -> Iterator[Trouble]:
    """All that keeps something of a shelf out, under these terms: whole files, then tasks, then solutions alone."""
    for words in shelf.problems:
        yield Trouble("", "", words)
    fills = []
    for one in incomings(shelf, terms):
        if isinstance(one, Head):
            yield Trouble(one.raw_id, one.place, one.problem)
        elif one.outputs is not None:
            fills.append(one)
    for decision in decide_all(fills, own=own):
        if decision.problem:
            yield Trouble(decision.incoming.raw_id, decision.incoming.file, decision.problem)


def of_task(task: TaskData, *, dataset: str, split: str | None, version: str) -> Incoming:
    """A parsed task on its way in."""
    columns = content_columns(task)
    return Incoming(
        task_id=make_task_id(dataset, task.raw_id),
        raw_id=task.raw_id,
        dataset=dataset,
        split=split,
        version=version,
        content=content_digest(columns["pair_hashes"]),
        has_truths=columns["has_truths"],
        load=lambda: (columns, {}),
    )


def decide_all(found: Iterable[Incoming], *, own: int = 0, locked: bool = False) -> Iterator[Decision]:
    """The decision on each, in order: two statements a batch. `locked` keeps the rows so until the transaction ends.

    `own` is the number of the import that asks: it sees its hidden rows, and nobody else's (`Conflict`).
    """
    hidden = set(TaskImport.objects.filter(is_shown=False).exclude(number=own).values_list("number", flat=True))
    for batch in in_batches(found, BATCH):
        wanted = ArcTask.everything.filter(pk__in=[one.task_id for one in batch if "\x00" not in one.task_id])
        if locked:
            wanted = wanted.select_for_update().order_by("pk")
        rows = {row.pk: row for row in wanted.only(*_STANDING)}
        unclear = [one.task_id for one in batch if _needs_content(one, rows.get(one.task_id))]
        contents = dict[str, tuple[list[Any], list[Any]]]()
        if unclear:
            held = ArcTask.everything.filter(pk__in=unclear).values_list("pk", "train_examples", "tests")
            contents = {pk: (train, tests) for pk, train, tests in held}
        for one in batch:
            row = rows.get(one.task_id)
            if row is not None and row.arrival in hidden:
                raise Conflict(f"Task {one.task_id} is being imported by somebody else at this moment. Try again then.")
            yield _decide(one, row, contents.get(one.task_id))


def _needs_content(incoming: Incoming, row: ArcTask | None) -> bool:
    """Whether its row's grids must be looked at: an output is missing on one side, or stands alone."""
    if row is None:
        return False
    if incoming.outputs is not None:
        return True
    return content_digest(row.pair_hashes) != incoming.content and not (row.has_truths and incoming.has_truths)


def _decide(incoming: Incoming, row: ArcTask | None, content: tuple[list[Any], list[Any]] | None) -> Decision:
    if incoming.outputs is not None:
        return _decide_fill(incoming, row, content)
    if row is None:
        return Decision(incoming, None, NEW)
    columns: dict[str, Any] = {}
    effect = SAME
    if content_digest(row.pair_hashes) != incoming.content:
        effect, columns = _content_of(incoming, row, content)
    notes = _notes(incoming, row)
    if incoming.split and incoming.split != row.task_source:
        columns["task_source"] = incoming.split
        effect = MOVED if effect == SAME else effect
    effect = NOTED if effect == SAME and notes else effect
    return Decision(incoming, row, effect, columns | notes)


def _content_of(incoming: Incoming, row: ArcTask, content: tuple[list[Any], list[Any]] | None) -> tuple[str, Any]:
    """The effect on the grids, and the columns: withheld outputs never replace known ones."""
    columns, _ = incoming.load()
    if content is None:
        return CHANGED, dict(columns)
    _, tests = content
    known = [(parse_grid(test["input"]), _grid(test["output"])) for test in tests]
    task = with_known_outputs(task_data(incoming.raw_id, columns["train_examples"], columns["tests"]), known)
    columns = content_columns(task)
    if columns["pair_hashes"] == row.pair_hashes:
        return SAME, {}
    kept = len(known) == len(columns["tests"]) and all(
        old["input"] == new["input"] and old["output"] in (None, new["output"])
        for old, new in zip(tests, columns["tests"], strict=True)
    )
    same_train = columns["pair_hashes"]["train"] == row.pair_hashes.get("train")
    return FILLED if same_train and kept else CHANGED, columns


def _grid(value: Any) -> Any:
    return None if value is None else parse_grid(value)


def _notes(incoming: Incoming, row: ArcTask) -> dict[str, Any]:
    """What is said beside the grids and differs: the dataset's version, and metadata, added to what is there."""
    notes: dict[str, Any] = {}
    if incoming.version and incoming.version != row.dataset_version:
        notes["dataset_version"] = incoming.version
    if incoming.has_metadata:
        metadata = row.metadata | incoming.load()[1]
        if metadata != row.metadata:
            notes["metadata"] = metadata
    return notes


def _decide_fill(incoming: Incoming, row: ArcTask | None, content: tuple[list[Any], list[Any]] | None) -> Decision:
    name = shown_id(incoming.raw_id)
    if row is None or content is None or incoming.outputs is None:
        words = (
            f"Solutions to task {name} in {incoming.file}: there is no such task in what you sent, nor in the dataset"
        )
        return Decision(
            incoming, None, SAME, {}, f"{words} {incoming.dataset}. Send its challenges too, or leave it out."
        )
    try:
        task = solved(task_data(incoming.raw_id, *content), incoming.outputs())
    except ValueError as error:
        words = (
            f"Task {name}, {sentence(str(error))} Solution in {incoming.file}. Fix the solutions or import without it."
        )
        return Decision(incoming, row, SAME, {}, words)
    columns = content_columns(task)
    return Decision(incoming, row, *((SAME, {}) if columns["pair_hashes"] == row.pair_hashes else (FILLED, columns)))


def new_row(decision: Decision, *, arrival: int | None) -> ArcTask:
    """The row a new task gets."""
    incoming = decision.incoming
    columns, metadata = incoming.load()
    return ArcTask(
        task_id=incoming.task_id,
        raw_id=incoming.raw_id,
        dataset=incoming.dataset,
        dataset_version=incoming.version,
        task_source=incoming.split or TaskSource.TRAINING,
        metadata=metadata,
        arrival=arrival,
        **columns,
    )
