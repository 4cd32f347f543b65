"""Object-wise rules: each object is kept, dropped, moved, slid, recoloured or mirrored, by a learned predicate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.experiments.engine.synthesis.rules import regions
from apps.experiments.engine.synthesis.rules.base import Meter, Pairs, Proposal, op, proposal
from apps.experiments.engine.synthesis.rules.decision import Rules, apply_rules, rules_text
from apps.experiments.engine.synthesis.rules.features import background, background_modes
from apps.experiments.engine.synthesis.rules.learn import Effort, Learner, Problem
from apps.tasks.engine.grids import same
from apps.tasks.engine.puzzle import Grid

Act = tuple[Any, ...]
"""A verb and its parameters: ("keep",), ("drop",), ("move", dy, dx), ("slide", dy, dx), ("edge", dy, dx),
("toward", colour), ("hop", dy, dx) by its own size, ("paint", colour), ("mirror", axis), ("copy", dy, dx)."""

WAYS = ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))
MAX_ACTS = 60


@dataclass(frozen=True, eq=False)
class Body:
    """An object's cells."""

    rows: NDArray[np.intp]
    cols: NDArray[np.intp]
    colours: NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Stage:
    """A grid taken apart into objects."""

    grid: Grid
    bg: int
    bodies: list[Body]
    table: NDArray[np.int8]


def take_apart(grid: Grid, kind: str, bg_mode: int) -> Stage | None:
    """The objects of a grid, or None where there are none or too many."""
    bg = background(grid, bg_mode)
    found, props = regions.find(grid, kind, bg)
    if not found:
        return None
    bodies = []
    for region in found:
        if region.mask is None:
            return None
        rows, cols = np.nonzero(region.mask)
        rows, cols = rows + region.box[0], cols + region.box[1]
        bodies.append(Body(rows, cols, grid[rows, cols]))
    return Stage(grid, bg, bodies, regions.table(grid, found, props, bg))


def _free(stage: Stage, body: Body, dy: int, dx: int) -> int:
    """How far a body can go before it leaves the grid or meets another; and what stops it is not asked."""
    blocked = stage.grid != stage.bg
    blocked[body.rows, body.cols] = False
    height, width = blocked.shape
    steps = 0
    rows, cols = body.rows, body.cols
    while True:
        rows, cols = rows + dy, cols + dx
        if rows.min() < 0 or cols.min() < 0 or rows.max() >= height or cols.max() >= width:
            return steps
        if blocked[rows, cols].any():
            return steps
        steps += 1


def _to_edge(stage: Stage, body: Body, dy: int, dx: int) -> int:
    height, width = stage.grid.shape
    room = []
    if dy:
        room.append(height - 1 - int(body.rows.max()) if dy > 0 else int(body.rows.min()))
    if dx:
        room.append(width - 1 - int(body.cols.max()) if dx > 0 else int(body.cols.min()))
    return min(room)


def _toward(stage: Stage, body: Body, colour: int) -> tuple[int, int] | None:
    """The shift along one axis that brings a body against the nearest cell of a colour it faces."""
    best: tuple[int, int, int] | None = None
    spots = stage.grid == colour
    spots[body.rows, body.cols] = False
    height, width = spots.shape
    for dy, dx in WAYS[:4]:
        rows, cols = body.rows, body.cols
        for steps in range(max(height, width)):
            rows, cols = rows + dy, cols + dx
            inside = (rows >= 0) & (cols >= 0) & (rows < height) & (cols < width)
            if not inside.any():
                break
            if spots[rows[inside], cols[inside]].any():
                if best is None or steps < best[0]:
                    best = (steps, dy * steps, dx * steps)
                break
    return None if best is None else (best[1], best[2])


