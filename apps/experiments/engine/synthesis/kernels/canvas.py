"""Kernels that change the size: crops, tilings, scalings, canvases."""

from __future__ import annotations

import numpy as np

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.kernels.basics import clear, copy
from apps.experiments.engine.synthesis.limits import COLOURS, SIDE
from apps.experiments.engine.synthesis.signatures import FLAG, GRID, NUMBER, RECT


@kernel(GRID, NUMBER, NUMBER, NUMBER, NUMBER, GRID, RECT)
def crop(a, top, left, height, width, b, r):
    """The sub-rectangle; False if it is empty."""
    if height < 1 or width < 1:
        return False
    for i in range(height):
        for j in range(width):
            b[i, j] = a[top + i, left + j]
    r[0] += top
    r[1] += left
    r[2] = height
    r[3] = width
    return True


@kernel(GRID, NUMBER, NUMBER, GRID, RECT, NUMBER)
def part(a, h, w, b, r, p):
    """A fraction: 0..3 left, right, top, bottom half; 4..6 thirds across; 7..9 thirds down; 10..13 quarters."""
    if p < 2:
        half = w // 2
        return crop(a, 0, 0 if p == 0 else w - half, h, half, b, r)
    if p < 4:
        half = h // 2
        return crop(a, 0 if p == 2 else h - half, 0, half, w, b, r)
    if p < 7:
        third = w // 3
        return w % 3 == 0 and crop(a, 0, (p - 4) * third, h, third, b, r)
    if p < 10:
        third = h // 3
        return h % 3 == 0 and crop(a, (p - 7) * third, 0, third, w, b, r)
    hh, hw = h // 2, w // 2
    return crop(a, 0 if p < 12 else h - hh, 0 if p % 2 == 0 else w - hw, hh, hw, b, r)


@kernel(GRID, NUMBER, NUMBER, GRID, RECT, NUMBER, NUMBER)
def tile(a, h, w, b, r, rows, columns):
    """Repeat rows x columns times. False beyond the largest side."""
    if h * rows > SIDE or w * columns > SIDE:
        return False
    for i in range(h * rows):
        for j in range(w * columns):
            b[i, j] = a[i % h, j % w]
    r[2] = h * rows
    r[3] = w * columns
    return True


