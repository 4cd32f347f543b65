"""What is asked only while answers rival: does an answer's rule survive a lost demonstration, and a turned task?

Both questions are put to the rule learner alone, since it is the stage that may fit demonstrations by chance. Their
answer is a weight in bits for each rival grid; `selection` adds it to the votes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from apps.experiments.engine.synthesis.candidates import Candidate
from apps.experiments.engine.synthesis.chained import ChainedProgram
from apps.experiments.engine.synthesis.looks import COLOUR_NAMES, PLAIN, Outlook
from apps.experiments.engine.synthesis.program import Program
from apps.experiments.engine.synthesis.rules import FAMILIES, proposals
from apps.experiments.engine.synthesis.rules.base import Pipeline, Proposal
from apps.experiments.engine.synthesis.selection import VOTE_BITS
from apps.tasks.engine.grids import grid_hash, is_valid, same
from apps.tasks.engine.puzzle import Grid, Puzzle

LEADING = 4
"""Rival grids weighed for a test input."""

CLEAR_SHARE = 0.6
"""A grid with this share of the votes is clearly ahead: nothing is asked."""

GENERALISES_BITS = 4.0
"""Weight of an answer found again without each of the demonstrations, and predicting each."""

AGREES_BITS = 4.0
"""Weight of an answer that is all the rules give in every augmented view."""

Support = list[dict[str, float]]
"""For each test input: bits by which grids (by hash) gain weight."""

Origin = tuple[Outlook, str]
"""The outlook a rule was learned in, and its family (a key of `FAMILIES`)."""


def rivals(weights: Sequence[Mapping[str, float]]) -> list[tuple[str, ...]]:
    """For each test input the leading grids' hashes; none where two attempts hold them all or one is clearly ahead."""
    result = []
    for weight in weights:
        order = sorted(weight, key=lambda key: (-round(weight[key], 12), key))
        clear = len(order) <= 2 or weight[order[0]] >= CLEAR_SHARE * sum(weight.values())
        result.append(() if clear else tuple(order[:LEADING]))
    return result


def family_of(name: str) -> str:
    """The key in `FAMILIES` of a program's family: wrappers, stages and frames write names of their own into it."""
    if ":" in name:
        return "wrapped"
    stem = name.split("+")[0]
    return stem if stem in FAMILIES else "frames"


def origin(program: Program) -> Origin | None:
    """Where a learned rule comes from; None for programs that were enumerated or read intermediate images."""
    if isinstance(program, Pipeline):
        return PLAIN, family_of(program.family)
    if isinstance(program, ChainedProgram) and isinstance(program.rule, Pipeline) and program.first.layers == ((),):
        return program.outlook, family_of(program.rule.family)
    return None


def origins(candidates: Sequence[Candidate], wanted: Sequence[tuple[str, ...]]) -> list[dict[str, Origin]]:
    """For each test input, the origin of each rival grid's cheapest learned rule."""
    result: list[dict[str, Origin]] = []
    for index, keys in enumerate(wanted):
        known: dict[str, Origin] = {}
        for candidate in sorted(candidates, key=lambda c: c.cost) if keys else ():
            grid, where = candidate.outputs[index], origin(candidate.program)
            if grid is not None and where is not None and (key := grid_hash(grid)) in keys:
                known.setdefault(key, where)
        result.append(known)
    return result


def left_out(
    puzzle: Puzzle, candidates: Sequence[Candidate], wanted: Sequence[tuple[str, ...]], rule_steps: int
) -> Support:
    """Bits for grids whose rule family, learned without a demonstration, predicts it and gives the grid again."""
    known = origins(candidates, wanted)
    outlooks = list(dict.fromkeys(where[0] for per_test in known for where in per_test.values()))
    demos = len(puzzle.train)
    result: Support = [{} for _ in wanted]
    if demos < 2 or not outlooks:
        return result
    for outlook in outlooks:
        families = {where[1] for per_test in known for where in per_test.values() if where[0] == outlook}
        ordered = [name for name in FAMILIES if name in families]
        seen = outlook.see(puzzle)
        for held in range(demos):
            pairs = [pair for k, pair in enumerate(seen.train) if k != held]
            asked = [seen.train[held][0], *seen.test_inputs]
            found = proposals(pairs, asked, rule_steps // (demos * len(outlooks)), ordered)
            good = [item for item in found if same(item.outputs[0], seen.train[held][1])]
            for index, per_test in enumerate(known):
                again = {(family_of(item.program.family), _hash_back(puzzle, outlook, item, index, 1)) for item in good}
                for key, where in per_test.items():
                    if where[0] == outlook and (where[1], key) in again:
                        result[index][key] = result[index].get(key, 0.0) + GENERALISES_BITS / demos
    return result


def views(seed: int) -> list[Outlook]:
    """The eight turns, each with another exchange of the colours 1 to 9 drawn from the seed."""
    generator = np.random.default_rng([seed, len(COLOUR_NAMES)])
    return [Outlook(turn, (0, *(int(c) + 1 for c in generator.permutation(9)))) for turn in range(8)]


def augmented(
    puzzle: Puzzle, candidates: Sequence[Candidate], wanted: Sequence[tuple[str, ...]], rule_steps: int, seed: int
) -> Support:
    """Bits for grids in proportion to their share of what the rivals' rule families give in the augmented views."""
    result: Support = [{} for _ in wanted]
    outlooks = views(seed)
    families = {where[1] for per_test in origins(candidates, wanted) for where in per_test.values()}
    ordered = [name for name in FAMILIES if name in families]
    if not ordered:
        return result
    for outlook in outlooks:
        seen = outlook.see(puzzle)
        found = proposals(seen.train, seen.test_inputs, rule_steps // len(outlooks), ordered)
        for index, keys in enumerate(wanted):
            votes: dict[str, float] = {}
            for item in found if keys else ():
                key = _hash_back(puzzle, outlook, item, index, 0)
                votes[key] = votes.get(key, 0.0) + 2.0 ** (-item.program.cost / (100.0 * VOTE_BITS))
            total = sum(votes.values())
            for key in keys:
                if key in votes and total:
                    gain = AGREES_BITS * votes[key] / total / len(outlooks)
                    result[index][key] = result[index].get(key, 0.0) + gain
    return result


def _hash_back(puzzle: Puzzle, outlook: Outlook, item: Proposal, index: int, before: int) -> str:
    """Hash of an answer to test input `index` with the outlook undone; empty if it is no grid."""
    grid: Grid = item.outputs[before + index]
    return grid_hash(outlook.look(puzzle.test_inputs[index]).leave(grid)) if is_valid(grid) else ""
