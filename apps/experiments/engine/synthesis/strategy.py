"""The strategy `program_synthesis`: enumerate images, compose them, rank the programs, give two answers.

What it is can be asked without loading what it needs: `solver` is imported by whoever solves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from apps.experiments.engine.strategy import Budget, Report, Solution, Step, StrategyConfig, silent
from apps.experiments.engine.synthesis.config import SynthesisConfig
from apps.tasks.engine.puzzle import Grid, Puzzle

STEPS_PER_CORE_SECOND = 250_000_000
"""Search steps one core does in a second (a step is about one cell visited); measured by `bench.engine_profile`."""
# The seed permutes primitives of equal cost and draws the colours of `augment_vote`; nothing else is random.


class ProgramSynthesis:
    """Programs over grids, objects and panels, found by enumeration and by learning rules."""

    name: ClassVar[str] = "program_synthesis"
    version: ClassVar[str] = "1.0"
    title: ClassVar[str] = "Program synthesis"
    summary: ClassVar[str] = (
        "Enumerates programs over images of all demonstrations at once, lays partial results over one another, "
        "learns rules for cells and objects, and answers with the shortest programs that agree."
    )
    Config: ClassVar[type[StrategyConfig]] = SynthesisConfig

    def solve(
        self, puzzle: Puzzle, *, config: StrategyConfig, budget: Budget, seed: int, report: Report = silent
    ) -> Solution:
        """Two distinct predictions for each test input, best first; the same for the same task, config and seed."""
        if not isinstance(config, SynthesisConfig):
            raise TypeError(f"program_synthesis needs a SynthesisConfig, got {type(config).__name__}.")
        from apps.experiments.engine.synthesis import solver

        steps = int(budget.core_seconds * STEPS_PER_CORE_SECOND)
        return solver.solve(puzzle, config, steps=steps, hard_seconds=budget.hard_seconds, seed=seed, report=report)

    def replay(self, program_data: Mapping[str, Any], grid: Grid) -> Sequence[Step]:
        """Run a stored program on `grid`, step by step."""
        from apps.experiments.engine.synthesis import solver

        return solver.replay(program_data, grid)

    def warm(self) -> None:
        """Compile what is missing, on all cores, load it, and try small tasks that have no short answer."""
        from apps.experiments.engine.synthesis import solver

        solver.warm()
