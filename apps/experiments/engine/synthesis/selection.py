"""Which two answers to give: short programs, agreement between programs, two different grids."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from apps.experiments.engine.strategy import ATTEMPTS_PER_TEST, Prediction
from apps.tasks.engine.grids import grid_hash
from apps.tasks.engine.puzzle import Grid, Puzzle

if TYPE_CHECKING:
    from apps.experiments.engine.synthesis.search import Candidate

VOTE_BITS = 6.0
"""Bits of description length by which one program counts half as much as another in a vote."""


def answers(puzzle: Puzzle, candidates: list[Candidate], vote: bool) -> tuple[tuple[Prediction, ...], ...]:
    """For each test input the two best distinct grids among the candidates' outputs (fewer if there are fewer)."""
    return tuple(_rank(index, candidates, vote) for index in range(len(puzzle.test_inputs)))


def _rank(index: int, candidates: list[Candidate], vote: bool) -> tuple[Prediction, ...]:
    weight: dict[str, float] = {}
    best: dict[str, Candidate] = {}
    for candidate in candidates:
        grid = candidate.outputs[index]
        if grid is None:
            continue
        key = grid_hash(grid)
        share = 2.0 ** (-candidate.cost / (100.0 * VOTE_BITS))
        weight[key] = weight.get(key, 0.0) + share if vote else max(weight.get(key, 0.0), share)
        if key not in best or candidate.cost < best[key].cost:
            best[key] = candidate
    total = math.fsum(weight.values())
    ranked = sorted(weight, key=lambda key: (-round(weight[key], 12), best[key].cost, key))
    return tuple(_prediction(best[key], index, weight[key] / total) for key in ranked[:ATTEMPTS_PER_TEST])


def _prediction(candidate: Candidate, index: int, share: float) -> Prediction:
    grid: Grid | None = candidate.outputs[index]
    assert grid is not None
    return Prediction(
        grid=grid,
        confidence=min(1.0, share),
        program=candidate.program.text(),
        program_data=candidate.program.to_data(),
    )
