"""What `strategy.ProgramSynthesis` does, and all that it loads: kernels, compiler, search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from apps.experiments.engine.compiled import KERNELS
from apps.experiments.engine.hardstop import HardStop
from apps.experiments.engine.prepare import ensure
from apps.experiments.engine.strategy import Report, Solution, Step, silent
from apps.experiments.engine.synthesis import machine
from apps.experiments.engine.synthesis.config import SynthesisConfig
from apps.experiments.engine.synthesis.program import decode
from apps.experiments.engine.synthesis.search import Search
from apps.experiments.engine.synthesis.selection import predictions, ranked
from apps.tasks.engine.grids import freeze
from apps.tasks.engine.puzzle import Grid, Puzzle

WARM_STEPS = 25_000_000
"""Steps of each of the small tasks that are tried before the first real one."""


def solve(
    puzzle: Puzzle, config: SynthesisConfig, *, steps: int, hard_seconds: float, seed: int, report: Report = silent
) -> Solution:
    """Two distinct predictions for each test input, best first, and what it took to find them."""
    _ready()
    search = Search(puzzle, config, steps, HardStop(hard_seconds), seed, report)
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


def replay(program_data: Mapping[str, Any], grid: Grid) -> Sequence[Step]:
    """The grid after each step of a stored program."""
    return decode(program_data).steps(freeze(grid))


def warm() -> None:
    """Compile what is missing, on all cores, load it, and try small tasks that have no short answer."""
    _ready()
    generator = np.random.default_rng(0)
    for given, wanted in (((8, 9), (8, 9)), ((9, 8), (3, 4)), ((4, 4), (8, 8))):
        pairs = tuple((_speckled(generator, given), _speckled(generator, wanted)) for _ in range(2))
        puzzle = Puzzle("warm", pairs, (_speckled(generator, given),))
        solved = Puzzle("warm", tuple((a, freeze(a[::-1])) for a, _ in pairs), puzzle.test_inputs)
        for one in (puzzle, solved):
            solve(one, SynthesisConfig(), steps=WARM_STEPS, hard_seconds=600.0, seed=0)
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
