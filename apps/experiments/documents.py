"""What is stored as JSON and what comes in from outside, parsed once into these types."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from apps.tasks.criteria import TaskCriteria

MAX_CELLS = 50_000
MAX_SEEDS = 50
MAX_SECONDS = 3600.0
MIN_SECONDS = 0.05
MAX_SEED = 2**31 - 1

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Prose = Annotated[str, StringConstraints(strip_whitespace=True, max_length=20_000)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]


class TaskSelection(BaseModel):
    """Which tasks, as stored in `task_selection_json`: the criteria, and from the start on the frozen list of ids."""

    model_config = ConfigDict(extra="ignore")

    version: int = 1
    criteria: TaskCriteria
    task_ids: list[str] | None = None

    def stored(self) -> dict[str, Any]:
        """The JSON form, without what is at its default."""
        criteria = self.criteria.model_dump(mode="json", exclude_defaults=True)
        return {"version": self.version, "criteria": criteria, "task_ids": self.task_ids}


class ExperimentSpec(BaseModel):
    """Everything a person decides about an experiment before it starts."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    description: Prose = ""
    hypothesis: Prose = ""
    insights: list[Prose] = Field(default_factory=list, max_length=100)
    strategy_configs: dict[str, dict[str, Any]] = Field(min_length=1, max_length=32)
    task_selection_criteria: TaskCriteria
    seeds: list[Seed] = Field(default_factory=lambda: [0], min_length=1, max_length=MAX_SEEDS)
    seconds_per_task: float = Field(10.0, ge=MIN_SECONDS, le=MAX_SECONDS, allow_inf_nan=False)

    @field_validator("seeds")
    @classmethod
    def _each_once(cls, seeds: list[int]) -> list[int]:
        return sorted(set(seeds))


class Attempt(BaseModel):
    """One attempt at one test output, as stored in `TaskSubmission.predictions`."""

    model_config = ConfigDict(extra="ignore")

    grid: list[list[int]]
    confidence: float = Field(0.0, ge=0, le=1)
    program: str = ""
    program_data: dict[str, Any] = Field(default_factory=dict)


class Answer(BaseModel):
    """What a solving process returns. Nothing in it is trusted until it has passed through here."""

    model_config = ConfigDict(extra="ignore")

    predictions: list[list[Attempt]]
    strategy_version: str = ""
    steps_used: int = 0
    hard_stopped: bool = False
    details: dict[str, Any] = Field(default_factory=dict)


RESULTS_VERSION = 2
"""Raise it when stored figures mean something else: those of older versions are computed anew."""


class RowFigures(BaseModel):
    """One strategy with one seed over a run's tasks. Shares run 0..1; intervals are Wilson's at 95 %.

    `done` cells were worked on to an end; `cancelled` ones were not, though what they used is in the sums.
    What nobody measured is null, never 0: shares while nothing is scored, costs while nothing has ended.
    """

    strategy: str
    seed: int
    tasks: int
    done: int
    cancelled: int
    scored: int
    outputs: int
    macro: float | None
    macro_low: float | None
    macro_high: float | None
    micro: float | None
    micro_low: float | None
    micro_high: float | None
    strict: int | None
    strict_share: float | None
    strict_low: float | None
    strict_high: float | None
    failures: int
    nothing_found: int
    core_seconds: float | None
    core_seconds_per_task: float | None
    core_seconds_most: float | None
    wall_seconds: float | None
    dollars: float | None
    dollars_per_task: float | None
    joules: float | None
    joules_per_task: float | None


class StrategyFigures(BaseModel):
    """One strategy over all its seeds: a task counts with its mean over them, so that no seed stands for the others.

    `tasks` are those scored, which is what the interval counts; costs are those of one answer.
    """

    strategy: str
    seeds: int
    done: int
    tasks: int
    macro: float | None
    macro_low: float | None
    macro_high: float | None
    failures: int
    core_seconds_per_task: float | None
    dollars_per_task: float | None
    joules_per_task: float | None


class Totals(BaseModel):
    """A run as a whole. `macro` averages each task over its rows first, so that the interval counts tasks, not cells.

    `..._per_task` are of cells that are done. Null where nothing was measured, as in `RowFigures`.
    """

    cells: int
    done: int
    cancelled: int
    tasks: int
    scored_tasks: int
    macro: float | None
    macro_low: float | None
    macro_high: float | None
    strict: int | None
    failures: int
    core_seconds: float | None
    dollars: float | None
    joules: float | None
    dollars_per_task: float | None
    joules_per_correct: float | None
    core_seconds_per_task: float | None
    core_seconds_most: float | None
    energy_method: str = "estimated"


class RunResults(BaseModel):
    """Stored as `Experiment.results` and `ExperimentRun.metrics` when a run ends; computed live before.

    `task_set` is the same for runs over the same tasks in the same versions: only their scores can be compared. It is
    null while the run has not ended.
    """

    version: int = RESULTS_VERSION
    run_id: str
    number: int
    task_set: str | None = None
    rows: list[RowFigures]
    strategies: list[StrategyFigures]
    totals: Totals
