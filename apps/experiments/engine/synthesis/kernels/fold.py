"""Kernels that fold a list of images into one image."""

from __future__ import annotations

import numpy as np

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.kernels.basics import clear, majority
from apps.experiments.engine.synthesis.kernels.measure import CELLS, LEFT, TOP
from apps.experiments.engine.synthesis.limits import COLOURS, SIDE
from apps.experiments.engine.synthesis.signatures import FLAG, FOLDER, GRID, LIST, NUMBER, RECT, RECTS, TABLE

STACK, SUPERPOSE, LOGIC, JOIN, JOIN_SORTED, COLOURS_BY_SIZE, COLOURS_IN_PLACE, LENGTH = range(8)
"""Opcodes of the folds."""

FIRST_ON_TOP, LAST_ON_TOP, SMALL_ON_TOP, LARGE_ON_TOP = range(4)
"""In which order items are laid over one another."""

AND, ONE_ONLY, NONE, FIRST_ONLY, LAST_ONLY, NOT_ALL, ALL_EQUAL, COMMONEST = range(8)
"""What `logic` asks of the items' cells."""


@kernel(LIST, RECTS, NUMBER, GRID, RECT, NUMBER, NUMBER, NUMBER)
def stack(la, lr, n, b, r, order, canvas_h, canvas_w):
    """Lay all items over one another where they stand.

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
            smaller, larger = sizes[k] < sizes[at], sizes[k] > sizes[at]
            if (
                at < 0
                or order == FIRST_ON_TOP
                or (order == SMALL_ON_TOP and larger)
                or (order == LARGE_ON_TOP and smaller)
            ):
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
    """Lay equal-sized items over one another ignoring where they stand, first or last on top."""
    for k in range(1, n):
        if lr[k, 2] != lr[0, 2] or lr[k, 3] != lr[0, 3]:
            return False
    clear(b, lr[0, 2], lr[0, 3])
    for step in range(n):
        k = step if order == LAST_ON_TOP else n - 1 - step
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
    """The fold of that opcode; what its parameter means is said in `language`."""
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
