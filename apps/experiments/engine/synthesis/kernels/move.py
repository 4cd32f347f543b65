"""Kernels that keep the size and rearrange: shifts, gravity, lines chosen and sorted, tallies."""

from __future__ import annotations

import numpy as np

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.kernels.basics import clear, label, majority
from apps.experiments.engine.synthesis.limits import COLOURS, SIDE
from apps.experiments.engine.synthesis.signatures import FLAG, GRID, NUMBER, RECT


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER)
def shift(a, h, w, b, p):
    """Move by one cell: 0..3 up, down, left, right (empty comes in); 4..7 the same, wrapping round."""
    k = p % 4
    for i in range(h):
        for j in range(w):
            y = i + (k == 0) - (k == 1)
            x = j + (k == 2) - (k == 3)
            if p >= 4:
                b[i, j] = a[y % h, x % w]
            else:
                b[i, j] = a[y, x] if 0 <= y < h and 0 <= x < w else 0


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER)
def gravity(a, h, w, b, k):
    """Each cell falls by itself: 0..3 up, down, left, right."""
    clear(b, h, w)
    if k < 2:
        for j in range(w):
            at = 0
            for i in range(h):
                y = i if k == 0 else h - 1 - i
                if a[y, j] != 0:
                    b[at if k == 0 else h - 1 - at, j] = a[y, j]
                    at += 1
    else:
        for i in range(h):
            at = 0
            for j in range(w):
                x = j if k == 2 else w - 1 - j
                if a[i, x] != 0:
                    b[i, at if k == 2 else w - 1 - at] = a[i, x]
                    at += 1


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER)
def fall(a, h, w, b, k):
    """Each component (8 neighbours) falls as one piece until it meets another or the edge: 0..3 up, down, left, right."""
    labels = np.empty((SIDE, SIDE), np.int16)
    n = label(a, h, w, labels, True, False, 0)
    if n == 0 or n > 60:
        return False
    dy = (k == 1) - (k == 0)
    dx = (k == 3) - (k == 2)
    oy = np.zeros(n + 1, np.int64)
    ox = np.zeros(n + 1, np.int64)
    owner = np.zeros((SIDE, SIDE), np.int16)
    for i in range(h):
        for j in range(w):
            owner[i, j] = labels[i, j]
    moving = True
    while moving:
        moving = False
        for c in range(1, n + 1):
            free = True
            for i in range(h):
                for j in range(w):
                    if labels[i, j] == c:
                        y = i + oy[c] + dy
                        x = j + ox[c] + dx
                        if y < 0 or x < 0 or y >= h or x >= w or (owner[y, x] != 0 and owner[y, x] != c):
                            free = False
                            break
                if not free:
                    break
            if not free:
                continue
            for i in range(h):
                for j in range(w):
                    if labels[i, j] == c:
                        owner[i + oy[c], j + ox[c]] = 0
            oy[c] += dy
            ox[c] += dx
            for i in range(h):
                for j in range(w):
                    if labels[i, j] == c:
                        owner[i + oy[c], j + ox[c]] = c
            moving = True
    clear(b, h, w)
    for i in range(h):
        for j in range(w):
            c = labels[i, j]
            if c > 0:
                b[i + oy[c], j + ox[c]] = a[i, j]
    return True


@kernel(GRID, NUMBER, NUMBER, GRID, RECT, NUMBER)
def select_lines(a, h, w, b, r, mode):
    """Drop rows and columns: 0 repeated neighbours, 1 empty ones, 2 uniform nonzero ones; False if none goes."""
    rows = np.zeros(SIDE, np.int64)
    columns = np.zeros(SIDE, np.int64)
    nr = 0
    nc = 0
    for i in range(h):
        same_as_last = i > 0
        uniform = True
        for j in range(w):
            if i > 0 and a[i, j] != a[i - 1, j]:
                same_as_last = False
            if a[i, j] != a[i, 0]:
                uniform = False
        drop = same_as_last if mode == 0 else (uniform and (a[i, 0] == 0) == (mode == 1))
        if not drop:
            rows[nr] = i
            nr += 1
    for j in range(w):
        same_as_last = j > 0
        uniform = True
        for i in range(h):
            if j > 0 and a[i, j] != a[i, j - 1]:
                same_as_last = False
            if a[i, j] != a[0, j]:
                uniform = False
        drop = same_as_last if mode == 0 else (uniform and (a[0, j] == 0) == (mode == 1))
        if not drop:
            columns[nc] = j
            nc += 1
    if nr == 0 or nc == 0 or (nr == h and nc == w):
        return False
    for i in range(nr):
        for j in range(nc):
            b[i, j] = a[rows[i], columns[j]]
    r[2] = nr
    r[3] = nc
    return True


@kernel(GRID, NUMBER, NUMBER, GRID, FLAG)
def sort_lines(a, h, w, b, columns):
    """Rows (or columns) in order of how many nonzero cells they hold, fewest first; equal ones keep their order."""
    at = 0
    for want in range(SIDE + 1):
        for i in range(w if columns else h):
            count = 0
            for j in range(h if columns else w):
                if (a[j, i] if columns else a[i, j]) != 0:
                    count += 1
            if count == want:
                for j in range(h if columns else w):
                    if columns:
                        b[j, at] = a[j, i]
                    else:
                        b[at, j] = a[i, j]
                at += 1


@kernel(GRID, NUMBER, NUMBER, GRID, RECT, NUMBER)
def tally(a, h, w, b, r, p):
    """A line as long as a count, in the main colour: p % 4 = 0 nonzero cells, 1 components, 2 colours, 3 same-coloured

    components; p >= 4 upright, p >= 8 the diagonal of a square.
    """
    n = 0
    seen = np.zeros(COLOURS, np.int64)
    for i in range(h):
        for j in range(w):
            if a[i, j] != 0:
                n += 1
                seen[a[i, j]] = 1
    if p % 4 == 2:
        n = seen.sum()
    elif p % 4 != 0:
        labels = np.empty((SIDE, SIDE), np.int16)
        n = label(a, h, w, labels, True, p % 4 == 3, 0)
    if n < 1 or n > SIDE:
        return False
    c = majority(a, h, w)
    if p >= 8:
        clear(b, n, n)
    for i in range(n):
        b[i if p >= 4 else 0, i if p < 4 or p >= 8 else 0] = c
    r[2] = n if p >= 4 else 1
    r[3] = n if p < 4 or p >= 8 else 1
    return True