def perform(stage: Stage, body: Body, act: Act) -> Body | None:
    """The body after an act; None where the act has no meaning for it. A dropped body has no cells."""
    verb = act[0]
    if verb in ("keep", "drop"):
        return body if verb == "keep" else Body(body.rows[:0], body.cols[:0], body.colours[:0])
    if verb == "paint":
        return Body(body.rows, body.cols, np.full_like(body.colours, act[1]))
    if verb == "mirror":
        rows, cols = body.rows, body.cols
        if act[1] in ("ud", "rot"):
            rows = rows.min() + rows.max() - rows
        if act[1] in ("lr", "rot"):
            cols = cols.min() + cols.max() - cols
        return Body(rows, cols, body.colours)
    shift = _shift(stage, body, act)
    if shift is None:
        return None
    rows, cols = body.rows + shift[0], body.cols + shift[1]
    inside = (rows >= 0) & (cols >= 0) & (rows < stage.grid.shape[0]) & (cols < stage.grid.shape[1])
    if verb not in ("move", "copy") and not inside.all():
        return None
    return Body(rows[inside], cols[inside], body.colours[inside])


def _shift(stage: Stage, body: Body, act: Act) -> tuple[int, int] | None:
    verb = act[0]
    if verb == "toward":
        return _toward(stage, body, act[1])
    dy, dx = act[1], act[2]
    if verb == "slide":
        steps = _free(stage, body, dy, dx)
        return dy * steps, dx * steps
    if verb == "edge":
        steps = _to_edge(stage, body, dy, dx)
        return dy * steps, dx * steps
    if verb in ("hop", "hopcopy"):
        tall = int(body.rows.max() - body.rows.min() + 1)
        wide = int(body.cols.max() - body.cols.min() + 1)
        return dy * tall, dx * wide
    return dy, dx


def render(stage: Stage, acts: Sequence[Act]) -> Grid | None:
    """The grid with every body replaced by what its act makes of it, the unmoved ones below."""
    out = stage.grid.copy()
    for body, act in zip(stage.bodies, acts, strict=True):
        if act[0] not in ("copy", "hopcopy"):
            out[body.rows, body.cols] = stage.bg
    for late in (False, True):
        for body, act in zip(stage.bodies, acts, strict=True):
            if (act[0] not in ("keep", "paint")) != late:
                continue
            done = perform(stage, body, act)
            if done is None:
                return None
            out[done.rows, done.cols] = done.colours
    return out


def _acts(stages: list[Stage], outputs: list[Grid]) -> list[tuple[int, Act]]:
    """Acts worth trying on these demonstrations, with their costs."""
    acts: list[tuple[int, Act]] = [(100, ("keep",)), (250, ("drop",))]
    for dy, dx in WAYS:
        extra = 100 if dy and dx else 0
        acts += [(400 + extra, ("slide", dy, dx)), (450 + extra, ("edge", dy, dx))]
        acts += [(550 + extra, ("hop", dy, dx)), (650 + extra, ("hopcopy", dy, dx))]
    acts += [(500, ("mirror", axis)) for axis in ("lr", "ud", "rot")]
    present = set.intersection(*(set(np.unique(stage.grid).tolist()) for stage in stages))
    acts += [(550, ("toward", colour)) for colour in sorted(present)]
    seen = sorted({int(colour) for output in outputs for colour in np.unique(output)})
    acts += [(450, ("paint", colour)) for colour in seen]
    shifts: Counter[tuple[int, int]] = Counter()
    for stage, output in zip(stages, outputs, strict=True):
        for body in stage.bodies[:12]:
            shifts.update(_shifts(body, output))
    for (dy, dx), _count in sorted(shifts.items(), key=lambda item: (-item[1], item[0]))[:8]:
        cost = 500 + 60 * (abs(dy) + abs(dx))
        acts += [(cost, ("move", dy, dx)), (cost + 100, ("copy", dy, dx))]
    return acts[:MAX_ACTS]


def _shifts(body: Body, output: Grid) -> list[tuple[int, int]]:
    """Where else the output shows exactly this body, nearest first."""
    height, width = output.shape
    top, left = int(body.rows.min()), int(body.cols.min())
    tall, wide = int(body.rows.max()) - top + 1, int(body.cols.max()) - left + 1
    hold = np.ones((height - tall + 1, width - wide + 1), np.bool_)
    for r, c, colour in zip(body.rows.tolist(), body.cols.tolist(), body.colours.tolist(), strict=True):
        y, x = r - top, c - left
        hold &= output[y : y + hold.shape[0], x : x + hold.shape[1]] == colour
    spots = [(int(y) - top, int(x) - left) for y, x in np.argwhere(hold)]
    spots = [spot for spot in spots if spot != (0, 0)]
    return sorted(spots, key=lambda s: (abs(s[0]) + abs(s[1]), s))[:4]


