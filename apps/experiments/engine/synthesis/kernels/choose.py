"""Kernels that choose from a list of images: one of them, or some."""

from __future__ import annotations

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.kernels.measure import same_shape
from apps.experiments.engine.synthesis.signatures import (
    CHOOSE_ONE,
    CHOOSE_SOME,
    FLAG,
    LIST,
    NUMBER,
    NUMBERS,
    RECTS,
    TABLE,
)

BY_INDEX, HOLDING = 100, 200
"""Opcodes of picks and filters: the item of that index; HOLDING + c: the items that hold colour c."""

MOST, LEAST, ODD_ONE_OUT = range(3)
"""Which item a pick by property gives: the one with the largest, with the smallest, or the only one unlike the rest."""

KEEP_MOST, KEEP_NOT_MOST, KEEP_LEAST, KEEP_NOT_LEAST, KEEP_ODD, KEEP_EVEN = range(6)
"""Which items a filter by property keeps."""


@kernel(TABLE, RECTS, NUMBER, NUMBER, NUMBER, LIST)
def pick(values, lr, n, prop, mode, la):
    """Index of the one item that is `MOST`, `LEAST` or `ODD_ONE_OUT` by its property.

    -1 where no single one qualifies; equal winners that are equal images count as one.
    """
    if n < 2:
        return -1
    best = 0
    if mode == ODD_ONE_OUT:
        found = -1
        for k in range(n):
            alike = 0
            for m in range(n):
                if values[m, prop] == values[k, prop]:
                    alike += 1
            if alike == 1:
                if found >= 0:
                    return -1
                found = k
        if n < 3:
            return -1
        return found
    for k in range(1, n):
        larger = mode == MOST and values[k, prop] > values[best, prop]
        if larger or (mode == LEAST and values[k, prop] < values[best, prop]):
            best = k
    for k in range(n):
        if k != best and values[k, prop] == values[best, prop] and not same_shape(la, lr, k, best, 0):
            return -1
    return best


@kernel(LIST, RECTS, NUMBER, NUMBER)
def _holds(la, lr, k, colour):
    for i in range(lr[k, 2]):
        for j in range(lr[k, 3]):
            if la[k, i, j] == colour:
                return True
    return False


@kernel(LIST, RECTS, NUMBER, NUMBER, FLAG)
def pick_by_colour(la, lr, n, colour, lacking):
    """Index of the only item that holds (or lacks) a colour, -1 if none or several do."""
    found = -1
    for k in range(n):
        if _holds(la, lr, k, colour) != lacking:
            if found >= 0:
                return -1
            found = k
    return found if n > 1 else -1


@kernel(LIST, RECTS, NUMBER, NUMBER, FLAG, NUMBERS)
def select_by_colour(la, lr, n, colour, lacking, keep):
    """Flag the items that hold (or lack) a colour; how many (0 if all or none)."""
    kept = 0
    for k in range(n):
        keep[k] = 1 if _holds(la, lr, k, colour) != lacking else 0
        kept += keep[k]
    return 0 if kept == n else kept


@kernel(TABLE, NUMBER, NUMBER, NUMBER, NUMBERS)
def select(values, n, prop, mode, keep):
    """Flag in `keep` the items that one of the `KEEP_...` modes keeps by their property; how many (0 if all or none)."""
    best = values[0, prop]
    for k in range(1, n):
        if mode == KEEP_MOST or mode == KEEP_NOT_MOST:
            best = max(best, values[k, prop])
        else:
            best = min(best, values[k, prop])
    kept = 0
    for k in range(n):
        v = values[k, prop]
        if mode == KEEP_ODD or mode == KEEP_EVEN:
            flag = (v % 2 == 1) == (mode == KEEP_ODD)
        else:
            flag = (v == best) == (mode == KEEP_MOST or mode == KEEP_LEAST)
        keep[k] = 1 if flag else 0
        kept += keep[k]
    return 0 if kept == n else kept


@kernel(*CHOOSE_ONE, entry=True)
def choose_one(code, p, la, lr, n, values):
    """Index of the item a pick of that opcode gives, -1 where it does not apply."""
    if code >= HOLDING:
        return pick_by_colour(la, lr, n, code - HOLDING, p == 1)
    if code == BY_INDEX:
        return p if n > 1 and p < n else -1
    return pick(values, lr, n, code, p, la)


@kernel(*CHOOSE_SOME, entry=True)
def choose_some(code, p, la, lr, n, values, keep):
    """Flag the items a filter of that opcode keeps; how many (0: it does not apply)."""
    if code >= HOLDING:
        return select_by_colour(la, lr, n, code - HOLDING, p == 1, keep)
    return select(values, n, code, p, keep)
