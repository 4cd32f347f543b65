"""Strategies for tests: quick, predictable, and registered under names no product strategy has."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from apps.experiments.engine.strategy import Budget, Prediction, Report, Solution, Step, StrategyConfig, silent
from apps.tasks.engine.puzzle import Grid, Puzzle


class EchoConfig(StrategyConfig):
    """Options of every kind a form can show."""

    depth: int = Field(2, ge=1, le=9, title="Depth", description="How deep it would search.")
    weight: float = Field(0.5, ge=0, le=1, title="Weight", description="A share.")
    order: Literal["first", "last"] = Field("first", title="Order", description="Where it would begin.")
    symmetric: bool = Field(True, title="Symmetric", description="Whether it would try symmetries.")
    label: str = Field("", max_length=20, title="Label", description="A word of your own.")


class Echo:
    """Answers every test with its input: right where the task is to do nothing."""

    name: ClassVar[str] = "echo"
    version: ClassVar[str] = "1.2"
    title: ClassVar[str] = "Echo"
    summary: ClassVar[str] = "Answers with the input."
    Config: ClassVar[type[StrategyConfig]] = EchoConfig

    def solve(
        self, puzzle: Puzzle, *, config: StrategyConfig, budget: Budget, seed: int, report: Report = silent
    ) -> Solution:
        """The test inputs themselves."""
        report("log", {"level": "INFO", "message": f"echoing {len(puzzle.test_inputs)}"})
        attempts = tuple(
            (Prediction(grid=grid, confidence=0.5, program="return grid", program_data={"kind": "echo"}),)
            for grid in puzzle.test_inputs
        )
        return Solution(predictions=attempts, steps_used=len(attempts), details={"seed": seed})

    def replay(self, program_data: Mapping[str, Any], grid: Grid) -> Sequence[Step]:
        """One step that changes nothing."""
        return [Step("return grid", grid)]

    def warm(self) -> None:
        """Nothing to import."""


class Other(Echo):
    """The same under another name."""

    name: ClassVar[str] = "other"
    title: ClassVar[str] = "Other"


class Staged(Echo):
    """A program of two parts, each of which hands on what it made."""

    def replay(self, program_data: Mapping[str, Any], grid: Grid) -> Sequence[Step]:
        """Both parts, and what they hand on."""
        flipped = grid[:, ::-1]
        return [
            Step("input", grid),
            Step("flip: left to right", flipped),
            Step("output", flipped),
            Step(f"look: {int(grid[0, 0])} first", flipped),
            Step("flip back", grid),
            Step("output", grid),
        ]


class Foreign(Echo):
    """A program of another version."""

    def replay(self, program_data: Mapping[str, Any], grid: Grid) -> Sequence[Step]:
        """Finds its kind missing."""
        raise KeyError("kind")


class Crashing(Echo):
    """A program that takes its process with it."""

    def replay(self, program_data: Mapping[str, Any], grid: Grid) -> Sequence[Step]:
        """Ends here."""
        os._exit(1)


class Endless(Echo):
    """A program that does not come to an end."""

    def replay(self, program_data: Mapping[str, Any], grid: Grid) -> Sequence[Step]:
        """Waits for ever."""
        while True:
            time.sleep(60)
