"""Enumeration of images: every primitive applied to every state, over all demonstrations and test inputs at once.

A state is one image (or list of images) for each pair of the task. States are expanded in order of cost; a state
whose images all equal those of an earlier one is dropped (observational equivalence by a 64-bit hash).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from apps.experiments.engine.synthesis.kernels.choose import apply_fold, choose_one, choose_some, measure
from apps.experiments.engine.synthesis.kernels.colour import apply_colour
from apps.experiments.engine.synthesis.kernels.draw import apply_draw
from apps.experiments.engine.synthesis.kernels.parts import apply_split
from apps.experiments.engine.synthesis.kernels.shape import apply_shape
from apps.experiments.engine.synthesis.primitives import Primitive
from apps.tasks.engine.puzzle import Grid

SIDE = 30
MAX_LIST = 64
MAX_STATES = 120_000
MAX_IMAGES = 1_500_000
MAX_CELLS = 96_000_000
MAX_COST = 640
"""Bounds of one enumeration: at most about 250 MB, whatever the budget. Costs are in tenths of a bit."""

HASH_SLOTS = 1 << 19


@njit(cache=True, nogil=True)
def apply_unary(code, p, a, h, w, b, r, g, gh, gw, ch, cw):
    """Any image operation by its opcode (see `primitives`)."""
    if code < 100:
        return apply_colour(code, p, a, h, w, b, r)
    if code < 200:
        return apply_shape(code - 100, p, a, h, w, b, r, g, gh, gw, ch, cw)
    return apply_draw(code - 200, p, a, h, w, b, r)


@njit(cache=True, nogil=True)
def _load(pix, im, k, a, r):
    """Copy image k of the arena into buffer `a` and its rectangle into `r`."""
    at = im[k, 0]
    h = im[k, 3]
    w = im[k, 4]
    for i in range(h):
        for j in range(w):
            a[i, j] = pix[at]
            at += 1
    r[0] = im[k, 1]
    r[1] = im[k, 2]
    r[2] = h
    r[3] = w


@njit(cache=True, nogil=True)
def _save(pix, im, k, at, b, r, key):
    """Append buffer `b` as image k at arena position `at`; returns `key` mixed with its cells and rectangle."""
    h = r[2]
    w = r[3]
    im[k, 0] = at
    im[k, 1] = r[0]
    im[k, 2] = r[1]
    im[k, 3] = h
    im[k, 4] = w
    key = (key ^ (r[0] * 31 + r[1] * 1031 + h * 32771 + w * 1048583 + 77)) * 1099511628211
    key ^= key >> 29
    for i in range(h):
        for j in range(w):
            v = b[i, j]
            pix[at] = v
            at += 1
            key = (key ^ (v + 1)) * 1099511628211
    key ^= key >> 32
    return key


@njit(cache=True, nogil=True)
def _seen(slots, key):
    """Whether a nonzero key was met before; remembers it."""
    if key == 0:
        key = 1
    at = (key ^ (key >> 17)) & (slots.shape[0] - 1)
    while slots[at] != 0:
        if slots[at] == key:
            return True
        at = (at + 1) & (slots.shape[0] - 1)
    slots[at] = key
    return False


@njit(cache=True, nogil=True)
def _nonempty(b, r):
    for i in range(r[2]):
        for j in range(r[3]):
            if b[i, j] != 0:
                return True
    return False


@njit(cache=True, nogil=True)
def enumerate_states(
    pix, im, used, first, count, is_list, parent, via, cost, follow, heads, tails, slots,
    pairs, canvas, op_kind, op_code, op_p, op_cost, max_cost, max_steps, prune,
):  # fmt: skip
    """Expand states cheapest first until `max_cost`, `max_steps` or a memory bound is reached.

    `used` = [cells, images, states, steps] in use, updated in place; one step is about one cell visited.
    State 0 must hold the inputs. `heads` and `tails` are the queues of states by cost. Returns the cost reached.
    """
    buffers = np.zeros((pairs, SIDE, SIDE), np.int8)
    inputs = np.zeros((pairs, SIDE, SIDE), np.int8)
    rects = np.zeros((pairs, 4), np.int64)
    in_rects = np.zeros((pairs, 4), np.int64)
    lists = np.zeros((pairs, MAX_LIST, SIDE, SIDE), np.int8)
    list_rects = np.zeros((pairs, MAX_LIST, 4), np.int64)
    values = np.zeros((pairs, MAX_LIST, 18), np.int64)
    la = np.zeros((MAX_LIST, SIDE, SIDE), np.int8)
    lr = np.zeros((MAX_LIST, 4), np.int64)
    keep = np.zeros(MAX_LIST, np.int64)
    b = np.zeros((SIDE, SIDE), np.int8)
    r = np.zeros(4, np.int64)
    n_ops = op_kind.shape[0]
    for q in range(pairs):
        _load(pix, im, first[0, q], inputs[q], in_rects[q])
    for level in range(max_cost + 1):
        s = heads[level]
        while s >= 0:
            listed = is_list[s] == 1
            area = 0
            for q in range(pairs):
                if listed:
                    for k in range(count[s, q]):
                        _load(pix, im, first[s, q] + k, lists[q, k], list_rects[q, k])
                        area += list_rects[q, k, 2] * list_rects[q, k, 3]
                    measure(lists[q], list_rects[q], count[s, q], values[q], in_rects[q, 2], in_rects[q, 3])
                else:
                    _load(pix, im, first[s, q], buffers[q], rects[q])
                    area += rects[q, 2] * rects[q, 3]
            if listed:
                used[3] += 20 * area
            for o in range(n_ops):
                kind = op_kind[o]
                if (kind >= 2) != listed:
                    continue
                reach = level + op_cost[o]
                if reach > max_cost:
                    continue
                used[3] += area + 40 * pairs
                if used[3] > max_steps:
                    return level
                cells = used[0]
                images = used[1]
                t = used[2]
                if cells + pairs * 64 * 900 > MAX_CELLS or images + pairs * 64 > MAX_IMAGES or t >= MAX_STATES:
                    return level
                key = np.int64(1469598103934665603)
                ok = True
                something = False
                makes_list = kind == 1 or kind == 3 or kind == 5
                for q in range(pairs):
                    first[t, q] = images
                    count[t, q] = 1
                    if kind == 0:
                        r[:] = rects[q]
                        ok = apply_unary(
                            op_code[o], op_p[o], buffers[q], rects[q, 2], rects[q, 3], b, r,
                            inputs[q], in_rects[q, 2], in_rects[q, 3], canvas[q, 0], canvas[q, 1],
                        )  # fmt: skip
                    elif kind == 1:
                        n = apply_split(op_code[o], op_p[o], buffers[q], rects[q, 2], rects[q, 3], rects[q], la, lr)
                        ok = n > 0
                        count[t, q] = n
                        key = (key ^ n) * 1099511628211
                        if ok:
                            something = True
                            for k in range(n):
                                key = _save(pix, im, images, cells, la[k], lr[k], key)
                                cells += lr[k, 2] * lr[k, 3]
                                images += 1
                    elif kind == 2:
                        n = count[s, q]
                        k = choose_one(op_code[o], op_p[o], lists[q], list_rects[q], n, values[q])
                        ok = k >= 0
                        if ok:
                            something = True
                            key = _save(pix, im, images, cells, lists[q, k], list_rects[q, k], key)
                            cells += list_rects[q, k, 2] * list_rects[q, k, 3]
                            images += 1
                    elif kind == 3:
                        n = count[s, q]
                        kept = choose_some(op_code[o], op_p[o], lists[q], list_rects[q], n, values[q], keep)
                        if kept == 0:
                            kept = n
                            keep[:n] = 1
                        else:
                            something = True
                        count[t, q] = kept
                        key = (key ^ kept) * 1099511628211
                        for k in range(n):
                            if keep[k] == 1:
                                key = _save(pix, im, images, cells, lists[q, k], list_rects[q, k], key)
                                cells += list_rects[q, k, 2] * list_rects[q, k, 3]
                                images += 1
                    elif kind == 4:
                        ok = apply_fold(
                            op_code[o], op_p[o], lists[q], list_rects[q], count[s, q], values[q], b, r,
                            in_rects[q, 2], in_rects[q, 3],
                        )  # fmt: skip
                    else:
                        count[t, q] = count[s, q]
                        for k in range(count[s, q]):
                            r[:] = list_rects[q, k]
                            ok = apply_unary(
                                op_code[o], op_p[o], lists[q, k], r[2], r[3], b, r,
                                inputs[q], in_rects[q, 2], in_rects[q, 3], canvas[q, 0], canvas[q, 1],
                            )  # fmt: skip
                            if not ok:
                                b[: list_rects[q, k, 2], : list_rects[q, k, 3]] = lists[
                                    q, k, : list_rects[q, k, 2], : list_rects[q, k, 3]
                                ]
                                r[:] = list_rects[q, k]
                                ok = True
                            something = True
                            key = _save(pix, im, images, cells, b, r, key)
                            cells += r[2] * r[3]
                            images += 1
                    if not ok:
                        break
                    if kind == 0 or kind == 4:
                        something = something or _nonempty(b, r)
                        key = _save(pix, im, images, cells, b, r, key)
                        cells += r[2] * r[3]
                        images += 1
                if not ok or not something:
                    continue
                if makes_list:
                    key = key * 3 + 1
                if prune and _seen(slots, key):
                    continue
                used[0] = cells
                used[1] = images
                used[2] = t + 1
                is_list[t] = 1 if makes_list else 0
                parent[t] = s
                via[t] = o
                cost[t] = reach
                follow[t] = -1
                if heads[reach] < 0:
                    heads[reach] = t
                else:
                    follow[tails[reach]] = t
                tails[reach] = t
            s = follow[s]
    return max_cost


@dataclass
class Dag:
    """The states found: arrays indexed by state (and pair), images in one arena.

    `first[s, q]` is the index of state s's first image for pair q, `images[k]` = [cell offset, top, left, height,
    width]. `parent` and `via` (index into `ops`) lead back to state 0, the inputs.
    """

    ops: list[Primitive]
    pairs: int
    cells: NDArray[np.int8]
    images: NDArray[np.int32]
    first: NDArray[np.int32]
    is_list: NDArray[np.int8]
    parent: NDArray[np.int32]
    via: NDArray[np.int32]
    cost: NDArray[np.int32]
    states: int
    steps: int
    reached: int

    def path(self, state: int) -> list[Primitive]:
        """The primitives that lead from the input to `state`."""
        path = []
        while state > 0:
            path.append(self.ops[self.via[state]])
            state = int(self.parent[state])
        return path[::-1]

    def image(self, state: int, pair: int) -> NDArray[np.int8]:
        """The (first) image of `state` for one pair: a copy."""
        at, _, _, height, width = (int(v) for v in self.images[self.first[state, pair]])
        return self.cells[at : at + height * width].reshape(height, width).copy()


def explore(
    grids: list[Grid], ops: list[Primitive], costs: list[int], canvas: NDArray[np.int64], max_cost: int, max_steps: int,
    prune: bool = True,
) -> Dag:  # fmt: skip
    """Enumerate from the given inputs (one a pair); `canvas` is [height, width] for each pair, 0 where unknown."""
    pairs = len(grids)
    cells = np.empty(MAX_CELLS, np.int8)
    images = np.empty((MAX_IMAGES, 5), np.int32)
    first = np.empty((MAX_STATES + 1, pairs), np.int32)
    count = np.empty((MAX_STATES + 1, pairs), np.int32)
    is_list = np.zeros(MAX_STATES + 1, np.int8)
    parent, via, cost, follow = (np.full(MAX_STATES + 1, -1, np.int32) for _ in range(4))
    heads = np.full(MAX_COST + 1, -1, np.int32)
    tails = np.full(MAX_COST + 1, -1, np.int32)
    slots = np.zeros(HASH_SLOTS, np.int64)
    used = np.zeros(4, np.int64)
    for q, grid in enumerate(grids):
        height, width = grid.shape
        cells[used[0] : used[0] + grid.size] = grid.ravel()
        images[q] = (used[0], 0, 0, height, width)
        first[0, q], count[0, q] = q, 1
        used[0] += grid.size
    used[1], used[2] = pairs, 1
    cost[0] = 0
    heads[0] = tails[0] = 0
    reached = enumerate_states(
        cells, images, used, first, count, is_list, parent, via, cost, follow, heads, tails, slots,
        pairs, canvas,
        np.array([op.kind for op in ops], np.int64), np.array([op.code for op in ops], np.int64),
        np.array([op.p for op in ops], np.int64), np.array(costs, np.int64),
        min(max_cost, MAX_COST), max_steps, prune,
    )  # fmt: skip
    return Dag(ops, pairs, cells, images, first, is_list, parent, via, cost, int(used[2]), int(used[3]), int(reached))
