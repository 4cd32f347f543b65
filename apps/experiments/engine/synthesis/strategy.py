"""The strategy `program_synthesis`: enumerate images, compose them, rank the programs, give two answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np

from apps.experiments.engine.compiled import KERNELS
from apps.experiments.engine.hardstop import HardStop
from apps.experiments.engine.prepare import ensure
from apps.experiments.engine.strategy import Budget, Report, Solution, Step, StrategyConfig, silent
from apps.experiments.engine.synthesis import machine
from apps.experiments.engine.synthesis.config import SynthesisConfig
from apps.experiments.engine.synthesis.program import decode
from apps.experiments.engine.synthesis.search import Search
from apps.experiments.engine.synthesis.selection import predictions, ranked
from apps.tasks.engine.grids import freeze
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
        _ready()
        steps = int(budget.core_seconds * STEPS_PER_CORE_SECOND)
        search = Search(puzzle, config, steps, HardStop(budget.hard_seconds), seed, report)
        search.run()
        choices = ranked(puzzle, search.candidates, config.vote, search.support)
        return Solution(
            predictions=predictions(choices),
            steps_used=search.steps,
            hard_stopped=search.hard_stopped,
            details={
                "candidates": len(search.candidates),
                "states": search.states,
                "stages": search.taken,
                "failures": search.failures,
                "support": [[round(bits, 4) for _, bits in sorted(s.items())] for s in search.support],
                "ranked": [[(round(c.share, 4), c.candidate.cost) for c in per_test] for per_test in choices],
                "sources": [[c.candidate.source for c in per_test] for per_test in choices],
            },
        )

    def replay(self, program_data: Mapping[str, Any], grid: Grid) -> Sequence[Step]:
        """Run a stored program on `grid`, step by step."""
        return decode(program_data).steps(freeze(grid))

    def warm(self) -> None:
        """Compile what is missing, on all cores, load it, and try small tasks that have no short answer."""
        _ready()
        generator = np.random.default_rng(0)
        for given, wanted in (((8, 9), (8, 9)), ((9, 8), (3, 4)), ((4, 4), (8, 8))):
            pairs = tuple((_speckled(generator, given), _speckled(generator, wanted)) for _ in range(2))
            puzzle = Puzzle("warm", pairs, (_speckled(generator, given),))
            self.solve(puzzle, config=SynthesisConfig(), budget=Budget(0.1, 600.0), seed=0)
            solved = Puzzle("warm", tuple((a, freeze(a[::-1])) for a, _ in pairs), puzzle.test_inputs)
            self.solve(solved, config=SynthesisConfig(), budget=Budget(0.1, 600.0), seed=0)
        machine.warm()


@cache
def _ready() -> None:
    """Have every kernel that Python calls in this process, compiled if need be, before any clock starts."""
    ensure()
    for kernel in KERNELS:
        if kernel.entry:
            kernel.seal()


def _speckled(generator: np.random.Generator, shape: tuple[int, int]) -> Grid:
    """A grid of a few coloured cells and blocks."""
    grid = np.where(generator.random(shape) < 0.3, generator.integers(1, 5, shape), 0)
    grid[1:3, 1:4] = 2
    return freeze(grid)
