"""From states to answers: pieces of the right size, alone or laid over one another, that reproduce every demonstration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba.core import types
from numpy.typing import NDArray

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.dag import Dag
from apps.experiments.engine.synthesis.enumeration import ARENA, Arena
from apps.experiments.engine.synthesis.kernels.basics import popcount
from apps.experiments.engine.synthesis.limits import MAX_PIECES, MAX_TABLE_PIECES
from apps.experiments.engine.synthesis.signatures import BITS, BITSETS, CELLS, INDICES, NUMBER, NUMBERS, TABLE
from apps.experiments.engine.synthesis.tables import fit_tables
from apps.tasks.engine.puzzle import Grid


class Pieces(NamedTuple):
    """Images that may be laid over one another: over all target cells where each is right, where nonempty; its cost."""

    good: NDArray[np.uint64]
    filled: NDArray[np.uint64]
    cost: NDArray[np.int64]


PIECES = types.NamedTuple([BITSETS, BITSETS, NUMBERS], Pieces)

LAYER_COST = 45
"""Description length of one more layer, in tenths of a bit."""


@kernel(INDICES, INDICES, CELLS, NUMBER, NUMBERS, NUMBERS, NUMBERS, entry=True)
def sized_states(images, first, is_list, states, heights, widths, out):
    """Write to `out` the image states whose sizes equal the targets' on every demonstration; returns how many."""
    n = 0
    for s in range(states):
        if is_list[s] == 1:
            continue
        fits = True
        for q in range(heights.shape[0]):
            k = first[s, q]
            if images[k, 3] != heights[q] or images[k, 4] != widths[q]:
                fits = False
                break
        if fits:
            out[n] = s
            n += 1
    return n


@kernel(ARENA, INDICES, NUMBERS, CELLS, NUMBER, PIECES, entry=True)
def piece_bits(arena, first, states, target, demos, pieces):
    """Write the bit sets of pieces, given as states."""
    cells, images, good, filled = arena.cells, arena.images, pieces.good, pieces.filled
    for m in range(states.shape[0]):
        at = 0
        for q in range(demos):
            k = first[states[m], q]
            base = images[k, 0]
            for i in range(images[k, 3] * images[k, 4]):
                v = cells[base + i]
                bit = np.uint64(1) << np.uint64(at & 63)
                if v == target[at]:
                    good[m, at >> 6] |= bit
                if v != 0:
                    filled[m, at >> 6] |= bit
                at += 1


@kernel(BITSETS, BITS, NUMBERS, entry=True)
def exact_pieces(good, everything, out):
    """Pieces right on every cell; returns how many indices were written to `out`."""
    n = 0
    for m in range(good.shape[0]):
        hit = True
        for w in range(good.shape[1]):
            if good[m, w] != everything[w]:
                hit = False
                break
        if hit:
            out[n] = m
            n += 1
    return n


@kernel(PIECES, BITS, NUMBER, NUMBERS, NUMBERS, NUMBERS)
def _best_layers(pieces, remaining, width, chosen, worth, finish):
    """The `width` best pieces to lay next: none of their nonempty cells wrong where it still matters.

    `finish` receives the cheapest piece that is right on all that remains, or -1. Returns how many were chosen.
    """
    good, filled, cost = pieces.good, pieces.filled, pieces.cost
    n = 0
    finish[0] = -1
    words = good.shape[1]
    for m in range(good.shape[0]):
        gain = 0
        fits = True
        completes = True
        for w in range(words):
            rest = remaining[w]
            if rest == 0:
                continue
            if filled[m, w] & ~good[m, w] & rest:
                fits = False
                break
            if rest & ~good[m, w]:
                completes = False
            gain += popcount(filled[m, w] & rest)
        if not fits:
            continue
        if completes and (finish[0] < 0 or cost[m] < cost[finish[0]]):
            finish[0] = m
        if gain == 0:
            continue
        value = gain * 1000 - cost[m]
        if n == width and value <= worth[n - 1]:
            continue
        twin = False
        for k in range(n):
            if worth[k] // 1000 == value // 1000:
                same = True
                for w in range(words):
                    if (filled[m, w] ^ filled[chosen[k], w]) & remaining[w]:
                        same = False
                        break
                if same:
                    twin = True
                    break
        if twin:
            continue
        if n < width:
            n += 1
        k = n - 1
        while k > 0 and worth[k - 1] < value:
            worth[k] = worth[k - 1]
            chosen[k] = chosen[k - 1]
            k -= 1
        worth[k] = value
        chosen[k] = m
    return n


