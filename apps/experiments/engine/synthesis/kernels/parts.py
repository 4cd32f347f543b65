"""Kernels from an image to a list of images: components, colours, panels, lines.

A list is a buffer `la` (64 x 30 x 30 int8) with rectangles `lr` (64 x 4 int64: top, left, height, width in the
original grid); the kernels return its length, 0 where they do not apply.
"""

from __future__ import annotations

import numpy as np

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.kernels.basics import component_boxes, label
from apps.experiments.engine.synthesis.limits import COLOURS, MAX_LIST, SIDE
from apps.experiments.engine.synthesis.signatures import FLAG, GRID, LIST, NUMBER, NUMBERS, RECT, RECTS, SPLITTER


@kernel(GRID, NUMBER, NUMBER, RECT, LIST, RECTS, FLAG, FLAG, NUMBER, FLAG)
def split_components(a, h, w, r, la, lr, eight, by_colour, zeros, whole):
    """Components in reading order, each cropped to its box; `whole` keeps what else lies in the box."""
    labels = np.empty((SIDE, SIDE), np.int16)
    n = label(a, h, w, labels, eight, by_colour, zeros)
    if n == 0 or n > MAX_LIST:
        return 0
    box = np.empty((n + 1, 4), np.int64)
    component_boxes(labels, h, w, n, box)
    for k in range(1, n + 1):
        for i in range(box[k, 0], box[k, 2] + 1):
            for j in range(box[k, 1], box[k, 3] + 1):
                v = a[i, j]
                if labels[i, j] != k and not whole:
                    v = 0
                elif zeros > 0 and v == 0 and not whole:
                    v = 1
                la[k - 1, i - box[k, 0], j - box[k, 1]] = v
        lr[k - 1, 0] = r[0] + box[k, 0]
        lr[k - 1, 1] = r[1] + box[k, 1]
        lr[k - 1, 2] = box[k, 2] - box[k, 0] + 1
        lr[k - 1, 3] = box[k, 3] - box[k, 1] + 1
    return n


@kernel(GRID, NUMBER, NUMBER, RECT, LIST, RECTS)
def split_colours(a, h, w, r, la, lr):
    """One full-size image for each nonzero colour, smallest colour first."""
    n = 0
    for c in range(1, COLOURS):
        seen = False
        for i in range(h):
            for j in range(w):
                la[n, i, j] = c if a[i, j] == c else 0
                if a[i, j] == c:
                    seen = True
        if seen:
            lr[n, 0], lr[n, 1], lr[n, 2], lr[n, 3] = r[0], r[1], h, w
            n += 1
    return n


@kernel(GRID, NUMBER, NUMBER, NUMBER, NUMBERS, FLAG)
def _lines(a, h, w, colour, flags, columns):
    """Flag the rows (or columns) made of `colour` alone; how many."""
    n = 0
    for i in range(w if columns else h):
        same = True
        for j in range(h if columns else w):
            if (a[j, i] if columns else a[i, j]) != colour:
                same = False
                break
        flags[i] = 1 if same else 0
        n += flags[i]
    return n


@kernel(GRID, NUMBER, NUMBER, RECT, LIST, RECTS, FLAG)
def split_panels(a, h, w, r, la, lr, zero_lines):
    """The compartments between full lines of one colour (nonzero, or zero with `zero_lines`), in reading order."""
    rows = np.zeros(SIDE + 1, np.int64)
    columns = np.zeros(SIDE + 1, np.int64)
    best = 0
    colour = -1
    for c in range(COLOURS):
        if (c == 0) != zero_lines:
            continue
        across = _lines(a, h, w, c, rows, False)
        down = _lines(a, h, w, c, columns, True)
        if across + down == 0:
            continue
        total = 0
        for i in range(h):
            for j in range(w):
                if a[i, j] == c:
                    total += 1
        # Most lines first; among equals the colour that hardly occurs outside its lines.
        worth = (across + down) * 1000 + (across * w + down * h - across * down) * 999 // total
        if worth > best:
            best = worth
            colour = c
    if colour < 0:
        return 0
    _lines(a, h, w, colour, rows, False)
    _lines(a, h, w, colour, columns, True)
    n = 0
    i = 0
    while i < h:
        if rows[i] == 1:
            i += 1
            continue
        bottom = i
        while bottom < h and rows[bottom] == 0:
            bottom += 1
        j = 0
        while j < w:
            if columns[j] == 1:
                j += 1
                continue
            right = j
            while right < w and columns[right] == 0:
                right += 1
            if n >= MAX_LIST:
                return 0
            for y in range(i, bottom):
                for x in range(j, right):
                    la[n, y - i, x - j] = a[y, x]
            lr[n, 0], lr[n, 1], lr[n, 2], lr[n, 3] = r[0] + i, r[1] + j, bottom - i, right - j
            n += 1
            j = right
        i = bottom
    return n if n > 1 else 0


