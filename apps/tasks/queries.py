"""Reads of the tasks app: the gallery, one task, its content at a version, and which puzzles two splits share."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

from django.db.models import Count, Q, QuerySet

from apps.core.errors import Invalid, NotFound
from apps.tasks.content import task_data
from apps.tasks.criteria import TaskCriteria, tasks_matching
from apps.tasks.engine.formats import TaskData
from apps.tasks.models import ArcTask, ArcTaskVersion, TaskFamily, TaskSource

GRIDS = ("train_examples", "tests", "test_input", "test_output")
"""The heavy columns, which lists leave in the database."""

SORTS = {
    "id": ("task_id",),
    "-id": ("-task_id",),
    "size": ("max_side", "task_id"),
    "-size": ("-max_side", "task_id"),
    "colours": ("colour_count", "task_id"),
    "-colours": ("-colour_count", "task_id"),
    "pairs": ("train_count", "task_id"),
    "-pairs": ("-train_count", "task_id"),
    "newest": ("-created_at", "task_id"),
}
"""The orders a list of tasks can have; each ends in the id, so that pages never overlap."""


@dataclass(frozen=True)
class TaskPage:
    """One page of a list, rows without grids; `pages` of at least 0, a page past the end empty."""

    items: Sequence[ArcTask]
    total: int
    page: int
    page_size: int

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return -(-self.total // self.page_size)


def task_page(*, criteria: TaskCriteria, sort: str = "id", page: int = 1, page_size: int = 48) -> TaskPage:
    """One page of the tasks of a selection: three statements whatever the size.

    Ids first, from an index that covers the filters, then those rows: a row is kilobytes of grids.
    """
    if sort not in SORTS:
        raise Invalid(f"Sort by one of {', '.join(SORTS)}.", field="sort")
    matching = tasks_matching(criteria)
    total = matching.count()
    start = (page - 1) * page_size
    ids: list[str] = []
    if start < total:
        ids = list(matching.order_by(*SORTS[sort]).values_list("task_id", flat=True)[start : start + page_size])
    rows = task_rows(ids) if ids else {}
    return TaskPage([rows[key] for key in ids if key in rows], total, page, page_size)


def task_rows(task_ids: Collection[str]) -> dict[str, ArcTask]:
    """Rows without grids, with their families, by id."""
    return ArcTask.objects.defer(*GRIDS, "pair_hashes", "metadata").select_related("family").in_bulk(list(task_ids))


def task_get(task_id: str) -> ArcTask:
    """One task with everything; `NotFound` says how ids look."""
    task = None if "\x00" in task_id else ArcTask.objects.select_related("family").filter(pk=task_id).first()
    if task is None:
        hint = "" if ":" in task_id else " An id names its dataset too, such as arc1:007bbfb7."
        raise NotFound(f"There is no task {task_id[:120]}.{hint}")
    return task


def task_content(*, task_id: str, version: int | None = None) -> TaskData:
    """The parsed content of a task at a version (the current one by default), truths included."""
    task = task_get(task_id)
    if version is None or version == task.version:
        return task_data(task.raw_id, task.train_examples, task.tests)
    older = ArcTaskVersion.objects.filter(task=task, version=version).first()
    if older is None:
        raise NotFound(f"Task {task_id} has no version {version}.")
    return task_data(task.raw_id, older.train_examples, older.tests)


def same_puzzle(task: ArcTask) -> QuerySet[ArcTask]:
    """Other tasks with the same pairs, in whatever order."""
    others = ArcTask.objects.filter(content_hash=task.content_hash).exclude(pk=task.pk)
    return others.defer(*GRIDS).order_by("task_id")


def same_id(task: ArcTask) -> QuerySet[ArcTask]:
    """Tasks of other datasets under the same raw id whose pairs are others."""
    others = ArcTask.objects.filter(raw_id=task.raw_id).exclude(content_hash=task.content_hash)
    return others.defer(*GRIDS).order_by("task_id")


def neighbours(task: ArcTask) -> tuple[str | None, str | None]:
    """The ids before and after a task in its split."""
    split = ArcTask.objects.filter(dataset=task.dataset, task_source=task.task_source)
    ids = split.values_list("task_id", flat=True)
    before = ids.filter(task_id__lt=task.pk).order_by("-task_id").first()
    return before, ids.filter(task_id__gt=task.pk).order_by("task_id").first()


def older_versions(task: ArcTask) -> QuerySet[ArcTaskVersion]:
    """What the task was before, latest first."""
    return task.versions.order_by("-version")


@dataclass(frozen=True)
class Split:
    """A split of a dataset and how many tasks it has."""

    dataset: str
    source: str
    count: int

    @property
    def name(self) -> str:
        """Such as `arc1/training`."""
        return f"{self.dataset}/{self.source}"


def splits() -> list[Split]:
    """Every split there is, in name order; read from an index alone."""
    rows = (
        ArcTask.objects.order_by("dataset", "task_source").values_list("dataset", "task_source").annotate(n=Count("pk"))
    )
    order = list(TaskSource.values)
    found = [Split(dataset, source, n) for dataset, source, n in rows]
    return sorted(found, key=lambda split: (split.dataset, order.index(split.source)))


def families(search: str = "") -> QuerySet[TaskFamily]:
    """Families by name, each with the number of its tasks."""
    rows = TaskFamily.objects.annotate(task_count=Count("tasks")).order_by("family_name", "family_id")
    return rows.filter(family_name__icontains=search) if search else rows


def family_choices() -> QuerySet[TaskFamily, tuple[str, str]]:
    """Id and name of every family, for choosing; at most 500."""
    return TaskFamily.objects.order_by("family_name").values_list("family_id", "family_name")[:500]


def family_get(family_id: str) -> TaskFamily:
    """One family with the number of its tasks."""
    family = None if "\x00" in family_id else families().filter(pk=family_id).first()
    if family is None:
        raise NotFound(f"There is no task family {family_id[:80]}.")
    return family


@dataclass(frozen=True)
class Leak:
    """A task of the split one learns from that gives away one of the split one is judged on."""

    training_id: str
    evaluation_id: str


@dataclass(frozen=True)
class LeakReport:
    """What a training split gives away about an evaluation split.

    `same_puzzle`: all pairs equal, in whatever order. `shared_pairs`: another puzzle that holds at least one equal
    pair. `same_id`: the same raw id over other pairs, as a warning. An evaluation task is `clean` when it is in
    neither of the first two.
    """

    training: str
    evaluation: str
    training_total: int
    evaluation_total: int
    same_puzzle: list[Leak] = field(default_factory=list)
    shared_pairs: list[Leak] = field(default_factory=list)
    same_id: list[Leak] = field(default_factory=list)

    def sentence(self) -> str:
        """The finding and what follows from it."""
        if not self.leaked:
            return f"{self.training} gives away nothing of {self.evaluation}: a score there is honest."
        return (
            f"{self.training} gives away {self.leaked:,} of the {self.evaluation_total:,} tasks of {self.evaluation}. "
            f"Do not learn from the one and be judged on the other; {self.clean:,} tasks are clean."
        )

    def rows(self) -> list[tuple[str, Leak]]:
        """Every finding with its kind, those that matter most first."""
        kinds = (("same puzzle", self.same_puzzle), ("shared pair", self.shared_pairs), ("same id only", self.same_id))
        return [(kind, leak) for kind, leaks in kinds for leak in leaks]

    @property
    def leaked(self) -> int:
        """How many evaluation tasks are given away, wholly or in part."""
        return len({leak.evaluation_id for leak in (*self.same_puzzle, *self.shared_pairs)})

    @property
    def clean(self) -> int:
        """How many evaluation tasks are not."""
        return self.evaluation_total - self.leaked


def split_tasks(name: str) -> QuerySet[ArcTask]:
    """The tasks of a split named `<dataset>/<source>`, or of a whole dataset."""
    dataset, _, source = name.partition("/")
    tasks = ArcTask.objects.none() if "\x00" in name else ArcTask.objects.filter(dataset=dataset).order_by("task_id")
    if source:
        tasks = tasks.filter(task_source=source)
    if not tasks.exists():
        known = ", ".join(split.name for split in splits()) or "none yet"
        raise NotFound(f"There is no split {name[:80]!r} with tasks in it. There are: {known}.")
    return tasks


def leak_report(*, training: str, evaluation: str) -> LeakReport:
    """Which puzzles of one split are given away by another."""
    if training == evaluation:
        raise Invalid("Compare two different splits: a split holds all of its own puzzles.", field="evaluation")
    learnt, judged = _fingerprints(split_tasks(training)), _fingerprints(split_tasks(evaluation))
    by_content, by_pair, by_raw_id = _lookups(learnt)
    report = LeakReport(training, evaluation, len(learnt), len(judged))
    for task in judged:
        equal = sorted(by_content.get(task.content_hash, set()) - {task.task_id})
        # Given away wholly, a task need not be said to be given away in part as well.
        sharing = set() if equal else {other for pair in task.pairs for other in by_pair.get(pair, ())} - {task.task_id}
        named = by_raw_id.get(task.raw_id, set()) - {*equal, *sharing, task.task_id}
        report.same_puzzle.extend(Leak(other, task.task_id) for other in equal)
        report.shared_pairs.extend(Leak(other, task.task_id) for other in sorted(sharing))
        report.same_id.extend(Leak(other, task.task_id) for other in sorted(named))
    return report


@dataclass(frozen=True)
class SharedRow:
    """For one split to learn from: how many tasks of each other split it holds (None for itself)."""

    training: Split
    cells: list[tuple[Split, int | None]]


def shared_puzzles() -> list[SharedRow]:
    """How many puzzles of each split are in each other one: two statements for all of them."""
    order = splits()
    rows = ArcTask.objects.order_by("content_hash")  # an index answers this alone
    holders: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for dataset, source, content in rows.values_list("dataset", "task_source", "content_hash"):
        holders[content].append((dataset, source))
    # Most puzzles are held by the same few combinations of splits: count those, then take them apart.
    combinations = Counter(tuple(sorted(where)) for where in holders.values())
    shared: Counter[tuple[str, str]] = Counter()
    for where, puzzles in combinations.items():
        counts = Counter(f"{dataset}/{source}" for dataset, source in where)
        for learnt, judged in permutations(counts, 2):
            shared[learnt, judged] += counts[judged] * puzzles
    return [
        SharedRow(row, [(column, None if column is row else shared[row.name, column.name]) for column in order])
        for row in order
    ]


@dataclass(frozen=True)
class CanonicalSet:
    """A canonical set, how many tasks it has, and how many of them are here."""

    name: str
    title: str
    size: int
    present: int


CANONICAL_TITLES = {
    "arc1/training": ("ARC-AGI-1 training", 400),
    "arc1/evaluation": ("ARC-AGI-1 evaluation", 400),
    "arc2/training": ("ARC-AGI-2 training", 1000),
    "arc2/evaluation": ("ARC-AGI-2 evaluation", 120),
}


def canonical_state() -> list[CanonicalSet]:
    """The sets that come with the lab, and what of them was imported."""
    here = {split.name: split.count for split in splits()}
    return [CanonicalSet(name, title, size, here.get(name, 0)) for name, (title, size) in CANONICAL_TITLES.items()]


@dataclass(frozen=True)
class _Fingerprint:
    task_id: str
    raw_id: str
    content_hash: str
    pairs: tuple[str, ...]


def _fingerprints(tasks: QuerySet[ArcTask]) -> list[_Fingerprint]:
    rows = tasks.values_list("task_id", "raw_id", "content_hash", "pair_hashes")
    return [
        _Fingerprint(task_id, raw_id, content, (*pairs.get("train", ()), *pairs.get("test", ())))
        for task_id, raw_id, content, pairs in rows
    ]


def _lookups(tasks: Iterable[_Fingerprint]) -> tuple[dict[str, set[str]], dict[str, set[str]], dict[str, set[str]]]:
    by_content: dict[str, set[str]] = defaultdict(set)
    by_pair: dict[str, set[str]] = defaultdict(set)
    by_raw_id: dict[str, set[str]] = defaultdict(set)
    for task in tasks:
        by_content[task.content_hash].add(task.task_id)
        by_raw_id[task.raw_id].add(task.task_id)
        for pair in task.pairs:
            by_pair[pair].add(task.task_id)
    return by_content, by_pair, by_raw_id


def task_suggestions(text: str, limit: int) -> list[dict[str, Any]]:
    """Tasks whose id starts with, or else holds, what somebody types."""
    if not text or "\x00" in text:
        return []
    columns = ("task_id", "difficulty_level", "family__family_name")
    starting = ArcTask.objects.filter(Q(raw_id__startswith=text.lower()) | Q(task_id__startswith=text.lower()))
    found = list(starting.order_by("task_id").values(*columns)[:limit])
    if not found:
        found = list(ArcTask.objects.filter(task_id__icontains=text).order_by("task_id").values(*columns)[:limit])
    return found
