"""Datasets made of what the lab has: ARC tasks, and the programs that solved them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import F
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from apps.core.access import require_role
from apps.core.errors import Invalid
from apps.core.models import Role, User
from apps.experiments.models import TaskSubmission
from apps.tasks.criteria import TaskCriteria, tasks_matching
from apps.training.engine.arc_examples import MAX_ORDERS, MAX_RECOLOURED, ORIENTATIONS, WRITINGS, Recipe, per_task
from apps.training.models import Dataset, DatasetOrigin, DatasetState
from apps.training.services.datasets import BUILD_KIND, dataset_row, enqueue

_AT_ONCE = 200


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    writing: str = Field("digits", description=f"How grids are written: {', '.join(WRITINGS)}.")
    max_characters: int = Field(20_000, ge=100, le=1_000_000, description="Longer examples are left out.")
    max_examples: int = Field(1_000_000, ge=1, le=10_000_000)

    @field_validator("writing")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in WRITINGS:
            raise ValueError(f"one of {', '.join(WRITINGS)}")
        return value


class TasksSpec(_Spec):
    """Which tasks, and how many copies of each of their questions."""

    tasks: TaskCriteria = TaskCriteria()
    orientations: int = Field(1, ge=1, le=ORIENTATIONS, description="Turned and mirrored: of 8, so many.")
    recolourings: int = Field(0, ge=0, le=MAX_RECOLOURED, description="Copies in other colours, beside the own ones.")
    orders: int = Field(1, ge=1, le=MAX_ORDERS, description="Orders of the demonstrations that are shown.")
    keep_black: bool = Field(True, description="Black stays black in other colours.")
    shown: int = Field(9, ge=1, le=9, description="At most so many demonstrations are shown.")
    seed: int = Field(0, ge=0, lt=2**63)


class AnswersSpec(_Spec):
    """Whose right programs: of experiments, strategies and tasks; every one of a task, or the first."""

    experiments: list[str] = Field([], max_length=1_000, description="Ids; none means any.")
    strategies: list[str] = Field([], max_length=100, description="Names; none means any.")
    tasks: TaskCriteria = TaskCriteria()
    every: bool = Field(False, description="Every different program of a task, and not only the first.")

    @field_validator("experiments", "strategies")
    @classmethod
    def _storable(cls, value: list[str]) -> list[str]:
        if any("\x00" in name for name in value):
            raise ValueError("remove the null character")
        return value


def spec_from(shape: type[_Spec], values: dict[str, Any]) -> Any:
    """A spec from unchecked values; `Invalid` names the field."""
    try:
        return shape.model_validate(values)
    except ValidationError as error:
        raise Invalid.from_pydantic(error) from None


def recipe_of(spec: TasksSpec) -> Recipe:
    """As the engine has it."""
    return Recipe(**{name: getattr(spec, name) for name in Recipe.__dataclass_fields__})


def estimate(spec: TasksSpec) -> tuple[int, int]:
    """How many tasks, and at most how many examples."""
    recipe = recipe_of(spec)
    counts = list(tasks_matching(spec.tasks).values_list("train_count", flat=True))
    return len(counts), min(spec.max_examples, sum(per_task(number, recipe) for number in counts))


def tasks_build(*, name: str, spec: TasksSpec, by: User | None, description: str = "") -> Dataset:
    """A dataset of tasks' demonstrations, by a job."""
    tasks, examples = estimate(spec)
    if not tasks:
        raise Invalid("No task matches. Widen the selection, or import tasks first.", field="tasks")
    if not examples:
        raise Invalid("None of these tasks has two demonstrations, so none can be left out.", field="tasks")
    return _build(DatasetOrigin.TASKS, name, spec, by, description)


def answers_build(*, name: str, spec: AnswersSpec, by: User | None, description: str = "") -> Dataset:
    """A dataset of programs that solved their tasks, by a job."""
    if not _submissions(spec).exists():
        raise Invalid(
            "No right answer with a program matches. Widen the selection, or run an experiment.", field="tasks"
        )
    return _build(DatasetOrigin.ANSWERS, name, spec, by, description)


def _build(origin: DatasetOrigin, name: str, spec: _Spec, by: User | None, description: str) -> Dataset:
    if by is not None:
        require_role(by, Role.RESEARCHER)
    with transaction.atomic():
        dataset = dataset_row(
            name=name,
            by=by,
            description=description,
            origin=origin,
            state=DatasetState.READING,
            recipe=spec.model_dump(mode="json"),
        )
        dataset.job = enqueue(BUILD_KIND, dataset)
        dataset.save(update_fields=["job"])
    return dataset


# --- what the job's worker reads --------------------------------------------------------------------------------------


def material(dataset: Dataset) -> Iterator[dict[str, Any]]:
    """What a dataset is made of, a line each: tasks by their demonstrations alone, or programs beside them."""
    if dataset.origin == DatasetOrigin.TASKS:
        criteria = TasksSpec.model_validate(dataset.recipe).tasks
        rows = tasks_matching(criteria).values_list("task_id", "train_examples")
        for task_id, pairs in rows.iterator(chunk_size=_AT_ONCE):
            yield {"task_id": task_id, "pairs": _pairs(pairs)}
        return
    yield from _programs(AnswersSpec.model_validate(dataset.recipe))


def _pairs(stored: list[dict[str, Any]]) -> list[list[Any]]:
    return [[pair["input"], pair["output"]] for pair in stored]


def _submissions(spec: AnswersSpec) -> Any:
    """Right answers, in the order of their tasks, the earliest first."""
    rows = TaskSubmission.objects.filter(
        is_correct=True,
        task_version=F("task__version"),
        task__in=tasks_matching(spec.tasks).order_by().values("pk"),
    )
    if spec.experiments:
        rows = rows.filter(run__experiment_id__in=spec.experiments)
    if spec.strategies:
        rows = rows.filter(strategy_used__in=spec.strategies)
    return rows.exclude(predictions=[]).order_by("task_id", "submitted_at", "submission_id")


def _programs(spec: AnswersSpec) -> Iterator[dict[str, Any]]:
    """One line a task and different program. The truths only tell which of two attempts was the right one."""
    rows = _submissions(spec).values_list("task_id", "task__train_examples", "task__tests", "predictions")
    task, seen = "", set[str]()
    for task_id, pairs, tests, predictions in rows.iterator(chunk_size=_AT_ONCE):
        if task_id != task:
            task, seen = task_id, set()
        program = _program(predictions, [test.get("output") for test in tests])
        if not program or program in seen or (seen and not spec.every):
            continue
        seen.add(program)
        yield {"task_id": task_id, "pairs": _pairs(pairs), "program": program}


def _program(predictions: list[list[dict[str, Any]]], truths: list[Any]) -> str:
    """The program whose attempts were right at every test; nothing where none was."""
    if not truths or len(predictions) != len(truths):
        return ""
    right = [
        [str(attempt.get("program") or "") for attempt in attempts if attempt.get("grid") == truth]
        for attempts, truth in zip(predictions, truths, strict=True)
    ]
    return next((program for program in right[0] if program and all(program in others for others in right)), "")
