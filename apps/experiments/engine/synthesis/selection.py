"""Which two answers to give: short programs, agreement between programs, two different grids."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from apps.experiments.engine.strategy import ATTEMPTS_PER_TEST, Prediction
from apps.experiments.engine.synthesis.candidates import Candidate
from apps.tasks.engine.grids import grid_hash
from apps.tasks.engine.puzzle import Grid, Puzzle

VOTE_BITS = 6.0
"""Bits of description length by which one program counts half as much as another in a vote."""

CALIBRATION = Path(__file__).with_name("confidence.json")
"""Weights of the logistic model behind `confidence`, fitted by `python -m bench.engine_calibrate`."""


@dataclass(frozen=True, eq=False)
class Ranked:
    """A grid to answer with: its cheapest program, and its share of all programs' votes (0..1)."""

    grid: Grid
    candidate: Candidate
    share: float


@cache
def _weights() -> dict[str, float]:
    weights: dict[str, float] = json.loads(CALIBRATION.read_text("utf-8"))["weights"]
    return weights


def confidence(share: float, cost: int, rank: int) -> float:
    """Probability that an answer is right, from its share of the votes, its cost (hundredths of a bit) and its rank."""
    weights = _weights()
    log_odds = weights["constant"] + weights["share"] * share + weights["cost"] * cost / 1000 + weights["rank"] * rank
    return round(1 / (1 + math.exp(-log_odds)), 4)


def ranked(
    puzzle: Puzzle, candidates: list[Candidate], vote: bool, support: Sequence[Mapping[str, float]] = ()
) -> tuple[tuple[Ranked, ...], ...]:
    """For each test input the two best distinct grids among the candidates' outputs (fewer if there are fewer).

    `support` gives, for each test input, bits by which some grids' votes gain.
    """
    tests = range(len(puzzle.test_inputs))
    return tuple(_rank(index, candidates, vote, support[index] if support else {}) for index in tests)


def votes(index: int, candidates: Sequence[Candidate], vote: bool) -> tuple[dict[str, float], dict[str, Candidate]]:
    """Votes for each grid (by hash) as answer to test input `index`, and the grid's cheapest program."""
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
    return weight, best


def _rank(index: int, candidates: list[Candidate], vote: bool, support: Mapping[str, float]) -> tuple[Ranked, ...]:
    plain, best = votes(index, candidates, vote)
    weight = {key: value * 2.0 ** support.get(key, 0.0) for key, value in plain.items()}
    total = math.fsum(weight.values())
    order = sorted(weight, key=lambda key: (-round(weight[key], 12), best[key].cost, key))
    found = []
    for key in order[:ATTEMPTS_PER_TEST]:
        output = best[key].outputs[index]
        if output is not None:
            found.append(Ranked(output, best[key], weight[key] / total))
    return tuple(found)


def predictions(choices: tuple[tuple[Ranked, ...], ...]) -> tuple[tuple[Prediction, ...], ...]:
    """The choices as attempts, with confidence, readable program and its JSON form."""
    return tuple(
        tuple(
            Prediction(
                grid=choice.grid,
                confidence=confidence(choice.share, choice.candidate.cost, rank),
                program=choice.candidate.program.text(),
                program_data=choice.candidate.program.to_data(),
            )
            for rank, choice in enumerate(per_test)
        )
        for per_test in choices
    )
