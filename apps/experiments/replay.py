"""Running a stored program again, for a person to follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.experiments.engine import registry
from apps.experiments.engine.strategy import Strategy
from apps.experiments.queries.truths import TaskContent
from apps.tasks.engine.grids import parse_grid, to_lists

MAX_STEPS = 40


@dataclass(frozen=True)
class ReplayStep:
    """A step: what was done, and the grid after it where it is one."""

    label: str
    grid: list[list[int]] | None


@dataclass(frozen=True)
class ReplayLine:
    """The program on one input. `agrees` says whether it ends in the demonstration's output; null for a test."""

    title: str
    input: list[list[int]]
    steps: Sequence[ReplayStep]
    agrees: bool | None


@dataclass(frozen=True)
class Replay:
    """The program on every input, or why it cannot be run."""

    lines: Sequence[ReplayLine]
    problem: str = ""


def replay_program(*, strategy: str, program_data: Mapping[str, Any], content: TaskContent) -> Replay:
    """The steps on each demonstration and test input. Truths are not looked at."""
    try:
        engine = registry.get(strategy)
        lines = [
            _line(engine, program_data, f"Demonstration {n}", pair["input"], pair["output"])
            for n, pair in enumerate(content.train, start=1)
        ]
        lines += [
            _line(engine, program_data, f"Test {n}", grid, None) for n, grid in enumerate(content.test_inputs, start=1)
        ]
    except registry.UnknownStrategy as error:
        return Replay([], str(error))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        # Written by another version of the strategy, or imported: the text remains, running it does not work.
        return Replay([], f"This version cannot run it again ({type(error).__name__}: {error}).")
    return Replay(lines)


def _line(
    engine: Strategy, data: Mapping[str, Any], title: str, grid: list[list[int]], wanted: list[list[int]] | None
) -> ReplayLine:
    steps = [
        ReplayStep(step.label, None if step.grid is None else to_lists(step.grid))
        for step in list(engine.replay(data, parse_grid(grid)))[:MAX_STEPS]
    ]
    final = next((step.grid for step in reversed(steps) if step.grid is not None), None)
    return ReplayLine(title, grid, steps, None if wanted is None else final == wanted)
