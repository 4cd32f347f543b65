"""Enumeration of images: every primitive applied to every state, over all demonstrations and test inputs at once.

A state is one image (or list of images) for each pair of the task. States are expanded in order of cost; a state
whose images all equal those of an earlier one is dropped (observational equivalence by a 64-bit hash).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba.core import types
from numpy.typing import NDArray

from apps.experiments.engine.compiled import calling, kernel
from apps.experiments.engine.synthesis.kernels.basics import copy
from apps.experiments.engine.synthesis.kernels.measure import PROPERTIES
from apps.experiments.engine.synthesis.kernels.opcodes import FILTER, FOLD, MAP, PICK, SPLIT, UNARY
from apps.experiments.engine.synthesis.limits import (
    MAX_CELLS,
    MAX_IMAGES,
    MAX_LIST,
    MAX_STATES,
    SIDE,
)
from apps.experiments.engine.synthesis.signatures import (
    CELLS,
    CHOOSE_ONE,
    CHOOSE_SOME,
    FLAG,
    FOLDER,
    GRID,
    IMAGE_OPERATION,
    INDEX,
    INDICES,
    MEASURE,
    NUMBER,
    NUMBERS,
    RECT,
    SPLITTER,
    TABLE,
)

ROOM = MAX_LIST * SIDE * SIDE
"""Cells a new state may need for one pair."""

STEPS_PER_PAIR, STEPS_PER_MEASURED_CELL = 40, 20
"""What trying a primitive costs a pair beside the cells it visits, and a list's cell when its items are measured."""


class Arena(NamedTuple):
    """Every image: its cells one after the other, and [cell offset, top, left, height, width]."""

    cells: NDArray[np.int8]
    images: NDArray[np.int32]


class States(NamedTuple):
    """By state (and pair): first image and how many, whether a list, the way there, cost, the next of that cost."""

    first: NDArray[np.int32]
    amount: NDArray[np.int32]
    is_list: NDArray[np.int8]
    parent: NDArray[np.int32]
    via: NDArray[np.int32]
    cost: NDArray[np.int32]
    follow: NDArray[np.int32]


class Queues(NamedTuple):
    """By cost: the first and last state waiting, -1 for none."""

    heads: NDArray[np.int32]
    tails: NDArray[np.int32]


class Operations(NamedTuple):
    """By primitive: kind, address of its kernel, opcode, parameter, cost."""

    kind: NDArray[np.int64]
    kernel: NDArray[np.int64]
    code: NDArray[np.int64]
    p: NDArray[np.int64]
    cost: NDArray[np.int64]


ARENA = types.NamedTuple([CELLS, INDICES], Arena)
STATES = types.NamedTuple([INDICES, INDICES, CELLS, INDEX, INDEX, INDEX, INDEX], States)
QUEUES = types.NamedUniTuple(INDEX, 2, Queues)
OPERATIONS = types.NamedUniTuple(NUMBERS, 5, Operations)

_image = calling(FLAG(*IMAGE_OPERATION))
_split = calling(NUMBER(*SPLITTER))
_pick = calling(NUMBER(*CHOOSE_ONE))
_filter = calling(NUMBER(*CHOOSE_SOME))
_fold = calling(FLAG(*FOLDER))
MEASURING = calling(types.none(*MEASURE))
GATES = {UNARY: _image, SPLIT: _split, PICK: _pick, FILTER: _filter, FOLD: _fold, MAP: _image}


@kernel(ARENA, NUMBER, GRID, RECT)
def _load(arena, k, a, r):
    """Copy image k of the arena into buffer `a` and its rectangle into `r`."""
    at = arena.images[k, 0]
    h = arena.images[k, 3]
    w = arena.images[k, 4]
    for i in range(h):
        for j in range(w):
            a[i, j] = arena.cells[at]
            at += 1
    r[0] = arena.images[k, 1]
    r[1] = arena.images[k, 2]
    r[2] = h
    r[3] = w


