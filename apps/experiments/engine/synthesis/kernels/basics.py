"""Counting, filling and connected components: what the other kernels are made of."""

from __future__ import annotations

import numpy as np

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.limits import COLOURS, SIDE
from apps.experiments.engine.synthesis.signatures import FLAG, GRID, LABELS, NUMBER, NUMBERS, TABLE, WORD


@kernel(GRID, NUMBER, NUMBER, NUMBERS)
def colour_counts(a, h, w, counts):
    """Fill `counts` (10 int64) with how many cells hold each colour."""
    counts[:] = 0
    for i in range(h):
        for j in range(w):
            counts[a[i, j]] += 1


@kernel(NUMBERS, NUMBER)
def ranked_colour(counts, rank):
    """The nonzero colour at `rank` by count, most common first (rank 9: least common); 0 if there is none or a tie."""
    best = 0
    present = 0
    for c in range(1, COLOURS):
        if counts[c] > 0:
            present += 1
    if present == 0:
        return 0
    want = present - 1 if rank == 9 else rank
    if want >= present:
        return 0
    for c in range(1, COLOURS):
        if counts[c] == 0:
            continue
        above = 0
        ties = 0
        for d in range(1, COLOURS):
            if counts[d] > counts[c]:
                above += 1
            elif d != c and counts[d] == counts[c]:
                ties += 1
        if ties == 0 and above == want:
            best = c
    return best


@kernel(GRID, NUMBER, NUMBER, NUMBER)
def colour_at_rank(a, h, w, rank):
    """The image's nonzero colour at `rank` by count; see `ranked_colour`."""
    counts = np.zeros(COLOURS, np.int64)
    colour_counts(a, h, w, counts)
    return ranked_colour(counts, rank)


@kernel(GRID, NUMBER, NUMBER)
def majority(a, h, w):
    """The most common nonzero colour; ties go to the smaller; 1 on an empty image."""
    counts = np.zeros(COLOURS, np.int64)
    colour_counts(a, h, w, counts)
    best = 1
    for c in range(1, COLOURS):
        if counts[c] > counts[best]:
            best = c
    return best


@kernel(GRID, NUMBER, NUMBER, GRID)
def copy(a, h, w, b):
    """Copy the image."""
    for i in range(h):
        for j in range(w):
            b[i, j] = a[i, j]


@kernel(GRID, NUMBER, NUMBER)
def clear(b, h, w):
    """Empty the first h rows and w columns."""
    for i in range(h):
        for j in range(w):
            b[i, j] = 0


@kernel(GRID, NUMBER, NUMBER, NUMBERS)
def bounds(a, h, w, box):
    """Bounding box [top, left, bottom, right] (inclusive) of the nonzero cells; False if there are none."""
    top, left, bottom, right = h, w, -1, -1
    for i in range(h):
        for j in range(w):
            if a[i, j] != 0:
                if i < top:
                    top = i
                bottom = i
                if j < left:
                    left = j
                if j > right:
                    right = j
    if bottom < 0:
        return False
    box[0], box[1], box[2], box[3] = top, left, bottom, right
    return True


@kernel(GRID, NUMBER, NUMBER, LABELS, FLAG, FLAG, NUMBER)
def label(a, h, w, labels, eight, by_colour, zeros):
    """Number connected components 1.. in reading order into `labels` (30 x 30 int16); returns how many.

    `eight`: diagonal neighbours count. `by_colour`: a component has one colour. `zeros`: 0 = only nonzero cells,
    1 = all cells, 2 = only zero cells.
    """
    stack = np.empty(SIDE * SIDE, np.int32)
    for i in range(h):
        for j in range(w):
            labels[i, j] = 0
    n = 0
    for i in range(h):
        for j in range(w):
            if labels[i, j] != 0:
                continue
            v = a[i, j]
            if (zeros == 0 and v == 0) or (zeros == 2 and v != 0):
                continue
            n += 1
            labels[i, j] = n
            stack[0] = i * SIDE + j
            size = 1
            while size > 0:
                size -= 1
                y = stack[size] // SIDE
                x = stack[size] % SIDE
                for dy in range(-1, 2):
                    for dx in range(-1, 2):
                        if (dy == 0 and dx == 0) or (not eight and dy != 0 and dx != 0):
                            continue
                        ny = y + dy
                        nx = x + dx
                        if ny < 0 or nx < 0 or ny >= h or nx >= w or labels[ny, nx] != 0:
                            continue
                        u = a[ny, nx]
                        if by_colour or zeros == 2:
                            if u != v:
                                continue
                        elif u == 0 and zeros == 0:
                            continue
                        labels[ny, nx] = n
                        stack[size] = ny * SIDE + nx
                        size += 1
    return n


