"""Kernels that look at colours: filters, repainting, swapping."""

from __future__ import annotations

import numpy as np

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.kernels.basics import (
    bounds,
    clear,
    colour_at_rank,
    colour_counts,
    copy,
    label,
    majority,
)
from apps.experiments.engine.synthesis.kernels.opcodes import COLOUR
from apps.experiments.engine.synthesis.limits import COLOURS, SIDE
from apps.experiments.engine.synthesis.signatures import FLAG, GRID, IMAGE_OPERATION, NUMBER


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER, FLAG)
def select_colour(a, h, w, b, colour, keep):
    """Keep only (or erase) one colour; False if that colour is absent."""
    seen = False
    for i in range(h):
        for j in range(w):
            v = a[i, j]
            hit = v == colour
            if hit:
                seen = True
            b[i, j] = v if hit == keep else 0
    return seen


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER, NUMBER)
def paint(a, h, w, b, on, off):
    """Nonzero cells become `on`, zero cells `off` (-1 keeps what is there)."""
    for i in range(h):
        for j in range(w):
            v = a[i, j]
            if v != 0:
                b[i, j] = v if on < 0 else on
            else:
                b[i, j] = off if off >= 0 else v


@kernel(GRID, NUMBER, NUMBER, GRID)
def swap_two(a, h, w, b):
    """Exchange the only two nonzero colours; False unless there are exactly two."""
    counts = np.zeros(COLOURS, np.int64)
    colour_counts(a, h, w, counts)
    first = 0
    second = 0
    for c in range(1, COLOURS):
        if counts[c] > 0:
            if first == 0:
                first = c
            elif second == 0:
                second = c
            else:
                return False
    if second == 0:
        return False
    for i in range(h):
        for j in range(w):
            v = a[i, j]
            b[i, j] = second if v == first else (first if v == second else 0)
    return True


@kernel(GRID, NUMBER, NUMBER, GRID, FLAG)
def isolated(a, h, w, b, keep):
    """Keep (or erase) nonzero cells without an equal neighbour among the eight; False if nothing changes."""
    changed = False
    for i in range(h):
        for j in range(w):
            v = a[i, j]
            b[i, j] = v
            if v == 0:
                continue
            alone = True
            for y in range(max(0, i - 1), min(h, i + 2)):
                for x in range(max(0, j - 1), min(w, j + 2)):
                    if (y != i or x != j) and a[y, x] == v:
                        alone = False
            if alone != keep:
                b[i, j] = 0
                changed = True
    return changed


@kernel(GRID, NUMBER, NUMBER, GRID, FLAG)
def edge_components(a, h, w, b, keep):
    """Keep (or erase) the components (8 neighbours, any colour) that touch the edge; False if nothing changes."""
    labels = np.empty((SIDE, SIDE), np.int16)
    n = label(a, h, w, labels, True, False, 0)
    touches = np.zeros(n + 1, np.int8)
    for i in range(h):
        for j in range(w):
            if i == 0 or j == 0 or i == h - 1 or j == w - 1:
                touches[labels[i, j]] = 1
    changed = False
    for i in range(h):
        for j in range(w):
            b[i, j] = a[i, j]
            if labels[i, j] > 0 and (touches[labels[i, j]] == 1) != keep:
                b[i, j] = 0
                changed = True
    return changed


@kernel(GRID, NUMBER, NUMBER, GRID, FLAG)
def component_colour(a, h, w, b, rarest):
    """Each multicoloured component (8 neighbours) painted with its rarest (or commonest) colour; False if none changes."""
    labels = np.empty((SIDE, SIDE), np.int16)
    n = label(a, h, w, labels, True, False, 0)
    counts = np.zeros((n + 1, COLOURS), np.int64)
    for i in range(h):
        for j in range(w):
            counts[labels[i, j], a[i, j]] += 1
    pick = np.zeros(n + 1, np.int8)
    for k in range(1, n + 1):
        best = 0
        for c in range(1, COLOURS):
            if counts[k, c] == 0:
                continue
            if best == 0 or (counts[k, c] < counts[k, best]) == rarest and counts[k, c] != counts[k, best]:
                best = c
        pick[k] = best
    changed = False
    for i in range(h):
        for j in range(w):
            b[i, j] = pick[labels[i, j]] if a[i, j] != 0 else 0
            if b[i, j] != a[i, j]:
                changed = True
    return changed


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER)
def size_colours(a, h, w, b, mode):
    """Each one-coloured component (8 neighbours) painted by its size: mode 0 largest = 1, next = 2, ...; 1 the reverse.

    Equal sizes share a colour; False with more than nine sizes.
    """
    labels = np.empty((SIDE, SIDE), np.int16)
    n = label(a, h, w, labels, True, True, 0)
    sizes = np.zeros(n + 1, np.int64)
    for i in range(h):
        for j in range(w):
            sizes[labels[i, j]] += 1
    clear(b, h, w)
    for k in range(1, n + 1):
        rank = 1
        for m in range(1, n + 1):
            first = True
            for q in range(1, m):
                if sizes[q] == sizes[m]:
                    first = False
            if first and ((mode == 0 and sizes[m] > sizes[k]) or (mode == 1 and sizes[m] < sizes[k])):
                rank += 1
        if rank > 9:
            return False
        for i in range(h):
            for j in range(w):
                if labels[i, j] == k:
                    b[i, j] = rank
    return n > 0


