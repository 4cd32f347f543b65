"""Kernels that fill and surround: holes, outlines, boxes, empty places."""

from __future__ import annotations

import numpy as np

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.kernels.basics import clear, component_boxes, copy, label, majority, outside
from apps.experiments.engine.synthesis.limits import COLOURS, SIDE
from apps.experiments.engine.synthesis.signatures import FLAG, GRID, NUMBER


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER, NUMBER)
def holes(a, h, w, b, colour, mode):
    """Enclosed zero cells painted `colour` (0: the main one): mode 0 image and holes, 1 holes alone, 2 the open zeros alone."""
    mark = np.empty((SIDE, SIDE), np.int8)
    outside(a, h, w, mark)
    c = colour if colour > 0 else majority(a, h, w)
    found = False
    for i in range(h):
        for j in range(w):
            hole = a[i, j] == 0 and mark[i, j] == 0
            found = found or hole
            if mode == 0:
                b[i, j] = c if hole else a[i, j]
            elif mode == 1:
                b[i, j] = c if hole else 0
            else:
                b[i, j] = c if mark[i, j] == 1 else 0
    return found or mode == 2


@kernel(GRID, NUMBER, NUMBER, GRID)
def own_holes(a, h, w, b):
    """Each enclosed zero region filled with the colour of the cell above its first cell."""
    mark = np.empty((SIDE, SIDE), np.int8)
    outside(a, h, w, mark)
    found = False
    for i in range(h):
        for j in range(w):
            b[i, j] = a[i, j]
            if a[i, j] == 0 and mark[i, j] == 0:
                b[i, j] = b[i - 1, j]
                found = True
    return found


@kernel(GRID, NUMBER, NUMBER, GRID, FLAG, NUMBER)
def outline(a, h, w, b, eight, colour):
    """The zero cells beside nonzero ones, painted `colour` (0: the neighbour's); the image itself is left out."""
    for i in range(h):
        for j in range(w):
            b[i, j] = 0
            if a[i, j] != 0:
                continue
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    y = i + dy
                    x = j + dx
                    if (not eight and dy != 0 and dx != 0) or y < 0 or x < 0 or y >= h or x >= w:
                        continue
                    if a[y, x] != 0:
                        b[i, j] = colour if colour > 0 else a[y, x]


@kernel(GRID, NUMBER, NUMBER, GRID, FLAG, FLAG)
def rim(a, h, w, b, eight, keep_rim):
    """Nonzero cells at the rim of their one-coloured region (or, reversed, those inside it)."""
    for i in range(h):
        for j in range(w):
            v = a[i, j]
            edge = False
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    if not eight and dy != 0 and dx != 0:
                        continue
                    y = i + dy
                    x = j + dx
                    if y < 0 or x < 0 or y >= h or x >= w or a[y, x] != v:
                        edge = True
            b[i, j] = v if edge == keep_rim else 0


@kernel(GRID, NUMBER, NUMBER, GRID, FLAG)
def spread(a, h, w, b, eight):
    """Zero cells take the colour of the nearest nonzero cell; equal distances go to the first in reading order."""
    queue = np.empty(SIDE * SIDE, np.int32)
    head = 0
    tail = 0
    for i in range(h):
        for j in range(w):
            b[i, j] = a[i, j]
            if a[i, j] != 0:
                queue[tail] = i * SIDE + j
                tail += 1
    if tail == 0 or tail == h * w:
        return False
    while head < tail:
        y = queue[head] // SIDE
        x = queue[head] % SIDE
        head += 1
        for dy in range(-1, 2):
            for dx in range(-1, 2):
                ny = y + dy
                nx = x + dx
                if (not eight and dy != 0 and dx != 0) or ny < 0 or nx < 0 or ny >= h or nx >= w or b[ny, nx] != 0:
                    continue
                b[ny, nx] = b[y, x]
                queue[tail] = ny * SIDE + nx
                tail += 1
    return True


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER, NUMBER)
def boxes(a, h, w, b, colour, mode):
    """Each component's bounding box (8 neighbours): mode 0 its zero cells filled, 1 only those cells, 2 a frame around it."""
    labels = np.empty((SIDE, SIDE), np.int16)
    n = label(a, h, w, labels, True, False, 0)
    if n == 0:
        return False
    box = np.empty((n + 1, 4), np.int64)
    component_boxes(labels, h, w, n, box)
    main = np.zeros(n + 1, np.int8)
    for i in range(h):
        for j in range(w):
            k = labels[i, j]
            if k > 0:
                main[k] = a[i, j]
    if mode == 1:
        clear(b, h, w)
    else:
        copy(a, h, w, b)
    for k in range(1, n + 1):
        c = colour if colour > 0 else main[k]
        grow = 1 if mode == 2 else 0
        for i in range(max(0, box[k, 0] - grow), min(h, box[k, 2] + 1 + grow)):
            for j in range(max(0, box[k, 1] - grow), min(w, box[k, 3] + 1 + grow)):
                if mode == 2 and box[k, 0] <= i <= box[k, 2] and box[k, 1] <= j <= box[k, 3]:
                    continue
                if a[i, j] == 0:
                    b[i, j] = c
    return True


@kernel(GRID, NUMBER, NUMBER, GRID)
def smooth(a, h, w, b):
    """Each cell takes the majority of its 3 x 3 neighbourhood if some colour has five or more cells."""
    counts = np.zeros(COLOURS, np.int64)
    for i in range(h):
        for j in range(w):
            counts[:] = 0
            for y in range(max(0, i - 1), min(h, i + 2)):
                for x in range(max(0, j - 1), min(w, j + 2)):
                    counts[a[y, x]] += 1
            b[i, j] = a[i, j]
            for c in range(COLOURS):
                if counts[c] >= 5:
                    b[i, j] = c


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER)
def largest_empty(a, h, w, b, colour):
    """The largest all-zero rectangle painted `colour`, nothing else; False below four cells."""
    up = np.zeros(SIDE, np.int64)
    best = 0
    top, left, bottom, right = 0, 0, -1, -1
    clear(b, h, w)
    for i in range(h):
        for j in range(w):
            up[j] = up[j] + 1 if a[i, j] == 0 else 0
        for j in range(w):
            low = SIDE
            for x in range(j, w):
                low = min(low, up[x])
                if low == 0:
                    break
                area = low * (x - j + 1)
                if area > best:
                    best = area
                    top = i - low + 1
                    left, bottom, right = j, i, x
    if best < 4:
        return False
    for i in range(top, bottom + 1):
        for j in range(left, right + 1):
            b[i, j] = colour
    return True


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER)
def empty_blocks(a, h, w, b, side):
    """Cells of all-zero squares of the given side, painted 1, nothing else; False if there are none."""
    clear(b, h, w)
    found = False
    for i in range(h - side + 1):
        for j in range(w - side + 1):
            clean = True
            for y in range(i, i + side):
                for x in range(j, j + side):
                    if a[y, x] != 0:
                        clean = False
            if clean:
                found = True
                for y in range(i, i + side):
                    for x in range(j, j + side):
                        b[y, x] = 1
    return found


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER)
def parity(a, h, w, b, p):
    """Every other line: 0 even rows, 1 odd rows, 2 even columns, 3 odd columns, 4 and 5 the two chequer halves."""
    for i in range(h):
        for j in range(w):
            k = i if p < 2 else (j if p < 4 else i + j)
            b[i, j] = a[i, j] if k % 2 == p % 2 else 0
