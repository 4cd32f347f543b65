"""The tasks app's JSON, spelt as the specs spell it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import AfterValidator, Field, StrictInt

from apps.core.api.schemas import Strict
from apps.core.pagination import PageQuery
from apps.tasks.content import MAX_DESCRIPTION, MAX_PATTERN, MAX_PATTERNS
from apps.tasks.criteria import MAX_LISTED, TaskCriteria, criteria_from
from apps.tasks.engine import names
from apps.tasks.engine.formats import MAX_PAIRS, TaskData, parse_task
from apps.tasks.models import ArcTask, ArcTaskVersion, Difficulty, TaskFamily, TaskSource
from apps.tasks.queries import SORTS, LeakReport

Cell = Annotated[StrictInt, Field(ge=0, le=9)]
Row = Annotated[list[Cell], Field(min_length=1, max_length=30)]
Grid = Annotated[list[Row], Field(min_length=1, max_length=30)]


def _named(value: str) -> str:
    name = names.composed(value)
    if problem := names.name_problem(name):
        raise ValueError(f"{problem}: {names.RULE}")
    return name


RawId = Annotated[str, Field(min_length=1, max_length=names.MAX_CHARACTERS), AfterValidator(_named)]
Dataset = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[a-z0-9][a-z0-9_.-]*$")]
SplitName = Annotated[str, Field(max_length=60, description="<dataset>/<source>, or <dataset> for all of it.")]
Pattern = Annotated[str, Field(max_length=MAX_PATTERN)]
TaskIds = Annotated[list[str], Field(min_length=1, max_length=MAX_LISTED)]


class Pair(Strict):
    """A demonstration."""

    input: Grid
    output: Grid


class Test(Strict):
    """A test: its output is null where it is unknown, or was not asked for."""

    input: Grid
    output: Grid | None = None


class TaskItem(Schema):
    """A task in a list, without its grids."""

    task_id: str
    raw_id: str
    dataset: str
    task_source: str
    difficulty_level: str
    family_id: str | None
    version: int
    train_count: int
    test_count: int
    max_side: int
    colour_count: int
    same_size: bool
    has_truths: bool
    created_at: datetime


class TaskOut(Schema):
    """The specs' ARCTask, with all tests, its identity and its version beside it."""

    task_id: str
    task_source: str
    difficulty_level: str
    train_examples: list[Pair]
    test_input: Grid
    test_output: Grid | None = Field(None, description="Null unless include_truth is true and it is known.")
    family_id: str | None
    metadata: dict[str, Any] = Field(description="Features read off the grids, and whatever curators added.")
    created_at: datetime
    updated_at: datetime
    raw_id: str
    dataset: str
    dataset_version: str
    version: int
    content_hash: str
    tests: list[Test]


def task_out(task: ArcTask, *, include_truth: bool) -> dict[str, Any]:
    """A task for programs; its truths only when asked for by name."""
    features = {
        name: getattr(task, name)
        for name in ("train_count", "test_count", "max_side", "colour_count", "same_size", "has_truths")
    }
    tests = [{"input": test["input"], "output": test["output"] if include_truth else None} for test in task.tests]
    return {
        **{
            name: getattr(task, name)
            for name in TaskOut.model_fields
            if name not in ("metadata", "tests", "test_output")
        },
        "test_output": task.test_output if include_truth else None,
        "metadata": {**task.metadata, **features},
        "tests": tests,
    }


class TaskFilter(Schema):
    """Filters of a list; those that take several values may be repeated."""

    dataset: list[Annotated[str, Field(max_length=32)]] = Field([], max_length=100, description="arc1, arc2, ...")
    source: list[TaskSource] = Field([], max_length=3)
    difficulty: list[Difficulty] = Field([], max_length=4)
    family: list[Annotated[str, Field(max_length=40)]] = Field([], max_length=200, description="Family ids.")
    search: str = Field("", max_length=100, description="Part of a task id.")
    min_side: int | None = Field(None, ge=1, le=30)
    max_side: int | None = Field(None, ge=1, le=30)
    min_colours: int | None = Field(None, ge=1, le=10)
    max_colours: int | None = Field(None, ge=1, le=10)
    same_size: bool | None = Field(None, description="Every demonstration keeps its input's size.")
    solved: Literal["", "ever", "never"] = Field("", description="By any strategy.")
    solved_by: str = Field("", max_length=64)
    not_solved_by: str = Field("", max_length=64)
    sort: Literal["id", "-id", "size", "-size", "colours", "-colours", "pairs", "-pairs", "newest"] = Field(
        "id", description=f"One of {', '.join(SORTS)}; ties by task_id."
    )

    def criteria(self) -> TaskCriteria:
        """As a selection."""
        values = self.model_dump(exclude={"dataset", "source", "difficulty", "family", "sort"})
        plural = {
            "datasets": self.dataset,
            "sources": self.source,
            "difficulties": self.difficulty,
            "families": self.family,
        }
        return criteria_from(values | plural)


