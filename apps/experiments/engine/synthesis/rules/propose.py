"""The entry: every family on a puzzle, merged and ranked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from apps.experiments.engine.synthesis.program import Program
from apps.experiments.engine.synthesis.rules import layout  # noqa: F401  (registers its frames)
from apps.experiments.engine.synthesis.rules.base import Meter, Pairs, Proposal, contiguous, merged
from apps.experiments.engine.synthesis.rules.cellwise import Reading, cellwise
from apps.experiments.engine.synthesis.rules.completion import completions
from apps.experiments.engine.synthesis.rules.frames import frames_for
from apps.experiments.engine.synthesis.rules.objects import objectwise
from apps.experiments.engine.synthesis.rules.scan import scans
from apps.experiments.engine.synthesis.rules.select import select
from apps.experiments.engine.synthesis.rules.summary import summaries
from apps.experiments.engine.synthesis.rules.wrap import wrapped
from apps.tasks.engine.puzzle import Grid, Puzzle

Family = Callable[[Pairs, Sequence[Grid], Meter], list[Proposal]]

KEEP = 8
"""Distinct answers returned for a puzzle."""

ENOUGH = {"cells": 700, "scan": 2500, "objects": 2500, "wrapped": 2500}
"""Families left out once an answer this cheap is known, in hundredths of bits."""


def _cells(pairs: Pairs, tests: Sequence[Grid], meter: Meter) -> list[Proposal]:
    if any(given.shape != wanted.shape for given, wanted in pairs):
        return []
    return cellwise(pairs, tests, meter)


def _frames(pairs: Pairs, tests: Sequence[Grid], meter: Meter) -> list[Proposal]:
    result: list[Proposal] = []
    for call, cost in frames_for(pairs, tests):
        if meter.empty:
            break
        result += cellwise(pairs, tests, meter, Reading(call, cost, call[0], 1))
    return result


def _wrapped(pairs: Pairs, tests: Sequence[Grid], meter: Meter) -> list[Proposal]:
    return wrapped(pairs, tests, meter, _inner)


def _inner(pairs: Pairs, tests: Sequence[Grid], meter: Meter) -> list[Proposal]:
    return _cells(pairs, tests, meter) + scans(pairs, tests, meter) + _frames(pairs, tests, meter)


FAMILIES: dict[str, Family] = {
    "select": select,
    "completion": completions,
    "cells": _cells,
    "frames": _frames,
    "scan": scans,
    "summary": summaries,
    "objects": objectwise,
    "wrapped": _wrapped,
}
"""Every family by name: `family(pairs, tests, meter)` gives proposals that reproduce every pair."""


def proposals(pairs: Pairs, tests: Sequence[Grid], steps: int, families: Sequence[str] | None = None) -> list[Proposal]:
    """Proposals of the named families (default all), merged by answer, cheapest first."""
    pairs = [(contiguous(given), contiguous(wanted)) for given, wanted in pairs]
    tests = [contiguous(grid) for grid in tests]
    if not pairs or not tests:
        return []
    meter = Meter(steps)
    found: list[Proposal] = []
    for name in families or FAMILIES:
        if meter.empty or (found and min(item.program.cost for item in found) < ENOUGH.get(name, 0)):
            continue
        found += FAMILIES[name](pairs, tests, meter)
    return merged(found, KEEP)


def propose(puzzle: Puzzle, steps: int) -> list[Program]:
    """Programs that reproduce every demonstration and answer every test input, cheapest first."""
    return [item.program for item in proposals(puzzle.train, puzzle.test_inputs, steps)]