@kernel(PIECES, BITS, NUMBERS, TABLE, NUMBER, NUMBER, entry=True)
def stack_pieces(pieces, everything, widths, stacks, max_found, max_steps):
    """Search stacks of pieces, top layer first, depth first with `widths[d]` alternatives at depth d.

    `stacks` (max_found x 6) receives piece indices, -1 padded. Returns [stacks found, steps taken].
    """
    good, filled = pieces.good, pieces.filled
    depth_limit = widths.shape[0]
    words = good.shape[1]
    remaining = np.zeros((depth_limit + 1, words), np.uint64)
    for w in range(words):
        remaining[0, w] = everything[w]
    options = np.zeros((depth_limit, 16), np.int64)
    worth = np.zeros((depth_limit, 16), np.int64)
    amount = np.zeros(depth_limit, np.int64)
    at = np.full(depth_limit, -1, np.int64)
    finish = np.zeros(1, np.int64)
    found = 0
    steps = 0
    d = 0
    while d >= 0:
        if at[d] < 0:
            steps += good.shape[0] * (4 + words)
            amount[d] = _best_layers(pieces, remaining[d], widths[d], options[d], worth[d], finish)
            if finish[0] >= 0 and found < max_found and d > 0:
                for k in range(stacks.shape[1]):
                    stacks[found, k] = options[k, at[k]] if k < d else -1
                stacks[found, d] = finish[0]
                found += 1
            if steps > max_steps or found >= max_found:
                break
        at[d] += 1
        if at[d] >= amount[d] or d + 1 >= depth_limit:
            at[d] = -1
            d -= 1
            continue
        m = options[d, at[d]]
        for w in range(words):
            remaining[d + 1, w] = remaining[d, w] & ~filled[m, w]
        d += 1
    return found, steps


@dataclass(frozen=True, eq=False)
class Composition:
    """States that reproduce every demonstration, and what they give on the tests (None: nothing).

    They are laid over one another, first on top, or, with a `table`, joined cell by cell.
    """

    states: tuple[int, ...]
    outputs: tuple[Grid | None, ...]
    cost: int
    table: tuple[int, ...] = ()


def _overlay(dag: Dag, states: tuple[int, ...], pair: int) -> NDArray[np.int8]:
    result = dag.image(states[-1], pair)
    for state in reversed(states[:-1]):
        layer = dag.image(state, pair)
        np.copyto(result, layer, where=layer != 0)
    return result


def _groups(dag: Dag, states: NDArray[np.int64], demos: int, limit: int) -> list[NDArray[np.int64]]:
    """Pieces that agree on all test sizes, the group of the cheapest first."""
    sizes = dag.images[dag.first[states, demos:]][:, :, 3:5].reshape(len(states), -1)
    _, group, counts = np.unique(sizes, axis=0, return_inverse=True, return_counts=True)
    group = group.reshape(-1)
    order: list[int] = []
    for g in group.tolist():
        if g not in order:
            order.append(g)
            if len(order) >= limit:
                break
    order.sort(key=lambda g: -int(counts[g]))
    return [states[group == g] for g in order]


def target_sized(dag: Dag, targets: list[Grid]) -> NDArray[np.int64]:
    """The image states of the targets' sizes, cheapest first."""
    heights = np.array([t.shape[0] for t in targets], np.int64)
    widths = np.array([t.shape[1] for t in targets], np.int64)
    states = np.empty(dag.states, np.int64)
    n = sized_states(dag.images, dag.first, dag.is_list, dag.states, heights, widths, states)
    order = np.argsort(dag.cost[states[:n]], kind="stable")
    sized: NDArray[np.int64] = states[:n][order][:MAX_PIECES]
    return sized


def compose(dag: Dag, targets: list[Grid], max_steps: int, layers: bool = True) -> tuple[list[Composition], int]:
    """Every composition found, in no particular order, and the steps it took."""
    demos = len(targets)
    states = target_sized(dag, targets)
    steps = dag.states
    if len(states) == 0:
        return [], steps
    target = np.concatenate([t.ravel() for t in targets])
    words = (target.size + 63) // 64
    everything = np.full(words, ~np.uint64(0))
    if target.size % 64:
        everything[-1] = (np.uint64(1) << np.uint64(target.size % 64)) - np.uint64(1)
    found: list[Composition] = []
    for group in _groups(dag, states, demos, 8):
        bits = (len(group), words)
        pieces = Pieces(np.zeros(bits, np.uint64), np.zeros(bits, np.uint64), dag.cost[group].astype(np.int64))
        piece_bits(Arena(dag.cells, dag.images), dag.first, group, target, demos, pieces)
        steps += len(group) * target.size // 2
        exact = np.empty(len(group), np.int64)
        hits = exact[: exact_pieces(pieces.good, everything, exact)].tolist()
        found += [_composition(dag, (int(group[m]),), demos) for m in hits]
        if not layers or steps > max_steps:
            continue
        stacks = np.full((40, 8), -1, np.int64)
        breadth = np.array([10, 4, 2, 1, 1, 1], np.int64)
        count, used = stack_pieces(pieces, everything, breadth, stacks, 40, max(0, max_steps - steps))
        steps += used
        rows = stacks[:count].tolist()
        found += [_composition(dag, tuple(int(group[m]) for m in row if m >= 0), demos) for row in rows]
        if steps < max_steps:
            fits, used = fit_tables(dag, group[:MAX_TABLE_PIECES], target, demos, max_steps - steps)
            steps += used
            found += [Composition(fit.states, fit.outputs, fit.cost, fit.table) for fit in fits]
    return found, steps


def _composition(dag: Dag, states: tuple[int, ...], demos: int) -> Composition:
    outputs = tuple(_overlay(dag, states, q) for q in range(demos, dag.pairs))
    cost = sum(int(dag.cost[s]) for s in states) + LAYER_COST * (len(states) - 1)
    return Composition(states, outputs, cost)
