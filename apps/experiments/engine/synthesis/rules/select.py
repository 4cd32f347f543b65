"""Cutting the answer out of the input: which region, by a learned description, then what to do with the cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.experiments.engine.synthesis.rules import bits, regions
from apps.experiments.engine.synthesis.rules.base import Call, Meter, Pairs, Proposal, contiguous, op, proposal
from apps.experiments.engine.synthesis.rules.cells import pack
from apps.experiments.engine.synthesis.rules.cellwise import Reading, cellwise
from apps.experiments.engine.synthesis.rules.decision import Condition, apply_rules, rules_text
from apps.experiments.engine.synthesis.rules.features import background, background_modes
from apps.experiments.engine.synthesis.rules.frames import Views, frame
from apps.tasks.engine.grids import same
from apps.tasks.engine.puzzle import Grid

_KIND_COST = {
    "shape": 200, "object": 250, "object4": 300, "panel": 150, "colour": 300, "area": 400, "all": 100, "half": 300,
    "third": 350,
}  # fmt: skip
_CUTS = ((0, False, 0), (0, True, 60), (1, False, 150), (-1, False, 350))
"""Margin, own cells only, cost."""


def turned(grid: Grid, turn: int) -> Grid:
    """One of the eight symmetries: quarter turns 0..3, mirrored first from 4 on."""
    return contiguous(np.rot90(grid[:, ::-1] if turn >= 4 else grid, turn % 4))


@op("turn", lambda params: f"turn(grid, quarters={params % 4}, mirrored={params >= 4})")
def _turn(grid: Grid, params: Any) -> Grid | None:
    return turned(grid, int(params))


def _pick_text(params: Any) -> str:
    kind, bg, conditions, margin, own = params
    tests = rules_text(((conditions, ("const", "this")),), kind) if conditions else "the only one"
    return f"cut(grid, {kind}, {tests}, background={bg}, margin={margin}, own_cells={own})"


@op("pick", _pick_text)
def _pick(grid: Grid, params: Any) -> Grid | None:
    found = _picked(grid, params)
    return None if found is None else found[0]


def _picked(grid: Grid, params: Any) -> tuple[Grid, regions.Region, int] | None:
    kind, bg_mode, conditions, margin, own = params
    bg = background(grid, bg_mode)
    found, props = regions.find(grid, kind, bg)
    if not found:
        return None
    chosen = found
    if conditions:
        rows = regions.table(grid, found, props, bg)
        hold = apply_rules(((conditions, ("const", 1)),), rows, regions.INDEX) == 1
        chosen = [region for region, yes in zip(found, hold.tolist(), strict=True) if yes]
    cuts = [region.crop(grid, margin, own, bg) for region in chosen]
    first = cuts[0] if cuts else None
    if first is None or not all(same(first, cut) for cut in cuts[1:]):
        return None
    return first, chosen[0], bg


@frame("pick")
def _pick_frame(grid: Grid, *params: Any) -> Views | None:
    found = _picked(grid, params)
    if found is None:
        return None
    cut, region, _bg = found
    margin = params[3]
    top, left = region.box[0] + margin, region.box[1] + margin
    height, width = cut.shape
    views: Views = [("cut", cut), ("cut_lr", contiguous(cut[:, ::-1])), ("cut_ud", contiguous(cut[::-1]))]
    views.append(("cut_rot", contiguous(cut[::-1, ::-1])))
    for name, image in (("all_lr", grid[:, ::-1]), ("all_ud", grid[::-1]), ("all_rot", grid[::-1, ::-1])):
        views.append((name, contiguous(image[top : top + height, left : left + width])))
    if region.mask is not None and margin == 0:
        views.append(("#member", region.mask.astype(np.int8)))
    return views


@dataclass(eq=False)
class _Pool:
    """All regions of one kind over pairs and tests, with their features as literals."""

    kind: str
    bg_mode: int
    regions: list[list[regions.Region]]
    rows: list[NDArray[np.int8]]
    backgrounds: list[int]


def _pool(kind: str, bg_mode: int, grids: Sequence[Grid]) -> _Pool | None:
    found: list[list[regions.Region]] = []
    props = []
    backgrounds = [background(grid, bg_mode) for grid in grids]
    for grid, bg in zip(grids, backgrounds, strict=True):
        some, own = regions.find(grid, kind, bg)
        if not some:
            return None
        found.append(some)
        props.append(own)
    rows = []
    if any(len(some) > 1 for some in found):
        for grid, some, own, bg in zip(grids, found, props, backgrounds, strict=True):
            rows.append(regions.table(grid, some, own, bg))
    return _Pool(kind, bg_mode, found, rows, backgrounds)


class _Literals:
    """Literals over the regions of a pool: bit rows for the pairs' regions, booleans for the tests'."""

    def __init__(self, pool: _Pool, n_pairs: int) -> None:
        train = np.concatenate(pool.rows[:n_pairs], axis=1)
        test = np.concatenate(pool.rows[n_pairs:], axis=1)
        kinds = np.array([feature.kind for feature in regions.SCHEMA], np.int8)
        costs = np.array([feature.cost for feature in regions.SCHEMA], np.int32)
        compare = np.zeros(len(kinds), np.bool_)
        meta, a, b = bits.literals(train, test, kinds, costs, compare, 0, 200)
        keys = bits.hashes(a, b)
        order = np.lexsort((np.arange(len(meta)), meta[:, 3]))
        _, first = np.unique(keys[order], return_index=True)
        chosen = order[np.sort(first)]
        self.meta, self.train, self.test = meta[chosen], a[chosen], b[chosen]
        self.costs = self.meta[:, 3].astype(np.int64)
        self.n_train, self.n_test = train.shape[1], test.shape[1]

    def condition(self, index: int) -> Condition:
        feature, operator, value, _cost = (int(x) for x in self.meta[index])
        return (regions.SCHEMA[feature].name, operator, value)


def _labelled(
    literals: _Literals | None, hits: list[list[bool]], best: int
) -> Iterator[tuple[tuple[Condition, ...], int]]:
    """Descriptions of the regions marked in `hits` and no others."""
    if literals is None:
        yield (), 0
        return
    flat = np.array([hit for some in hits for hit in some])
    must = pack(flat[None, :])[0]
    never = pack(~flat[None, :])[0]
    if not never.any():
        yield (), 0
        return
    items, prices = bits.conjunctions(literals.train, literals.costs, must, never, best, 60)
    for item, price in zip(items, prices.tolist(), strict=True):
        yield tuple(literals.condition(int(k)) for k in item if k >= 0), int(price)


def select(pairs: Pairs, tests: Sequence[Grid], meter: Meter) -> list[Proposal]:
    """Outputs that are a region of the input, cut out as it is or turned."""
    if all(given.shape == wanted.shape for given, wanted in pairs):
        return []
    result: list[Proposal] = []
    grids = [given for given, _wanted in pairs] + list(tests)
    for rank, bg_mode in enumerate(background_modes(grids)):
        for kind in regions.KINDS:
            if meter.empty:
                return result
            pool = _pool(kind, bg_mode, grids)
            if pool is None:
                continue
            meter.spend(sum(len(some) for some in pool.regions) * 60 + 100)
            literals = _Literals(pool, len(pairs)) if pool.rows else None
            result += _exact(pool, literals, pairs, tests, meter, 150 * rank)
            if not result:
                result += _shaped(pool, literals, pairs, tests, meter, 150 * rank)
    return result


def _exact(
    pool: _Pool, literals: _Literals | None, pairs: Pairs, tests: Sequence[Grid], meter: Meter, extra: int
) -> list[Proposal]:
    result: list[Proposal] = []
    for margin, own, cut_cost in _CUTS:
        if own and pool.regions[0][0].mask is None:
            continue
        cuts = [
            [region.crop(given, margin, own, bg) for region in some]
            for (given, _wanted), some, bg in zip(pairs, pool.regions, pool.backgrounds, strict=False)
        ]
        for turn in range(8):
            aims = [_unturned(wanted, turn) for _given, wanted in pairs]
            hits = [[same(cut, aim) for cut in some] for some, aim in zip(cuts, aims, strict=True)]
            if not all(any(some) for some in hits):
                continue
            for conditions, price in _labelled(literals, hits, 24):
                meter.spend(100)
                calls: tuple[Call, ...] = (("pick", (pool.kind, pool.bg_mode, conditions, margin, own)),)
                cost = _KIND_COST[pool.kind] + cut_cost + price + extra + 200
                if turn:
                    calls += (("turn", turn),)
                    cost += 400
                found = _cheap(calls, cost, pool, tests, len(pairs))
                if found is not None:
                    result.append(found)
            if result:
                break
    return result


def _unturned(grid: Grid, turn: int) -> Grid:
    back = np.rot90(grid, -(turn % 4))
    return contiguous(back[:, ::-1] if turn >= 4 else back)


def _cheap(calls: tuple[Call, ...], cost: int, pool: _Pool, tests: Sequence[Grid], n_pairs: int) -> Proposal | None:
    """The proposal of a pick (and turn) whose agreement with the pairs is already known."""
    _kind, _bg, conditions, margin, own = calls[0][1]
    outputs: list[Grid] = []
    for at, grid in enumerate(tests):
        some = pool.regions[n_pairs + at]
        bg = pool.backgrounds[n_pairs + at]
        if conditions:
            rows = pool.rows[n_pairs + at]
            hold = (apply_rules(((conditions, ("const", 1)),), rows, regions.INDEX) == 1).tolist()
            some = [region for region, yes in zip(some, hold, strict=True) if yes]
        cuts = [region.crop(grid, margin, own, bg) for region in some]
        first = cuts[0] if cuts else None
        if first is None or not all(same(first, cut) for cut in cuts[1:]):
            return None
        outputs.append(turned(first, calls[1][1]) if len(calls) > 1 else first)
    return proposal(calls, cost, "select", tests, outputs)


MAX_SHAPED = 3


def _shaped(
    pool: _Pool, literals: _Literals | None, pairs: Pairs, tests: Sequence[Grid], meter: Meter, extra: int
) -> list[Proposal]:
    """Regions of the output's shape, then a cell-wise rule over the cut."""
    result: list[Proposal] = []
    for margin, own, cut_cost in _CUTS:
        if own:
            continue
        fits = []
        for (given, wanted), some in zip(pairs, pool.regions, strict=False):
            cuts = [region.crop(given, margin, False, 0) for region in some]
            fits.append([cut is not None and cut.shape == wanted.shape for cut in cuts])
        if not all(any(some) for some in fits):
            continue
        for conditions, price in _single_outs(pool, literals, fits, len(pairs)):
            if meter.empty:
                return result
            call = ("pick", pool.kind, pool.bg_mode, conditions, margin, False)
            cost = _KIND_COST[pool.kind] + cut_cost + price + extra + 300
            result += cellwise(pairs, tests, meter, Reading(call, cost, "select+cells", 1))
    return result


def _single_outs(
    pool: _Pool, literals: _Literals | None, fits: list[list[bool]], n_pairs: int
) -> list[tuple[tuple[Condition, ...], int]]:
    """The cheapest descriptions met by exactly one region of each grid, of the wanted shape in each pair."""
    if literals is None:
        return [((), 0)]
    starts = np.cumsum([0, *(len(some) for some in pool.regions[:n_pairs])])
    flat = np.array([fit for some in fits for fit in some])
    result: list[tuple[tuple[Condition, ...], int]] = []
    seen: set[tuple[int, ...]] = set()
    for index in range(len(literals.meta)):
        hold = bits.unpack(literals.train[index], literals.n_train)
        picks = np.flatnonzero(hold)
        if len(picks) != n_pairs or not flat[picks].all():
            continue
        if not all(starts[k] <= picks[k] < starts[k + 1] for k in range(n_pairs)):
            continue
        key = tuple(picks.tolist())
        if key in seen:
            continue
        seen.add(key)
        result.append(((literals.condition(index),), int(literals.costs[index])))
        if len(result) == MAX_SHAPED:
            break
    return result