def _right(stage: Stage, body: Body, act: Act, output: Grid) -> bool:
    if act[0] == "drop":
        return bool((output[body.rows, body.cols] != body.colours).all())
    done = perform(stage, body, act)
    if done is None or not len(done.rows):
        return False
    if act[0] in ("copy", "hopcopy") and not (output[body.rows, body.cols] == body.colours).all():
        return False
    return bool((output[done.rows, done.cols] == done.colours).all())


def _text(params: Any) -> str:
    kind, bg, acts, rules = params
    body = rules_text(rules, kind).split("\n")
    named = "; ".join(f"{k}: {' '.join(str(x) for x in act)}" for k, act in enumerate(acts))
    return f"each {kind} (background {bg}; {named}):\n" + "\n".join("    " + line for line in body)


@op("objects", _text)
def _run(grid: Grid, params: Any) -> Grid | None:
    kind, bg_mode, acts, rules = params
    stage = take_apart(grid, kind, bg_mode)
    if stage is None:
        return None
    return _apply(stage, acts, rules)


def _apply(stage: Stage, acts: Sequence[Act], rules: Rules) -> Grid | None:
    codes = apply_rules(rules, stage.table, regions.INDEX)
    if (codes < 0).any():
        return None
    return render(stage, [acts[int(code)] for code in codes])


def objectwise(pairs: Pairs, tests: Sequence[Grid], meter: Meter) -> list[Proposal]:
    """Object-wise rules that reproduce every pair of equal shapes."""
    if any(given.shape != wanted.shape for given, wanted in pairs):
        return []
    result: list[Proposal] = []
    grids = [given for given, _wanted in pairs] + list(tests)
    bg_mode = background_modes(grids)[0]
    for rank, kind in enumerate(("object", "shape", "object4")):
        if meter.empty:
            break
        stages = [take_apart(grid, kind, bg_mode) for grid in grids]
        good = [stage for stage in stages if stage is not None]
        if len(good) < len(grids):
            continue
        result += _learned(kind, bg_mode, good, pairs, tests, meter, 150 + 100 * rank)
    return result


def _learned(
    kind: str, bg_mode: int, stages: list[Stage], pairs: Pairs, tests: Sequence[Grid], meter: Meter, cost: int
) -> list[Proposal]:
    n = len(pairs)
    outputs = [wanted for _given, wanted in pairs]
    acts = _acts(stages[:n], outputs)
    meter.spend(sum(len(stage.bodies) for stage in stages[:n]) * len(acts) * 15)
    hits = []
    for _cost, act in acts:
        marks = [
            _right(stage, body, act, output)
            for stage, output in zip(stages[:n], outputs, strict=True)
            for body in stage.bodies
        ]
        hits.append(np.array(marks))
    if not np.any(hits, axis=0).all():
        return []
    used = [k for k, hit in enumerate(hits) if hit.any()]
    if all(acts[k][1][0] in ("keep", "drop", "paint") for k in used):
        return []
    verbs = tuple(acts[k][1] for k in used)
    given = [(acts[k][0], ("const", code), hits[k]) for code, k in enumerate(used)]
    train = np.concatenate([stage.table for stage in stages[:n]], axis=1)
    test = np.concatenate([stage.table for stage in stages[n:]], axis=1)
    problem = Problem(regions.SCHEMA, train, test, np.zeros(train.shape[1], np.int8), -1, given)
    learner = Learner(problem, meter, Effort(keep=8, pairs=40))
    result: list[Proposal] = []
    for item in learner.run()[:30]:
        meter.spend(300)
        if not all(
            same(_apply(stage, verbs, item.rules), output) for stage, output in zip(stages[:n], outputs, strict=True)
        ):
            continue
        shown = [_apply(stage, verbs, item.rules) for stage in stages[n:]]
        answers = [grid for grid in shown if grid is not None]
        if len(answers) == len(tests):
            calls = (("objects", (kind, bg_mode, verbs, item.rules)),)
            found = proposal(calls, item.cost + cost, "objects", tests, answers)
            if found is not None:
                result.append(found)
    return result
