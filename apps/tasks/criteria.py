"""Which tasks: one description shared by the gallery, the API and whoever selects tasks for work."""

from __future__ import annotations

import random
from typing import Annotated, Any, Literal

from django.db.models import Q, QuerySet
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from apps.core.errors import Invalid
from apps.tasks.models import ArcTask, Difficulty, TaskSource
from apps.tasks.registry import solved_condition

MAX_LISTED = 10_000
"""Most ids a selection may name or draw."""

Side = Annotated[int, Field(ge=1, le=30)]
Colours = Annotated[int, Field(ge=1, le=10)]


class TaskCriteria(BaseModel):
    """A selection of tasks: each field narrows it, an empty one leaves it as it is.

    Order is by task id. `sample` draws that many with `seed` (the same every time, on any machine, while the
    collection stands); `offset` and `limit` then cut a slice.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task_ids: list[str] | None = Field(None, max_length=MAX_LISTED, description="Only these; null means any.")
    datasets: list[str] = Field([], max_length=100, description="Such as arc1, arc2.")
    sources: list[TaskSource] = Field([], max_length=3, description="Splits: training, evaluation, test.")
    difficulties: list[Difficulty] = Field([], max_length=4)
    families: list[str] = Field([], max_length=200, description="Family ids.")
    search: str = Field("", max_length=100, description="Part of a task id.")
    min_side: Side | None = None
    max_side: Side | None = Field(None, description="No grid with a longer side than this.")
    min_colours: Colours | None = None
    max_colours: Colours | None = None
    same_size: bool | None = Field(None, description="Whether every demonstration keeps its input's size.")
    solved: Literal["", "ever", "never"] = Field("", description="By any strategy at all.")
    solved_by: str = Field("", max_length=64, description="Solved by this strategy.")
    not_solved_by: str = Field("", max_length=64, description="Not solved by this strategy.")
    sample: int | None = Field(None, ge=1, le=MAX_LISTED, description="Draw this many at random.")
    seed: int = Field(0, ge=0, lt=2**63)
    offset: int = Field(0, ge=0, le=10_000_000)
    limit: int | None = Field(None, ge=1, le=10_000_000)

    @field_validator("search", "solved_by", "not_solved_by")
    @classmethod
    def _storable(cls, value: str) -> str:
        if "\x00" in value:
            raise ValueError("remove the null character")
        return value.strip()

    @field_validator("task_ids", "datasets", "families")
    @classmethod
    def _storable_names(cls, value: list[str] | None) -> list[str] | None:
        if value is None:
            return None
        if any("\x00" in name for name in value):
            raise ValueError("remove the null character")
        return list(dict.fromkeys(name.strip() for name in value if name.strip()))


def criteria_from(values: dict[str, Any]) -> TaskCriteria:
    """The selection that unchecked values describe; `Invalid` names the field that cannot be used."""
    try:
        return TaskCriteria.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        field = str(problem["loc"][0]) if problem["loc"] else None
        words = problem["msg"].removeprefix("Value error, ")
        raise Invalid(f"{field or 'criteria'}: {words}.", field=field) from None


def criteria_condition(criteria: TaskCriteria) -> Q:
    """The part of a selection that is a condition on a task: everything but sample, offset and limit."""
    condition = Q()
    if criteria.task_ids is not None:
        condition &= Q(task_id__in=criteria.task_ids)
    if criteria.datasets:
        condition &= Q(dataset__in=criteria.datasets)
    if criteria.sources:
        condition &= Q(task_source__in=criteria.sources)
    if criteria.difficulties:
        condition &= Q(difficulty_level__in=criteria.difficulties)
    if criteria.families:
        condition &= Q(family_id__in=criteria.families)
    if criteria.search:
        condition &= Q(task_id__icontains=criteria.search)
    if criteria.same_size is not None:
        condition &= Q(same_size=criteria.same_size)
    for lookup, bound in (
        ("max_side__gte", criteria.min_side),
        ("max_side__lte", criteria.max_side),
        ("colour_count__gte", criteria.min_colours),
        ("colour_count__lte", criteria.max_colours),
    ):
        if bound is not None:
            condition &= Q(**{lookup: bound})
    return condition & _solved(criteria)


def _solved(criteria: TaskCriteria) -> Q:
    condition = Q()
    if criteria.solved == "ever":
        condition &= solved_condition("")
    elif criteria.solved == "never":
        condition &= ~solved_condition("")
    if criteria.solved_by:
        condition &= solved_condition(criteria.solved_by)
    if criteria.not_solved_by:
        condition &= ~solved_condition(criteria.not_solved_by)
    return condition


def tasks_matching(criteria: TaskCriteria) -> QuerySet[ArcTask]:
    """The tasks of a selection, by task id; may be counted, filtered and ordered further."""
    matching = ArcTask.objects.filter(criteria_condition(criteria)).order_by("task_id")
    if criteria.sample is not None:
        ids = list(matching.values_list("task_id", flat=True))
        if criteria.sample < len(ids):
            ids = sorted(random.Random(criteria.seed).sample(ids, criteria.sample))
        matching = ArcTask.objects.filter(task_id__in=_slice(ids, criteria)).order_by("task_id")
    elif criteria.offset or criteria.limit is not None:
        inner = matching.values("task_id")[criteria.offset : _stop(criteria)]
        matching = ArcTask.objects.filter(task_id__in=inner).order_by("task_id")
    return matching


def _stop(criteria: TaskCriteria) -> int | None:
    return None if criteria.limit is None else criteria.offset + criteria.limit


def _slice(ids: list[str], criteria: TaskCriteria) -> list[str]:
    return ids[criteria.offset : _stop(criteria)]
