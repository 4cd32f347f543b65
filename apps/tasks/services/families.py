"""Families of tasks, and curators' judgements of many tasks at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Avg, Case, FloatField, Value, When
from django.utils import timezone

from apps.core.errors import Conflict, Invalid, NotFound
from apps.core.models import User
from apps.core.words import plural
from apps.tasks.models import ArcTask, Difficulty, TaskFamily
from apps.tasks.services.shared import batches, require_curator

DIFFICULTY_POINTS = {Difficulty.EASY: 1.0, Difficulty.MEDIUM: 2.0, Difficulty.HARD: 3.0}
MAX_AT_ONCE = 10_000
"""Most tasks one action may change."""


def difficulty_set(*, task_ids: Collection[str], difficulty: Difficulty, by: User | None) -> int:
    """A curator's judgement on tasks; their families' averages follow. Answers how many changed."""
    require_curator(by)
    if difficulty not in Difficulty.values:
        raise Invalid(f"The difficulty is one of {', '.join(Difficulty.values)}.", field="difficulty_level")
    with transaction.atomic():
        rows = [row for row in _lock_tasks(task_ids) if row.difficulty_level != difficulty]
        _change_members(rows, {row.family_id for row in rows}, {"difficulty_level": difficulty})
    return len(rows)


def family_assign(*, task_ids: Collection[str], family_id: str | None, by: User | None) -> int:
    """Put tasks in a family (or, with None, in none); both families' averages follow. Answers how many moved."""
    require_curator(by)
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
    require_curator(by)
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
    for batch in batches(sorted(wanted)):
        locked = ArcTask.objects.select_for_update(of=("self",)).filter(pk__in=batch).order_by("pk")
        rows += locked.only("task_id", "difficulty_level", "family_id")
    if missing := sorted(wanted - {row.pk for row in rows}):
        raise NotFound(f"There is no task {missing[0]}.", details={"missing": missing[:20]})
    return rows


def _change_members(rows: Sequence[ArcTask], families: Collection[str | None], columns: dict[str, Any]) -> None:
    """Write the same columns to locked tasks, then bring the averages of the families concerned up to date."""
    locked = lock_families(families)
    for batch in batches([row.pk for row in rows]):
        ArcTask.objects.filter(pk__in=batch).update(**columns, updated_at=timezone.now())
    refresh_averages(locked)


def lock_families(family_ids: Collection[str | None]) -> list[str]:
    """Their ids, sorted; the rows are kept as they are until the transaction ends."""
    ids = sorted(key for key in family_ids if key)
    list(TaskFamily.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    return ids


def refresh_averages(family_ids: Collection[str]) -> None:
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
    require_curator(by)
    name = _family_name(family_name)
    try:
        with transaction.atomic():
            return TaskFamily.objects.create(
                family_name=name, description=description, common_patterns=list(common_patterns)
            )
    except IntegrityError:
        _refuse_taken(name)
        raise


def _refuse_taken(name: str) -> None:
    """Only a name that is taken is said to be."""
    if TaskFamily.objects.filter(family_name=name).exists():
        raise Conflict(f"There is already a family named {name!r}.", details={"field": "family_name"})


def family_update(
    *,
    family_id: str,
    by: User | None,
    family_name: str | None = None,
    description: str | None = None,
    common_patterns: Sequence[str] | None = None,
) -> TaskFamily:
    """Rename or describe a family."""
    require_curator(by)
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
    except IntegrityError:
        _refuse_taken(columns.get("family_name", ""))
        raise
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
    require_curator(by)
    deleted, _ = TaskFamily.objects.filter(pk=family_id).delete()
    if not deleted:
        raise NotFound(f"There is no task family {family_id}.")