@kernel(GRID, NUMBER, NUMBER, GRID, RECT, NUMBER, NUMBER, NUMBER)
def fill_canvas(a, h, w, b, r, ch, cw, mode):
    """Fill a ch x cw canvas from its top left corner: 0 by repetition, 1 mirrored, 2 by whole-number enlargement."""
    if ch < 1 or cw < 1:
        return False
    if mode == 2 and (ch % h != 0 or cw % w != 0):
        return False
    for i in range(ch):
        for j in range(cw):
            if mode == 2:
                b[i, j] = a[i // (ch // h), j // (cw // w)]
                continue
            y = i % h
            x = j % w
            if mode == 1:
                if (i // h) % 2 == 1:
                    y = h - 1 - y
                if (j // w) % 2 == 1:
                    x = w - 1 - x
            b[i, j] = a[y, x]
    r[0], r[1], r[2], r[3] = 0, 0, ch, cw
    return True


@kernel(GRID, NUMBER, NUMBER, GRID, RECT, NUMBER, NUMBER)
def embed(a, h, w, b, r, ch, cw):
    """Place the image on an empty ch x cw canvas where it stands; False if it does not fit or nothing would change."""
    if ch < 1 or (r[2] == ch and r[3] == cw and r[0] == 0 and r[1] == 0):
        return False
    if r[0] < 0 or r[1] < 0 or r[0] + h > ch or r[1] + w > cw:
        return False
    clear(b, ch, cw)
    for i in range(h):
        for j in range(w):
            b[r[0] + i, r[1] + j] = a[i, j]
    r[0], r[1], r[2], r[3] = 0, 0, ch, cw
    return True


@kernel(GRID, NUMBER, NUMBER, GRID, RECT, NUMBER, NUMBER, NUMBER)
def corner_crop(a, h, w, b, r, ch, cw, corner):
    """The canvas-sized part at one corner (0..3) or the centre (4)."""
    if ch < 1 or ch > h or cw > w or (ch == h and cw == w):
        return False
    top = 0 if corner in (0, 1) else h - ch
    left = 0 if corner in (0, 2) else w - cw
    if corner == 4:
        top = (h - ch) // 2
        left = (w - cw) // 2
    return crop(a, top, left, ch, cw, b, r)


@kernel(GRID, NUMBER, NUMBER, GRID, RECT, NUMBER)
def mirror_join(a, h, w, b, r, p):
    """The image beside its mirror: 0 right, 1 left, 2 below, 3 above, 4 all four corners, 5 rotated copies, 6, 7 turned 180."""
    hh = h * (1 if p in (0, 1, 6) else 2)
    ww = w * (1 if p in (2, 3, 7) else 2)
    if hh > SIDE or ww > SIDE or (p == 5 and h != w):
        return False
    for i in range(h):
        for j in range(w):
            v = a[i, j]
            if p == 0:
                b[i, j] = v
                b[i, ww - 1 - j] = v
            elif p == 1:
                b[i, w + j] = v
                b[i, w - 1 - j] = v
            elif p == 2:
                b[i, j] = v
                b[hh - 1 - i, j] = v
            elif p == 3:
                b[h + i, j] = v
                b[h - 1 - i, j] = v
            elif p == 4:
                b[i, j] = v
                b[i, ww - 1 - j] = v
                b[hh - 1 - i, j] = v
                b[hh - 1 - i, ww - 1 - j] = v
            elif p == 5:
                b[i, j] = v
                b[j, ww - 1 - i] = v
                b[hh - 1 - i, ww - 1 - j] = v
                b[hh - 1 - j, i] = v
            elif p == 6:
                b[i, j] = v
                b[h - 1 - i, ww - 1 - j] = v
            else:
                b[i, j] = v
                b[hh - 1 - i, w - 1 - j] = v
    r[2] = hh
    r[3] = ww
    return True


@kernel(GRID, NUMBER, NUMBER, GRID, RECT, NUMBER, NUMBER)
def scale_up(a, h, w, b, r, rows, columns):
    """Each cell becomes a rows x columns block."""
    if h * rows > SIDE or w * columns > SIDE:
        return False
    for i in range(h * rows):
        for j in range(w * columns):
            b[i, j] = a[i // rows, j // columns]
    r[2] = h * rows
    r[3] = w * columns
    return True


@kernel(GRID, NUMBER, NUMBER, GRID, RECT)
def scale_down(a, h, w, b, r):
    """Undo the largest enlargement by whole blocks; False if there is none."""
    for f in range(min(h, w), 1, -1):
        if h % f != 0 or w % f != 0:
            continue
        uniform = True
        for i in range(h):
            for j in range(w):
                if a[i, j] != a[i - i % f, j - j % f]:
                    uniform = False
                    break
            if not uniform:
                break
        if uniform:
            for i in range(h // f):
                for j in range(w // f):
                    b[i, j] = a[i * f, j * f]
            r[2] = h // f
            r[3] = w // f
            return True
    return False


@kernel(GRID, NUMBER, NUMBER, GRID, RECT, FLAG)
def self_product(a, h, w, b, r, inverted):
    """A copy of the image wherever it has a nonzero (or, inverted, a zero) cell."""
    if h * h > SIDE or w * w > SIDE:
        return False
    for i in range(h * h):
        for j in range(w * w):
            on = a[i // h, j // w] != 0
            b[i, j] = a[i % h, j % w] if on != inverted else 0
    r[2] = h * h
    r[3] = w * w
    return True


@kernel(GRID, NUMBER, NUMBER, GRID, RECT)
def cells_of_grid(a, h, w, b, r):
    """One cell for each compartment of a grid ruled by uniform lines of one colour: its commonest nonzero colour."""
    row_id = np.zeros(SIDE, np.int64)
    col_id = np.zeros(SIDE, np.int64)
    line = 0
    for i in range(h):
        if a[i, 0] != 0:
            uniform = True
            for j in range(w):
                if a[i, j] != a[i, 0]:
                    uniform = False
            if uniform:
                line = a[i, 0]
                break
    if line == 0:
        return False
    nr = 0
    inside = False
    for i in range(h):
        uniform = True
        for j in range(w):
            if a[i, j] != line:
                uniform = False
        if not uniform:
            if not inside:
                nr += 1
            row_id[i] = nr
        inside = not uniform
    nc = 0
    inside = False
    for j in range(w):
        uniform = True
        for i in range(h):
            if a[i, j] != line:
                uniform = False
        if not uniform:
            if not inside:
                nc += 1
            col_id[j] = nc
        inside = not uniform
    if nr < 1 or nc < 1 or nr * nc < 2:
        return False
    counts = np.zeros((SIDE + 1, SIDE + 1, COLOURS), np.int64)
    for i in range(h):
        for j in range(w):
            if row_id[i] > 0 and col_id[j] > 0:
                counts[row_id[i], col_id[j], a[i, j]] += 1
    for i in range(nr):
        for j in range(nc):
            best = 0
            for c in range(1, COLOURS):
                if counts[i + 1, j + 1, c] > 0 and (best == 0 or counts[i + 1, j + 1, c] > counts[i + 1, j + 1, best]):
                    best = c
            b[i, j] = best
    r[2] = nr
    r[3] = nc
    return True


@kernel(GRID, NUMBER, NUMBER, GRID, RECT, NUMBER, NUMBER, NUMBER)
def place(a, h, w, b, r, ch, cw, p):
    """The image on an empty canvas at a corner (0..3: top left, top right, bottom left, bottom right) or the middle (4)."""
    if ch < h or cw < w or (ch == h and cw == w):
        return False
    top = 0 if p < 2 else ch - h
    left = 0 if p % 2 == 0 else cw - w
    if p == 4:
        if (ch - h) % 2 == 1 or (cw - w) % 2 == 1:
            return False
        top = (ch - h) // 2
        left = (cw - w) // 2
    clear(b, ch, cw)
    for i in range(h):
        for j in range(w):
            b[top + i, left + j] = a[i, j]
    r[0], r[1], r[2], r[3] = 0, 0, ch, cw
    return True


INSIDE, WHERE_FILLED, WHERE_EMPTY, WITHOUT, OVER = range(5)
"""What an image makes of the task's input: its part inside the image's rectangle, that where the image is nonzero or
zero; the whole input without the image, or with the image laid over it."""


@kernel(NUMBER, GRID, NUMBER, NUMBER, GRID, RECT, GRID, NUMBER, NUMBER)
def with_input(mode, a, h, w, b, r, g, gh, gw):
    """Against the task's input `g`: see `INSIDE` and what follows it."""
    if r[0] < 0 or r[1] < 0 or r[0] + h > gh or r[1] + w > gw:
        return False
    if mode != WITHOUT and mode != OVER:
        if mode == INSIDE and h == gh and w == gw:
            return False
        for i in range(h):
            for j in range(w):
                v = g[r[0] + i, r[1] + j]
                b[i, j] = v if mode == INSIDE or (a[i, j] != 0) == (mode == WHERE_FILLED) else 0
        return True
    copy(g, gh, gw, b)
    for i in range(h):
        for j in range(w):
            if a[i, j] != 0:
                b[r[0] + i, r[1] + j] = 0 if mode == WITHOUT else a[i, j]
    r[0], r[1], r[2], r[3] = 0, 0, gh, gw
    return True


@kernel(GRID, NUMBER, NUMBER, GRID, RECT, NUMBER)
def frame(a, h, w, b, r, colour):
    """The image with a one-cell frame of `colour` around it."""
    if h + 2 > SIDE or w + 2 > SIDE:
        return False
    for i in range(h + 2):
        for j in range(w + 2):
            inner = 0 < i <= h and 0 < j <= w
            b[i, j] = a[i - 1, j - 1] if inner else colour
    r[0] -= 1
    r[1] -= 1
    r[2] = h + 2
    r[3] = w + 2
    return True
