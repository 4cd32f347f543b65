"""Running a stored program again, for a person to follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.experiments.engine.registry import UnknownStrategy
from apps.experiments.queries.truths import TaskContent
from apps.experiments.replayer import REPLAYER, CannotReplay

_INPUT, _OUTPUT = "input", "output"
"""What strategies call a grid that is no step: what they were given, and what they, or one of their parts, hand on."""
Grid = list[list[int]]
Done = tuple[str, Grid | None]


@dataclass(frozen=True)
class Stage:
    """One step of the program, on whichever input: its number, what it does, and whether it hands in the output."""

    number: int
    label: str
    is_output: bool


@dataclass(frozen=True)
class Played:
    """The grid after a stage on one input; `label` where it says something of this input that others do not share."""

    grid: Grid | None
    label: str


@dataclass(frozen=True)
class ReplayLine:
    """The program on one input. `agrees` says whether it ends in the demonstration's output; null for a test."""

    title: str
    input: Grid
    played: Sequence[Played]
    agrees: bool | None


@dataclass(frozen=True)
class Replay:
    """The program on every input, stage by stage, or why it cannot be run."""

    stages: Sequence[Stage]
    lines: Sequence[ReplayLine]
    problem: str = ""


@dataclass(frozen=True)
class _Run:
    title: str
    input: Grid
    wanted: Grid | None
    steps: Sequence[Done]

    def placed(self, count: int) -> list[Done]:
        """Its steps in so many places: where there are fewer, the last one still stands in the last place."""
        return [*self.steps[:-1], *[("", None)] * (count - len(self.steps)), *self.steps[-1:]]


def replay_program(*, strategy: str, program_data: Mapping[str, Any], content: TaskContent) -> Replay:
    """The stages on each demonstration and test input. Truths are not looked at."""
    given = [(f"Demonstration {n}", one["input"], one["output"]) for n, one in enumerate(content.train, start=1)]
    given += [(f"Test {n}", grid, None) for n, grid in enumerate(content.test_inputs, start=1)]
    try:
        played = REPLAYER.steps(strategy, program_data, [grid for _, grid, _ in given])
    except UnknownStrategy as error:
        return Replay([], [], str(error))
    except CannotReplay as error:
        # Written by another version of the strategy, or imported: the text remains, running it does not work.
        return Replay([], [], f"This version cannot run it again ({error}).")
    runs = [
        _Run(title, grid, wanted, _steps(said, grid)) for (title, grid, wanted), said in zip(given, played, strict=True)
    ]
    stages = _stages(runs)
    return Replay(stages, [_line(run, stages) for run in runs])


def _steps(said: Sequence[Done], given: Grid) -> list[Done]:
    """What was done, without the grids that only repeat the input, or what a part of the program hands to the next."""
    steps: list[Done] = []
    for label, grid in said:
        word = label.strip().lower()
        if word in (_INPUT, _OUTPUT) and grid == (steps[-1][1] if steps else given):
            continue
        steps.append(("handed on" if word == _OUTPUT else label, grid))
    return steps


def _stages(runs: Sequence[_Run]) -> list[Stage]:
    count = max((len(run.steps) for run in runs), default=0)
    placed = [run.placed(count) for run in runs]
    return [
        Stage(place + 1, _common({steps[place][0] for steps in placed} - {""}), place == count - 1)
        for place in range(count)
    ]


def _common(labels: set[str]) -> str:
    """The label that all share; where they go on to tell more of each input, what they begin with."""
    if len(labels) == 1:
        return next(iter(labels))
    heads = {label.partition(":")[0] for label in labels}
    return next(iter(heads)) if len(heads) == 1 else " / ".join(sorted(labels))


def _line(run: _Run, stages: Sequence[Stage]) -> ReplayLine:
    placed = zip(run.placed(len(stages)), stages, strict=True)
    played = [Played(grid, "" if label == stage.label else label) for (label, grid), stage in placed]
    final = run.steps[-1][1] if run.steps else run.input
    return ReplayLine(run.title, run.input, played, None if run.wanted is None else final == run.wanted)