class TaskContent(Strict):
    """Demonstrations and tests."""

    train_examples: list[Pair] = Field(min_length=1, max_length=MAX_PAIRS)
    tests: list[Test] = Field(min_length=1, max_length=MAX_PAIRS)

    def data(self, raw_id: str) -> TaskData:
        """Parsed; `InvalidGrid` for what a schema cannot say (rows of one length)."""
        train = [pair.model_dump() for pair in self.train_examples]
        return parse_task({"train": train, "test": [test.model_dump() for test in self.tests]}, raw_id)


class TaskCreate(TaskContent):
    """A new task."""

    raw_id: RawId
    dataset: Dataset = "custom"
    dataset_version: str = Field("", max_length=64)
    task_source: TaskSource = TaskSource.TRAINING
    difficulty_level: Difficulty = Difficulty.UNKNOWN
    family_id: str | None = Field(None, max_length=40)
    metadata: dict[str, Any] = Field(default_factory=dict)


class TaskChange(Strict):
    """What to change; what is left out stays. `train_examples` and `tests` go together."""

    train_examples: list[Pair] | None = Field(None, min_length=1, max_length=MAX_PAIRS)
    tests: list[Test] | None = Field(None, min_length=1, max_length=MAX_PAIRS)
    task_source: TaskSource | None = None
    difficulty_level: Difficulty | None = None
    family_id: str | None = Field(None, max_length=40, description="Null takes the task out of its family.")
    metadata: dict[str, Any] | None = None


class TaskVersionOut(Schema):
    """What a task was before a change."""

    version: int
    content_hash: str
    replaced_at: datetime
    train_examples: list[Pair]
    tests: list[Test]


def version_out(version: ArcTaskVersion, *, include_truth: bool) -> dict[str, Any]:
    """An older version for programs."""
    tests = [{"input": test["input"], "output": test["output"] if include_truth else None} for test in version.tests]
    names = ("version", "content_hash", "replaced_at", "train_examples")
    return {**{name: getattr(version, name) for name in names}, "tests": tests}


class FamilyOut(Schema):
    """The specs' task family, and how many tasks it has."""

    family_id: str
    family_name: str
    description: str
    common_patterns: list[str]
    avg_difficulty: float | None
    created_at: datetime
    task_count: int


def family_out(family: TaskFamily) -> dict[str, Any]:
    """A family (read by `queries.families`) for programs."""
    return {name: getattr(family, name) for name in FamilyOut.model_fields}


class FamilyIn(Strict):
    """A new family."""

    family_name: str = Field(min_length=1, max_length=200)
    description: str = Field("", max_length=MAX_DESCRIPTION)
    common_patterns: list[Pattern] = Field([], max_length=MAX_PATTERNS)


class FamilyChange(Strict):
    """What to change of a family; what is left out stays."""

    family_name: str | None = Field(None, min_length=1, max_length=200)
    description: str | None = Field(None, max_length=MAX_DESCRIPTION)
    common_patterns: list[Pattern] | None = Field(None, max_length=MAX_PATTERNS)


class DifficultyIn(Strict):
    """A judgement on tasks."""

    task_ids: TaskIds
    difficulty_level: Difficulty


class FamilyAssignIn(Strict):
    """Tasks to put in a family; null takes them out of theirs."""

    task_ids: TaskIds
    family_id: str | None = Field(None, max_length=40)


class FamilyQuery(PageQuery):
    """Which families."""

    search: str = Field("", max_length=100, description="Part of a name.")


class SplitOut(Schema):
    """A split and its size."""

    name: str
    dataset: str
    source: str
    count: int


class LeakOut(Schema):
    """A task to learn from that gives away one to be judged on."""

    training_id: str
    evaluation_id: str


class LeakReportOut(Schema):
    """What a training split gives away about an evaluation split."""

    training: str
    evaluation: str
    training_total: int
    evaluation_total: int
    leaked: int = Field(description="Evaluation tasks given away, wholly or in part.")
    clean: int
    same_puzzle: list[LeakOut] = Field(description="All pairs equal, in whatever order.")
    shared_pairs: list[LeakOut] = Field(description="Another puzzle with at least one equal pair.")
    same_id: list[LeakOut] = Field(description="The same raw id over other pairs: a warning only.")


def leaks_out(report: LeakReport) -> dict[str, Any]:
    """A leak report for programs."""
    plain = ("training", "evaluation", "training_total", "evaluation_total", "leaked", "clean")
    lists = {
        name: [vars(leak) for leak in getattr(report, name)] for name in ("same_puzzle", "shared_pairs", "same_id")
    }
    return {name: getattr(report, name) for name in plain} | lists