@kernel(ARENA, NUMBER, NUMBER, GRID, RECT, NUMBER)
def _save(arena, k, at, b, r, key):
    """Append buffer `b` as image k at arena position `at`; returns `key` mixed with its cells and rectangle."""
    h = r[2]
    w = r[3]
    arena.images[k, 0] = at
    arena.images[k, 1] = r[0]
    arena.images[k, 2] = r[1]
    arena.images[k, 3] = h
    arena.images[k, 4] = w
    key = (key ^ (r[0] * 31 + r[1] * 1031 + h * 32771 + w * 1048583 + 77)) * 1099511628211
    key ^= key >> 29
    for i in range(h):
        for j in range(w):
            v = b[i, j]
            arena.cells[at] = v
            at += 1
            key = (key ^ (v + 1)) * 1099511628211
    key ^= key >> 32
    return key


@kernel(NUMBERS, NUMBER)
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


@kernel(GRID, RECT)
def _nonempty(b, r):
    for i in range(r[2]):
        for j in range(r[3]):
            if b[i, j] != 0:
                return True
    return False


@kernel(RECT, RECT)
def _place(r, other):
    for k in range(4):
        r[k] = other[k]


@kernel(ARENA, STATES, QUEUES, NUMBERS, NUMBERS, OPERATIONS, NUMBER, TABLE, NUMBER, NUMBER, FLAG, entry=True)
def enumerate_states(arena, states, queues, slots, used, ops, measuring, canvas, max_cost, max_steps, prune):
    """Expand states cheapest first until `max_cost`, `max_steps` or a memory bound is reached.

    `used` = [cells, images, states, steps] in use, updated in place; one step is about one cell visited. State 0 must
    hold the inputs; `measuring` is the address of `measure`. Returns the cost reached.
    """
    first, count, is_list = states.first, states.amount, states.is_list
    op_kind, op_kernel, op_code, op_p, op_cost = ops.kind, ops.kernel, ops.code, ops.p, ops.cost
    heads, tails = queues.heads, queues.tails
    pairs = canvas.shape[0]
    buffers = np.zeros((pairs, SIDE, SIDE), np.int8)
    inputs = np.zeros((pairs, SIDE, SIDE), np.int8)
    rects = np.zeros((pairs, 4), np.int64)
    in_rects = np.zeros((pairs, 4), np.int64)
    lists = np.zeros((pairs, MAX_LIST, SIDE, SIDE), np.int8)
    list_rects = np.zeros((pairs, MAX_LIST, 4), np.int64)
    values = np.zeros((pairs, MAX_LIST, PROPERTIES), np.int64)
    la = np.zeros((MAX_LIST, SIDE, SIDE), np.int8)
    lr = np.zeros((MAX_LIST, 4), np.int64)
    keep = np.zeros(MAX_LIST, np.int64)
    b = np.zeros((SIDE, SIDE), np.int8)
    r = np.zeros(4, np.int64)
    for q in range(pairs):
        _load(arena, first[0, q], inputs[q], in_rects[q])
    for level in range(max_cost + 1):
        s = heads[level]
        while s >= 0:
            listed = is_list[s] == 1
            area = 0
            for q in range(pairs):
                if listed:
                    for k in range(count[s, q]):
                        _load(arena, first[s, q] + k, lists[q, k], list_rects[q, k])
                        area += list_rects[q, k, 2] * list_rects[q, k, 3]
                    MEASURING(
                        measuring, lists[q], list_rects[q], count[s, q], values[q], in_rects[q, 2], in_rects[q, 3]
                    )
                else:
                    _load(arena, first[s, q], buffers[q], rects[q])
                    area += rects[q, 2] * rects[q, 3]
            if listed:
                used[3] += STEPS_PER_MEASURED_CELL * area
            for o in range(op_kind.shape[0]):
                kind = op_kind[o]
                if (kind >= PICK) != listed:
                    continue
                reach = level + op_cost[o]
                if reach > max_cost:
                    continue
                used[3] += area + STEPS_PER_PAIR * pairs
                if used[3] > max_steps:
                    return level
                cells = used[0]
                images = used[1]
                t = used[2]
                if cells + pairs * ROOM > MAX_CELLS or images + pairs * MAX_LIST > MAX_IMAGES or t >= MAX_STATES:
                    return level
                key = np.int64(1469598103934665603)
                ok = True
                something = False
                makes_list = kind == SPLIT or kind == FILTER or kind == MAP
                for q in range(pairs):
                    first[t, q] = images
                    count[t, q] = 1
                    if kind == UNARY:
                        _place(r, rects[q])
                        ok = _image(
                            op_kernel[o], op_code[o], op_p[o], buffers[q], rects[q, 2], rects[q, 3], b, r,
                            inputs[q], in_rects[q, 2], in_rects[q, 3], canvas[q, 0], canvas[q, 1],
                        )  # fmt: skip
                    elif kind == SPLIT:
                        n = _split(
                            op_kernel[o], op_code[o], op_p[o], buffers[q], rects[q, 2], rects[q, 3], rects[q], la, lr
                        )
                        ok = n > 0
                        count[t, q] = n
                        key = (key ^ n) * 1099511628211
                        if ok:
                            something = True
                            for k in range(n):
                                key = _save(arena, images, cells, la[k], lr[k], key)
                                cells += lr[k, 2] * lr[k, 3]
                                images += 1
                    elif kind == PICK:
                        k = _pick(op_kernel[o], op_code[o], op_p[o], lists[q], list_rects[q], count[s, q], values[q])
                        ok = k >= 0
                        if ok:
                            something = True
                            key = _save(arena, images, cells, lists[q, k], list_rects[q, k], key)
                            cells += list_rects[q, k, 2] * list_rects[q, k, 3]
                            images += 1
                    elif kind == FILTER:
                        n = count[s, q]
                        kept = _filter(op_kernel[o], op_code[o], op_p[o], lists[q], list_rects[q], n, values[q], keep)
                        if kept == 0:
                            kept = n
                            for k in range(n):
                                keep[k] = 1
                        else:
                            something = True
                        count[t, q] = kept
                        key = (key ^ kept) * 1099511628211
                        for k in range(n):
                            if keep[k] == 1:
                                key = _save(arena, images, cells, lists[q, k], list_rects[q, k], key)
                                cells += list_rects[q, k, 2] * list_rects[q, k, 3]
                                images += 1
                    elif kind == FOLD:
                        ok = _fold(
                            op_kernel[o], op_code[o], op_p[o], lists[q], list_rects[q], count[s, q], values[q], b, r,
                            in_rects[q, 2], in_rects[q, 3],
                        )  # fmt: skip
                    else:
                        count[t, q] = count[s, q]
                        for k in range(count[s, q]):
                            _place(r, list_rects[q, k])
                            if not _image(
                                op_kernel[o], op_code[o], op_p[o], lists[q, k], r[2], r[3], b, r,
                                inputs[q], in_rects[q, 2], in_rects[q, 3], canvas[q, 0], canvas[q, 1],
                            ):  # fmt: skip
                                _place(r, list_rects[q, k])
                                copy(lists[q, k], r[2], r[3], b)
                            something = True
                            key = _save(arena, images, cells, b, r, key)
                            cells += r[2] * r[3]
                            images += 1
                    if not ok:
                        break
                    if kind == UNARY or kind == FOLD:
                        something = something or _nonempty(b, r)
                        key = _save(arena, images, cells, b, r, key)
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
                states.parent[t] = s
                states.via[t] = o
                states.cost[t] = reach
                states.follow[t] = -1
                if heads[reach] < 0:
                    heads[reach] = t
                else:
                    states.follow[tails[reach]] = t
                tails[reach] = t
            s = states.follow[s]
    return max_cost
