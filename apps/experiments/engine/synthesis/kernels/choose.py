"""Kernels over lists of images: measuring, picking one, keeping some, folding all into one image."""

from __future__ import annotations

import numpy as np

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.kernels.basics import clear, is_symmetric, label, majority, outside
from apps.experiments.engine.synthesis.limits import COLOURS, SIDE
from apps.experiments.engine.synthesis.signatures import (
    CHOOSE_ONE,
    CHOOSE_SOME,
    FLAG,
    FOLDER,
    GRID,
    LIST,
    MEASURE,
    NUMBER,
    NUMBERS,
    RECT,
    RECTS,
    TABLE,
)

PROPERTY_NAMES = (
    "cells", "area", "height", "width", "colours", "hole_cells", "mirror_symmetric", "symmetries", "top", "left",
    "density", "empty_cells", "parts", "minor_colour_cells", "copies", "same_shape", "on_edge", "same_colour",
)  # fmt: skip
"""Properties of a list item, in the order `measure` fills them; also the opcodes of the picks and filters by property."""
(
    CELLS, AREA, HEIGHT, WIDTH, COLOUR_COUNT, HOLE_CELLS, MIRROR_SYMMETRIC, SYMMETRIES, TOP, LEFT, DENSITY, EMPTY_CELLS,
    PARTS, MINOR_CELLS, COPIES, SAME_SHAPE, ON_EDGE, SAME_COLOUR,
) = range(len(PROPERTY_NAMES))  # fmt: skip
PROPERTIES = len(PROPERTY_NAMES)

BY_INDEX, HOLDING = 100, 200
"""Opcodes of picks and filters: the item of that index; HOLDING + c: the items that hold colour c."""

STACK, SUPERPOSE, LOGIC, JOIN, JOIN_SORTED, COLOURS_BY_SIZE, COLOURS_IN_PLACE, LENGTH = range(8)
"""Opcodes of the folds."""

AND, ONE_ONLY, NONE, FIRST_ONLY, LAST_ONLY, NOT_ALL, ALL_EQUAL, COMMONEST = range(8)
"""What `logic` asks of the items' cells."""


@kernel(LIST, RECTS, NUMBER, NUMBER, NUMBER)
def _same_shape(la, lr, m, k, mode):
    """Whether two list items are equal: mode 0 exactly, 1 as masks of nonzero cells."""
    if lr[m, 2] != lr[k, 2] or lr[m, 3] != lr[k, 3]:
        return False
    for i in range(lr[m, 2]):
        for j in range(lr[m, 3]):
            u = la[m, i, j]
            v = la[k, i, j]
            if (mode == 0 and u != v) or (mode == 1 and (u != 0) != (v != 0)):
                return False
    return True


@kernel(*MEASURE, entry=True)
def measure(la, lr, n, values, canvas_h, canvas_w):
    """Fill `values` (a row an item) with each item's properties, in the order of `PROPERTY_NAMES`."""
    labels = np.empty((SIDE, SIDE), np.int16)
    mark = np.empty((SIDE, SIDE), np.int8)
    seen = np.zeros(COLOURS, np.int64)
    main = np.zeros(n, np.int64)
    for k in range(n):
        a = la[k]
        h = lr[k, 2]
        w = lr[k, 3]
        filled = 0
        seen[:] = 0
        for i in range(h):
            for j in range(w):
                if a[i, j] != 0:
                    filled += 1
                    seen[a[i, j]] += 1
        colours = 0
        least = 0
        for c in range(1, COLOURS):
            if seen[c] > 0:
                colours += 1
                if least == 0 or seen[c] < least:
                    least = seen[c]
        main[k] = majority(a, h, w) if filled > 0 else 0
        outside(a, h, w, mark)
        enclosed = 0
        for i in range(h):
            for j in range(w):
                if a[i, j] == 0 and mark[i, j] == 0:
                    enclosed += 1
        left_right = is_symmetric(a, h, w, 4)
        up_down = is_symmetric(a, h, w, 5)
        values[k, CELLS] = filled
        values[k, AREA] = h * w
        values[k, HEIGHT] = h
        values[k, WIDTH] = w
        values[k, COLOUR_COUNT] = colours
        values[k, HOLE_CELLS] = enclosed
        values[k, MIRROR_SYMMETRIC] = 1 if left_right or up_down else 0
        values[k, SYMMETRIES] = (
            (1 if left_right else 0) + (1 if up_down else 0) + (1 if is_symmetric(a, h, w, 6) else 0)
        )
        values[k, TOP] = lr[k, 0]
        values[k, LEFT] = lr[k, 1]
        values[k, DENSITY] = filled * 1000 // (h * w)
        values[k, EMPTY_CELLS] = h * w - filled
        values[k, PARTS] = label(a, h, w, labels, True, True, 0)
        values[k, MINOR_CELLS] = filled - seen[main[k]] if main[k] > 0 else 0
        values[k, ON_EDGE] = (
            1 if lr[k, 0] == 0 or lr[k, 1] == 0 or lr[k, 0] + h == canvas_h or lr[k, 1] + w == canvas_w else 0
        )
        values[k, SAME_COLOUR] = main[k]
    for k in range(n):
        exact = 0
        masks = 0
        for m in range(n):
            if _same_shape(la, lr, m, k, 0):
                exact += 1
            if _same_shape(la, lr, m, k, 1):
                masks += 1
        values[k, COPIES] = exact
        values[k, SAME_SHAPE] = masks
    for k in range(n):
        same = 0
        for m in range(n):
            if main[m] == main[k]:
                same += 1
        values[k, SAME_COLOUR] = same