@kernel(LABELS, NUMBER, NUMBER, NUMBER, TABLE)
def component_boxes(labels, h, w, n, box):
    """Top, left, bottom, right (inclusive) of components 1..n into `box` (n + 1 rows)."""
    for k in range(n + 1):
        box[k, 0], box[k, 1], box[k, 2], box[k, 3] = h, w, -1, -1
    for i in range(h):
        for j in range(w):
            k = labels[i, j]
            if k > 0:
                box[k, 0] = min(box[k, 0], i)
                box[k, 1] = min(box[k, 1], j)
                box[k, 2] = max(box[k, 2], i)
                box[k, 3] = max(box[k, 3], j)


@kernel(GRID, NUMBER, NUMBER, GRID)
def outside(a, h, w, mark):
    """Mark (1) the zero cells joined to the edge by zero cells (4 neighbours) in `mark` (30 x 30 int8)."""
    stack = np.empty(SIDE * SIDE, np.int32)
    size = 0
    for i in range(h):
        for j in range(w):
            mark[i, j] = 0
    for i in range(h):
        for j in range(w):
            if (i == 0 or j == 0 or i == h - 1 or j == w - 1) and a[i, j] == 0:
                mark[i, j] = 1
                stack[size] = i * SIDE + j
                size += 1
    while size > 0:
        size -= 1
        y = stack[size] // SIDE
        x = stack[size] % SIDE
        for k in range(4):
            ny = y + (k == 0) - (k == 1)
            nx = x + (k == 2) - (k == 3)
            if 0 <= ny < h and 0 <= nx < w and mark[ny, nx] == 0 and a[ny, nx] == 0:
                mark[ny, nx] = 1
                stack[size] = ny * SIDE + nx
                size += 1


ROTATED_90, ROTATED_180, ROTATED_270, LEFT_RIGHT, UP_DOWN, TRANSPOSED, ANTI_TRANSPOSED = range(1, 8)
"""The symmetries of the square beside leaving it, as `rigid_cell` numbers them."""


@kernel(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)
def rigid_cell(k, i, j, h, w):
    """Where cell (i, j) of an h x w image goes under symmetry k: 1..3 rotations, 4 left-right, 5 up-down, 6, 7 diagonals."""
    if k == 1:
        return w - 1 - j, i
    if k == 2:
        return h - 1 - i, w - 1 - j
    if k == 3:
        return j, h - 1 - i
    if k == 4:
        return i, w - 1 - j
    if k == 5:
        return h - 1 - i, j
    if k == 6:
        return j, i
    if k == 7:
        return w - 1 - j, h - 1 - i
    return i, j


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER)
def rigid(a, h, w, b, k):
    """The image under symmetry k (see `rigid_cell`)."""
    for i in range(h):
        for j in range(w):
            y, x = rigid_cell(k, i, j, h, w)
            b[y, x] = a[i, j]


@kernel(GRID, NUMBER, NUMBER, NUMBER)
def is_symmetric(a, h, w, k):
    """Whether the image equals itself under symmetry k."""
    if h != w and k in (1, 3, 6, 7):
        return False
    for i in range(h):
        for j in range(w):
            y, x = rigid_cell(k, i, j, h, w)
            if a[y, x] != a[i, j]:
                return False
    return True


@kernel(WORD)
def popcount(x):
    """Bits set in a word."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))