@kernel(GRID, NUMBER, NUMBER, GRID, FLAG)
def holed_components(a, h, w, b, keep):
    """Keep (or erase) the one-coloured components (4 neighbours) that enclose zero cells; False if nothing changes."""
    labels = np.empty((SIDE, SIDE), np.int16)
    n = label(a, h, w, labels, False, True, 0)
    empty = np.empty((SIDE, SIDE), np.int16)
    regions = label(a, h, w, empty, True, False, 2)
    owner = np.zeros(regions + 1, np.int64)
    for i in range(h):
        for j in range(w):
            if empty[i, j] == 0:
                continue
            e = empty[i, j]
            if i == 0 or j == 0 or i == h - 1 or j == w - 1:
                owner[e] = -1
                continue
            for k in range(4):
                y = i + (k == 0) - (k == 1)
                x = j + (k == 2) - (k == 3)
                if labels[y, x] > 0:
                    if owner[e] == 0:
                        owner[e] = labels[y, x]
                    elif owner[e] != labels[y, x]:
                        owner[e] = -1
    holed = np.zeros(n + 1, np.int8)
    for e in range(1, regions + 1):
        if owner[e] > 0:
            holed[owner[e]] = 1
    changed = False
    for i in range(h):
        for j in range(w):
            b[i, j] = a[i, j]
            if labels[i, j] > 0 and (holed[labels[i, j]] == 1) != keep:
                b[i, j] = 0
                changed = True
    return changed


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER)
def fill_box(a, h, w, b, colour):
    """Empty cells of the content's box painted `colour` (0: the main one); False if there is no content."""
    box = np.zeros(4, np.int64)
    if not bounds(a, h, w, box):
        return False
    copy(a, h, w, b)
    m = majority(a, h, w)
    for i in range(box[0], box[2] + 1):
        for j in range(box[1], box[3] + 1):
            if b[i, j] == 0:
                b[i, j] = colour if colour > 0 else m
    return True


(
    KEEP_COLOUR, ERASE_COLOUR, PAINT, INVERT, KEEP_RANK, ERASE_RANK, SWAP, BACKGROUND, PAINT_RANK, ISOLATED, EDGE_PARTS,
    PARTS_IN_COLOUR, COLOUR_BY_SIZE, HOLED_PARTS, FILL_BOX,
) = range(COLOUR, COLOUR + 15)  # fmt: skip
"""Opcodes of the operations that look at colours."""


@kernel(*IMAGE_OPERATION, entry=True)
def apply_colour(code, p, a, h, w, b, r, g, gh, gw, ch, cw):
    """The operation of that opcode; what its parameter means is said in `language`."""
    if code == KEEP_COLOUR:
        return select_colour(a, h, w, b, p, True)
    if code == ERASE_COLOUR:
        return select_colour(a, h, w, b, p, False)
    if code == PAINT:
        paint(a, h, w, b, p, -1)
        return True
    if code == INVERT:
        paint(a, h, w, b, 0, majority(a, h, w) if p == 0 else p)
        return True
    if code == KEEP_RANK or code == ERASE_RANK:
        c = colour_at_rank(a, h, w, p)
        return c != 0 and select_colour(a, h, w, b, c, code == KEEP_RANK)
    if code == SWAP:
        return swap_two(a, h, w, b)
    if code == BACKGROUND:
        paint(a, h, w, b, -1, p)
        return True
    if code == PAINT_RANK:
        c = colour_at_rank(a, h, w, p)
        if c != 0:
            paint(a, h, w, b, c, -1)
        return c != 0
    if code == ISOLATED:
        return isolated(a, h, w, b, p == 1)
    if code == EDGE_PARTS:
        return edge_components(a, h, w, b, p == 1)
    if code == PARTS_IN_COLOUR:
        return component_colour(a, h, w, b, p == 1)
    if code == COLOUR_BY_SIZE:
        return size_colours(a, h, w, b, p)
    if code == HOLED_PARTS:
        return holed_components(a, h, w, b, p == 1)
    if code == FILL_BOX:
        return fill_box(a, h, w, b, p)
    return False