@kernel(TABLE, RECTS, NUMBER, NUMBER, NUMBER, LIST)
def pick(values, lr, n, prop, mode, la):
    """Index of the one item with the largest (mode 0) or smallest (1) property, or the only one unlike the rest (2).

    -1 where no single one qualifies; equal winners that are equal images count as one.
    """
    if n < 2:
        return -1
    best = 0
    if mode == 2:
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
        if (mode == 0 and values[k, prop] > values[best, prop]) or (mode == 1 and values[k, prop] < values[best, prop]):
            best = k
    for k in range(n):
        if k != best and values[k, prop] == values[best, prop] and not _same_shape(la, lr, k, best, 0):
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


@kernel(TABLE, NUMBER, NUMBER, NUMBER, NUMBERS)
def select(values, n, prop, mode, keep):
    """Flag in `keep` the items with the largest (mode 0), not largest (1), smallest (2), not smallest (3) property,

    or with an odd (4) or even (5) one; how many are kept (0 if all or none).
    """
    best = values[0, prop]
    for k in range(1, n):
        if mode < 2:
            best = max(best, values[k, prop])
        else:
            best = min(best, values[k, prop])
    kept = 0
    for k in range(n):
        v = values[k, prop]
        if mode >= 4:
            flag = (v % 2 == 1) == (mode == 4)
        else:
            flag = (v == best) == (mode == 0 or mode == 2)
        keep[k] = 1 if flag else 0
        kept += keep[k]
    return 0 if kept == n else kept


@kernel(LIST, RECTS, NUMBER, GRID, RECT, NUMBER, NUMBER, NUMBER)
def stack(la, lr, n, b, r, order, canvas_h, canvas_w):
    """Lay all items over one another where they stand; order 0 first on top, 1 last on top, 2 small on top, 3 large on top.

    The result covers the canvas if one is known and holds them all, else their common rectangle.
    """
    top, left, bottom, right = 10000, 10000, -10000, -10000
    for k in range(n):
        top = min(top, lr[k, 0])
        left = min(left, lr[k, 1])
        bottom = max(bottom, lr[k, 0] + lr[k, 2])
        right = max(right, lr[k, 1] + lr[k, 3])
    if canvas_h > 0 and top >= 0 and left >= 0 and bottom <= canvas_h and right <= canvas_w:
        top, left, bottom, right = 0, 0, canvas_h, canvas_w
    if bottom - top > SIDE or right - left > SIDE:
        return False
    clear(b, bottom - top, right - left)
    done = np.zeros(n, np.int8)
    sizes = np.zeros(n, np.int64)
    for k in range(n):
        for i in range(lr[k, 2]):
            for j in range(lr[k, 3]):
                if la[k, i, j] != 0:
                    sizes[k] += 1
    for step in range(n):
        at = -1
        for k in range(n):
            if done[k] == 1:
                continue
            if at < 0 or order == 0 or (order == 2 and sizes[k] > sizes[at]) or (order == 3 and sizes[k] < sizes[at]):
                at = k
        done[at] = 1
        for i in range(lr[at, 2]):
            for j in range(lr[at, 3]):
                if la[at, i, j] != 0:
                    b[lr[at, 0] - top + i, lr[at, 1] - left + j] = la[at, i, j]
    r[0], r[1], r[2], r[3] = top, left, bottom - top, right - left
    return True


@kernel(LIST, RECTS, NUMBER, GRID, RECT, NUMBER)
def superpose(la, lr, n, b, r, order):
    """Lay equal-sized items over one another ignoring where they stand; order 0 first on top, 1 last on top."""
    for k in range(1, n):
        if lr[k, 2] != lr[0, 2] or lr[k, 3] != lr[0, 3]:
            return False
    clear(b, lr[0, 2], lr[0, 3])
    for step in range(n):
        k = step if order == 1 else n - 1 - step
        for i in range(lr[0, 2]):
            for j in range(lr[0, 3]):
                if la[k, i, j] != 0:
                    b[i, j] = la[k, i, j]
    r[0], r[1], r[2], r[3] = 0, 0, lr[0, 2], lr[0, 3]
    return True


