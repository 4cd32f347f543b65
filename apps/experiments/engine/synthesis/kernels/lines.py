"""Kernels that draw lines: rays, connections, rulings."""

from __future__ import annotations

import numpy as np

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.kernels.basics import clear, copy
from apps.experiments.engine.synthesis.limits import SIDE
from apps.experiments.engine.synthesis.signatures import FLAG, GRID, NUMBER


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER, FLAG)
def rays(a, h, w, b, directions, through):
    """Every nonzero cell's colour carried on until the next nonzero cell or the edge.

    `directions` is a bit set: 1 left, 2 right, 4 up, 8 down, 16 up-left, 32 up-right, 64 down-left, 128 down-right.
    `through`: rays pass over other cells without changing them.
    """
    copy(a, h, w, b)
    for k in range(8):
        if (directions >> k) & 1 == 0:
            continue
        dy = (k == 3) + (k >= 6) - (k == 2) - (k == 4 or k == 5)
        dx = (k == 1) + (k == 5 or k == 7) - (k == 0) - (k == 4 or k == 6)
        for i in range(h):
            for j in range(w):
                v = a[i, j]
                if v == 0:
                    continue
                y = i + dy
                x = j + dx
                while 0 <= y < h and 0 <= x < w:
                    if a[y, x] != 0:
                        if not through:
                            break
                    else:
                        b[y, x] = v
                    y += dy
                    x += dx


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER, NUMBER, FLAG)
def connect(a, h, w, b, directions, colour, keep):
    """Lines between equal cells with only zeros between them: 1 across, 2 down, 4 and 8 the diagonals.

    `colour` 0 draws in the cells' colour; `keep` leaves the image in place.
    """
    found = False
    for i in range(h):
        for j in range(w):
            b[i, j] = a[i, j] if keep else 0
    for k in range(4):
        if (directions >> k) & 1 == 0:
            continue
        dy = 1 if k > 0 else 0
        dx = 1 if k == 0 or k == 2 else (0 if k == 1 else -1)
        for i in range(h):
            for j in range(w):
                v = a[i, j]
                if v == 0:
                    continue
                y = i + dy
                x = j + dx
                n = 0
                while 0 <= y < h and 0 <= x < w and a[y, x] == 0:
                    y += dy
                    x += dx
                    n += 1
                if n == 0 or not (0 <= y < h and 0 <= x < w) or a[y, x] != v:
                    continue
                found = True
                for m in range(1, n + 1):
                    b[i + m * dy, j + m * dx] = colour if colour > 0 else v
    return found


@kernel(GRID, NUMBER, NUMBER, GRID, FLAG)
def ruled_lines(a, h, w, b, keep):
    """Keep (or erase) the rows and columns of one nonzero colour; False if there are none."""
    row = np.zeros(SIDE, np.int8)
    column = np.zeros(SIDE, np.int8)
    found = False
    for i in range(h):
        same = a[i, 0] != 0
        for j in range(w):
            if a[i, j] != a[i, 0]:
                same = False
        if same:
            row[i] = 1
            found = True
    for j in range(w):
        same = a[0, j] != 0
        for i in range(h):
            if a[i, j] != a[0, j]:
                same = False
        if same:
            column[j] = 1
            found = True
    for i in range(h):
        for j in range(w):
            b[i, j] = a[i, j] if (row[i] == 1 or column[j] == 1) == keep else 0
    return found


@kernel(GRID, NUMBER, NUMBER, GRID, FLAG)
def extend_lines(a, h, w, b, through):
    """Every straight run of two or more equal cells, one cell thick, carried on both ways until blocked or the edge."""
    copy(a, h, w, b)
    found = False
    for k in range(4):
        dy = 1 if k > 0 else 0
        dx = 1 if k == 0 or k == 2 else (0 if k == 1 else -1)
        for i in range(h):
            for j in range(w):
                v = a[i, j]
                if v == 0:
                    continue
                y, x = i - dy, j - dx
                if 0 <= y < h and 0 <= x < w and a[y, x] == v:
                    continue
                n = 0
                y, x = i, j
                thin = True
                while 0 <= y < h and 0 <= x < w and a[y, x] == v:
                    for s in range(-1, 2, 2):
                        py, px = y + s * dx, x + s * dy
                        if k >= 2:
                            py, px = y, x + s
                        if 0 <= py < h and 0 <= px < w and a[py, px] == v:
                            thin = False
                    n += 1
                    y += dy
                    x += dx
                if n < 2 or not thin:
                    continue
                for s in range(2):
                    ey, ex = (y, x) if s == 0 else (i - dy, j - dx)
                    sy = dy if s == 0 else -dy
                    sx = dx if s == 0 else -dx
                    while 0 <= ey < h and 0 <= ex < w:
                        if a[ey, ex] != 0:
                            if not through:
                                break
                        else:
                            b[ey, ex] = v
                            found = True
                        ey += sy
                        ex += sx
    return found


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER)
def between_corners(a, h, w, b, colour):
    """Rectangles spanned by four equal cells at their corners: what lies inside painted `colour`, nothing else."""
    clear(b, h, w)
    found = False
    for top in range(h):
        for left in range(w):
            v = a[top, left]
            if v == 0:
                continue
            for right in range(left + 2, w):
                if a[top, right] != v:
                    continue
                for bottom in range(top + 2, h):
                    if a[bottom, left] == v and a[bottom, right] == v:
                        for i in range(top + 1, bottom):
                            for j in range(left + 1, right):
                                if a[i, j] == 0:
                                    b[i, j] = colour
                                    found = True
                        break
                break
    return found
