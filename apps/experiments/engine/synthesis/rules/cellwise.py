"""Cell-wise rules: each output cell as a decision list over the features of its cell in a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from apps.experiments.engine.synthesis.limits import MAX_RULE_CELLS
from apps.experiments.engine.synthesis.rules import features
from apps.experiments.engine.synthesis.rules.base import Meter, Pairs, Proposal, op, proposal
from apps.experiments.engine.synthesis.rules.decision import apply_rules, rules_text
from apps.experiments.engine.synthesis.rules.frames import FrameCall, frame_text, views_of
from apps.experiments.engine.synthesis.rules.learn import Effort, Learner, Problem
from apps.tasks.engine.puzzle import Grid

STAGED_ABOVE = 3000
"""Two stages are tried where one stage needs more than this many hundredths of bits."""
STAGES = 4


def _text(params: Any) -> str:
    frame_call, _bg, rules = params
    body = "\n".join("    " + line for line in rules_text(rules, "cell").split("\n"))
    return f"each cell of {frame_text(frame_call)}:\n{body}"


@op("cells", _text)
def _run(grid: Grid, params: Any) -> Grid | None:
    frame_call, bg_mode, rules = params
    views = views_of(grid, frame_call)
    if views is None:
        return None
    names = tuple(name for name, _view in views[1:])
    primary = views[0][1]
    rows = features.table(primary, bg_mode, [view for _name, view in views[1:]])
    if any(name not in features.positions(names) for name in _names(rules)):
        return None
    out = apply_rules(rules, rows, features.positions(names))
    if (out < 0).any() or (out > 9).any():
        return None
    return out.reshape(primary.shape)


def _names(rules: Any) -> set[str]:
    used = {condition[0] for conditions, _action in rules for condition in conditions}
    return used | {action[1] for _conditions, action in rules if action[0] == "copy"}


class Reading(NamedTuple):
    """Under which frame cells are read, what that costs, whose rules these are, and how many may follow one another."""

    frame: FrameCall = ("same",)
    cost: int = 0
    family: str = "cells"
    depth: int = 2


AS_IT_IS = Reading()


def cellwise(pairs: Pairs, tests: Sequence[Grid], meter: Meter, reading: Reading = AS_IT_IS) -> list[Proposal]:
    """Cell-wise rules under one frame that reproduce every pair."""
    frame_call, cost, family, depth = reading
    given = [views_of(pair[0], frame_call) for pair in pairs]
    asked = [views_of(grid, frame_call) for grid in tests]
    names = tuple(name for name, _view in given[0][1:]) if given and given[0] else ()
    shaped = []
    for views, (_given, wanted) in zip(given, pairs, strict=True):
        if views is None or views[0][1].shape != wanted.shape or tuple(v[0] for v in views[1:]) != names:
            return []
        shaped.append(views)
    probed = []
    for views in asked:
        if views is None or tuple(v[0] for v in views[1:]) != names:
            return []
        probed.append(views)
    if sum(wanted.size for _given, wanted in pairs) > MAX_RULE_CELLS:
        return []
    target = np.concatenate([wanted.ravel() for _given, wanted in pairs])
    result: list[Proposal] = []
    primaries = [views[0][1] for views in shaped + probed]
    for rank, bg_mode in enumerate(features.background_modes(primaries)):
        if meter.empty:
            break
        train = np.concatenate([features.table(v[0][1], bg_mode, [x for _n, x in v[1:]]) for v in shaped], axis=1)
        test = np.concatenate([features.table(v[0][1], bg_mode, [x for _n, x in v[1:]]) for v in probed], axis=1)
        meter.spend((train.size + test.size) // 150)
        problem = Problem(features.schema(names), train, test, target)
        learner = Learner(problem, meter, Effort())
        for item in learner.run():
            outputs = []
            start = 0
            for views in probed:
                shape = views[0][1].shape
                outputs.append(item.test[start : start + shape[0] * shape[1]].reshape(shape))
                start += shape[0] * shape[1]
            calls = (("cells", (frame_call, bg_mode, item.rules)),)
            found = proposal(calls, item.cost + cost + 100 * rank, family, tests, outputs)
            if found is not None:
                result.append(found)
        if depth > 0 and (not result or min(item.program.cost for item in result) > STAGED_ABOVE):
            result += _staged(pairs, tests, meter, learner, bg_mode, reading)
        if result:
            break
    return result


def _staged(
    pairs: Pairs, tests: Sequence[Grid], meter: Meter, learner: Learner, bg_mode: int, reading: Reading
) -> list[Proposal]:
    """Two rules one after the other: the first gets part of the change right, the second reads its result."""
    result: list[Proposal] = []
    for price, rules in learner.partials(STAGES):
        if meter.empty:
            break
        stage = (("cells", (reading.frame, bg_mode, rules)),)
        second = Reading(("after", stage), reading.cost + price + 300, reading.family, reading.depth - 1)
        result += cellwise(pairs, tests, meter, second)
    return result