@kernel(LIST, RECTS, NUMBER, GRID, RECT, NUMBER)
def logic(la, lr, n, b, r, code):
    """Cell by cell over equal-sized items: 1 where all, one only, none... of them are nonzero.

    `ALL_EQUAL` gives the colour they share, `COMMONEST` the commonest (zero included).
    """
    votes = np.zeros(COLOURS, np.int64)
    if n < 2:
        return False
    for k in range(1, n):
        if lr[k, 2] != lr[0, 2] or lr[k, 3] != lr[0, 3]:
            return False
    for i in range(lr[0, 2]):
        for j in range(lr[0, 3]):
            count = 0
            equal = True
            for k in range(n):
                if la[k, i, j] != 0:
                    count += 1
                if la[k, i, j] != la[0, i, j]:
                    equal = False
            on = False
            if code == AND:
                on = count == n
            elif code == ONE_ONLY:
                on = count == 1
            elif code == NONE:
                on = count == 0
            elif code == FIRST_ONLY:
                on = count == 1 and la[0, i, j] != 0
            elif code == LAST_ONLY:
                on = count == 1 and la[n - 1, i, j] != 0
            elif code == NOT_ALL:
                on = count < n
            if code == COMMONEST:
                votes[:] = 0
                for k in range(n):
                    votes[la[k, i, j]] += 1
                b[i, j] = votes.argmax()
            elif code == ALL_EQUAL:
                b[i, j] = la[0, i, j] if equal else 0
            else:
                b[i, j] = 1 if on else 0
    r[0], r[1], r[2], r[3] = 0, 0, lr[0, 2], lr[0, 3]
    return True


@kernel(LIST, RECTS, NUMBER, GRID, RECT, FLAG, TABLE, NUMBER)
def join(la, lr, n, b, r, down, values, prop):
    """Items side by side (or one below another) in list order, or sorted by a property (prop >= 0), smallest first."""
    h = 0
    w = 0
    for k in range(n):
        if down:
            h += lr[k, 2]
            w = max(w, lr[k, 3])
        else:
            w += lr[k, 3]
            h = max(h, lr[k, 2])
    if h > SIDE or w > SIDE:
        return False
    clear(b, h, w)
    used = np.zeros(n, np.int8)
    at = 0
    for step in range(n):
        k = step
        if prop >= 0:
            k = -1
            for m in range(n):
                if used[m] == 0 and (k < 0 or values[m, prop] < values[k, prop]):
                    k = m
        used[k] = 1
        for i in range(lr[k, 2]):
            for j in range(lr[k, 3]):
                if down:
                    b[at + i, j] = la[k, i, j]
                else:
                    b[i, at + j] = la[k, i, j]
        at += lr[k, 2] if down else lr[k, 3]
    r[0], r[1], r[2], r[3] = 0, 0, h, w
    return True


@kernel(LIST, RECTS, NUMBER, GRID, RECT, TABLE, NUMBER, FLAG, FLAG)
def colour_column(la, lr, n, b, r, values, prop, across, largest_first):
    """One cell for each item in its main colour, sorted by a property (-1: list order)."""
    if n > SIDE:
        return False
    used = np.zeros(n, np.int8)
    for step in range(n):
        k = -1
        for m in range(n):
            if used[m] == 1:
                continue
            if k < 0:
                k = m
            elif prop >= 0 and values[m, prop] != values[k, prop]:
                if (values[m, prop] > values[k, prop]) == largest_first:
                    k = m
        used[k] = 1
        c = majority(la[k], lr[k, 2], lr[k, 3])
        if across:
            b[0, step] = c
        else:
            b[step, 0] = c
    r[0], r[1] = 0, 0
    r[2] = 1 if across else n
    r[3] = n if across else 1
    return True


@kernel(LIST, RECTS, NUMBER, GRID, RECT, NUMBER)
def length_line(la, lr, n, b, r, mode):
    """A line as long as the list in its first item's main colour: mode 0 across, 1 down, 2 diagonal."""
    if n > SIDE:
        return False
    c = majority(la[0], lr[0, 2], lr[0, 3])
    clear(b, n if mode > 0 else 1, n if mode != 1 else 1)
    for k in range(n):
        b[k if mode > 0 else 0, k if mode != 1 else 0] = c
    r[0], r[1] = 0, 0
    r[2] = n if mode > 0 else 1
    r[3] = n if mode != 1 else 1
    return True


@kernel(*FOLDER, entry=True)
def apply_fold(code, p, la, lr, n, values, b, r, gh, gw):
    """The fold of that opcode; what its parameter means is said in `primitives`."""
    if code == STACK:
        return stack(la, lr, n, b, r, p, gh, gw)
    if code == SUPERPOSE:
        return superpose(la, lr, n, b, r, p)
    if code == LOGIC:
        return logic(la, lr, n, b, r, p)
    if code == JOIN:
        return join(la, lr, n, b, r, p == 1, values, -1)
    if code == JOIN_SORTED:
        return join(la, lr, n, b, r, p == 1, values, CELLS)
    if code == COLOURS_BY_SIZE:
        return colour_column(la, lr, n, b, r, values, CELLS, p % 2 == 0, p < 2)
    if code == COLOURS_IN_PLACE:
        return colour_column(la, lr, n, b, r, values, LEFT if p % 2 == 0 else TOP, p % 2 == 0, False)
    if code == LENGTH:
        return length_line(la, lr, n, b, r, p)
    return False
