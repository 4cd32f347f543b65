"""Scanning rules: a decision list applied row after row that also reads what it has just written above.

Learned with the true output in place of what the scan would have written, which is exact: a list consistent with
every cell reproduces the output when it is rolled out. Turning the grid gives the four directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.experiments.engine.synthesis.rules import features
from apps.experiments.engine.synthesis.rules.base import Meter, Pairs, Proposal, op, proposal
from apps.experiments.engine.synthesis.rules.cells import NONE
from apps.experiments.engine.synthesis.rules.decision import Rules, apply_rules, names_used, rules_text
from apps.experiments.engine.synthesis.rules.features import COLOUR, Feature
from apps.experiments.engine.synthesis.rules.learn import Effort, learn
from apps.tasks.engine.puzzle import Grid

WRITTEN = ("wrote_n", "wrote_nw", "wrote_ne", "wrote_nn", "wrote_nnn")
_SHIFTS = ((1, 0), (1, 1), (1, -1), (2, 0), (3, 0))
_COSTS = (250, 350, 350, 450, 550)
MAX_SCANNED_CELLS = 5000
MAX_ROLLOUTS = 12


def _schema() -> tuple[Feature, ...]:
    extra = tuple(Feature(name, COLOUR, cost) for name, cost in zip(WRITTEN, _COSTS, strict=True))
    return features.schema() + extra


SCHEMA = _schema()
INDEX = {feature.name: index for index, feature in enumerate(SCHEMA)}


def _written(output: Grid) -> NDArray[np.int8]:
    """The `WRITTEN` features of every cell, given the output they would come from."""
    height, width = output.shape
    rows = np.full((len(WRITTEN), height, width), NONE, np.int8)
    for index, (down, right) in enumerate(_SHIFTS):
        if down >= height:
            continue
        source = output[: height - down]
        if right == 1:
            rows[index, down:, 1:] = source[:, :-1]
        elif right == -1:
            rows[index, down:, :-1] = source[:, 1:]
        else:
            rows[index, down:] = source
    return rows.reshape(len(WRITTEN), -1)


def roll_out(grid: Grid, bg_mode: int, rules: Rules) -> Grid | None:
    """Apply a scanning rule from the first row to the last."""
    static = features.table(grid, bg_mode).reshape(-1, *grid.shape)
    return _roll(static, rules)


def _roll(static: NDArray[np.int8], rules: Rules) -> Grid | None:
    _, height, width = static.shape
    out = np.full((height, width), NONE, np.int8)
    used = sorted({INDEX[name] for name in names_used(rules)} | {0})
    index = {SCHEMA[k].name: at for at, k in enumerate(used)}
    for r in range(height):
        rows = np.full((len(used), width), NONE, np.int8)
        for at, k in enumerate(used):
            if k < len(static):
                rows[at] = static[k, r]
                continue
            down, right = _SHIFTS[k - len(static)]
            if r >= down:
                line = out[r - down]
                if right == 1:
                    rows[at, 1:] = line[:-1]
                elif right == -1:
                    rows[at, :-1] = line[1:]
                else:
                    rows[at] = line
        answer = apply_rules(rules, rows, index)
        if (answer < 0).any() or (answer > 9).any():
            return None
        out[r] = answer
    return out


def _text(params: Any) -> str:
    turns, _bg, rules = params
    side = ("top", "right", "bottom", "left")[turns]
    return f"scan rows from the {side}, each cell:\n" + "\n".join(
        "    " + line for line in rules_text(rules, "cell").split("\n")
    )


@op("scan", _text)
def _run(grid: Grid, params: Any) -> Grid | None:
    turns, bg_mode, rules = params
    if any(name not in INDEX for name in names_used(rules)):
        return None
    out = roll_out(np.ascontiguousarray(np.rot90(grid, turns)), bg_mode, rules)
    return None if out is None else np.ascontiguousarray(np.rot90(out, -turns))


def scans(pairs: Pairs, tests: Sequence[Grid], meter: Meter, effort: Effort | None = None) -> list[Proposal]:
    """Scanning rules in any of the four directions that reproduce every pair of equal shapes."""
    if any(given.shape != wanted.shape for given, wanted in pairs):
        return []
    if sum(wanted.size for _given, wanted in pairs) > MAX_SCANNED_CELLS:
        return []
    result: list[Proposal] = []
    bg_mode = features.background_modes([given for given, _wanted in pairs] + list(tests))[0]
    for turns in range(4):
        if meter.empty:
            break
        given = [np.ascontiguousarray(np.rot90(pair[0], turns)) for pair in pairs]
        wanted = [np.ascontiguousarray(np.rot90(pair[1], turns)) for pair in pairs]
        asked = [np.ascontiguousarray(np.rot90(grid, turns)) for grid in tests]
        train = np.concatenate([features.table(grid, bg_mode) for grid in given], axis=1)
        train = np.concatenate([train, np.concatenate([_written(grid) for grid in wanted], axis=1)])
        statics = [features.table(grid, bg_mode) for grid in asked]
        test = np.concatenate(statics, axis=1)
        test = np.concatenate([test, np.full((len(WRITTEN), test.shape[1]), 0, np.int8)])
        target = np.concatenate([grid.ravel() for grid in wanted])
        meter.spend((train.size + test.size) // 150)
        tried = 0
        for item in learn(SCHEMA, train, test, target, meter, effort):
            if not any(name in WRITTEN for name in names_used(item.rules)):
                continue
            tried += 1
            if tried > MAX_ROLLOUTS:
                break
            outputs = []
            for grid, static in zip(asked, statics, strict=True):
                meter.spend(200)
                out = _roll(static.reshape(-1, *grid.shape), item.rules)
                if out is None:
                    break
                outputs.append(np.ascontiguousarray(np.rot90(out, -turns)))
            if len(outputs) < len(tests):
                continue
            calls = (("scan", (turns, bg_mode, item.rules)),)
            found = proposal(calls, item.cost + 200, "scan", tests, outputs)
            if found is not None:
                result.append(found)
    return result