@kernel(GRID, NUMBER, NUMBER, RECT, LIST, RECTS, NUMBER, NUMBER)
def split_equal(a, h, w, r, la, lr, rows, columns):
    """Equal panels, rows x columns of them (0: one for each row or column); one cell between two is skipped if odd."""
    if rows == 0:
        rows = h
    if columns == 0:
        columns = w
    if rows * columns < 2 or rows * columns > MAX_LIST or rows > h or columns > w:
        return 0
    gap_y = 0
    gap_x = 0
    if h % rows != 0:
        if (h - rows + 1) % rows != 0 or h <= rows:
            return 0
        gap_y = 1
    if w % columns != 0:
        if (w - columns + 1) % columns != 0 or w <= columns:
            return 0
        gap_x = 1
    hh = (h - gap_y * (rows - 1)) // rows
    ww = (w - gap_x * (columns - 1)) // columns
    if hh < 1 or ww < 1:
        return 0
    n = 0
    for m in range(rows):
        for k in range(columns):
            top = m * (hh + gap_y)
            left = k * (ww + gap_x)
            for i in range(hh):
                for j in range(ww):
                    la[n, i, j] = a[top + i, left + j]
            lr[n, 0], lr[n, 1], lr[n, 2], lr[n, 3] = r[0] + top, r[1] + left, hh, ww
            n += 1
    return n


@kernel(GRID, NUMBER, NUMBER, RECT, LIST, RECTS)
def split_filled_boxes(a, h, w, r, la, lr):
    """Inside of each one-coloured component that is a rectangle's frame: the frame left out."""
    labels = np.empty((SIDE, SIDE), np.int16)
    n = label(a, h, w, labels, False, True, 0)
    if n == 0:
        return 0
    box = np.empty((n + 1, 4), np.int64)
    component_boxes(labels, h, w, n, box)
    count = 0
    for k in range(1, n + 1):
        hh = box[k, 2] - box[k, 0] - 1
        ww = box[k, 3] - box[k, 1] - 1
        if hh < 1 or ww < 1:
            continue
        framed = True
        for j in range(box[k, 1], box[k, 3] + 1):
            if labels[box[k, 0], j] != k or labels[box[k, 2], j] != k:
                framed = False
        for i in range(box[k, 0], box[k, 2] + 1):
            if labels[i, box[k, 1]] != k or labels[i, box[k, 3]] != k:
                framed = False
        if not framed:
            continue
        if count >= MAX_LIST:
            return 0
        for i in range(hh):
            for j in range(ww):
                la[count, i, j] = a[box[k, 0] + 1 + i, box[k, 1] + 1 + j]
        lr[count, 0], lr[count, 1], lr[count, 2], lr[count, 3] = (
            r[0] + box[k, 0] + 1,
            r[1] + box[k, 1] + 1,
            hh,
            ww,
        )
        count += 1
    return count


COMPONENTS, BY_COLOUR, PANELS, EQUAL_PANELS, EMPTY_REGIONS, WHOLE_BOXES, REGIONS, FRAME_INSIDES = range(8)
"""Opcodes of the splitters."""


@kernel(*SPLITTER, entry=True)
def apply_split(code, p, a, h, w, r, la, lr):
    """The splitter of that opcode; what its parameter means is said in `language`."""
    if code == COMPONENTS:
        return split_components(a, h, w, r, la, lr, p % 2 == 1, p >= 2, 0, False)
    if code == BY_COLOUR:
        return split_colours(a, h, w, r, la, lr)
    if code == PANELS:
        return split_panels(a, h, w, r, la, lr, p == 1)
    if code == EQUAL_PANELS:
        return split_equal(a, h, w, r, la, lr, p // 10, p % 10)
    if code == EMPTY_REGIONS:
        return split_components(a, h, w, r, la, lr, False, True, 2, False)
    if code == WHOLE_BOXES:
        return split_components(a, h, w, r, la, lr, True, p == 1, 0, True)
    if code == REGIONS:
        return split_components(a, h, w, r, la, lr, False, True, 1, False)
    if code == FRAME_INSIDES:
        return split_filled_boxes(a, h, w, r, la, lr)
    return 0
