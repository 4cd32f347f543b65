"""Dispatch of the kernels that change size, place or arrangement."""

from __future__ import annotations

import numpy as np
from numba import njit

from apps.experiments.engine.synthesis.kernels.basics import bounds, colour_counts, copy, majority, ranked_colour, rigid
from apps.experiments.engine.synthesis.kernels.canvas import (
    cells_of_grid,
    corner_crop,
    crop,
    embed,
    fill_canvas,
    frame,
    mirror_join,
    part,
    place,
    scale_down,
    scale_up,
    self_product,
    tile,
    with_input,
)
from apps.experiments.engine.synthesis.kernels.move import fall, gravity, select_lines, shift, sort_lines, tally


@njit(cache=True, nogil=True)
def apply_shape(code, p, a, h, w, b, r, g, gh, gw, ch, cw):
    """Dispatch of the operations that change size, place or arrangement; see `primitives.SHAPE_OPS` for what each code means."""
    if code == 0:
        box = np.zeros(4, np.int64)
        if not bounds(a, h, w, box):
            return False
        return crop(a, box[0], box[1], box[2] - box[0] + 1, box[3] - box[1] + 1, b, r)
    if code == 1:
        if r[0] == 0 and r[1] == 0:
            return False
        copy(a, h, w, b)
        r[0], r[1] = 0, 0
        return True
    if code == 2:
        rigid(a, h, w, b, p)
        if p in (1, 3, 6, 7):
            r[2], r[3] = w, h
        return True
    if code == 3:
        return part(a, h, w, b, r, p)
    if code == 4:
        return tile(a, h, w, b, r, p // 10, p % 10, False)
    if code == 5:
        return mirror_join(a, h, w, b, r, p)
    if code == 6:
        return scale_up(a, h, w, b, r, p // 10, p % 10)
    if code == 7:
        return scale_down(a, h, w, b, r)
    if code == 8:
        return crop(a, 1, 1, h - 2, w - 2, b, r)
    if code == 9:
        return frame(a, h, w, b, r, p)
    if code == 10:
        shift(a, h, w, b, p)
        return True
    if code == 11:
        gravity(a, h, w, b, p)
        return True
    if code == 12:
        return select_lines(a, h, w, b, r, p)
    if code == 13:
        return self_product(a, h, w, b, r, p == 1)
    if code == 14:
        sort_lines(a, h, w, b, p == 1)
        return True
    if code == 15:
        return fill_canvas(a, h, w, b, r, ch, cw, p)
    if code == 16:
        return embed(a, h, w, b, r, ch, cw)
    if code == 17:
        c = majority(a, h, w)
        for i in range(h):
            for j in range(w):
                b[i, j] = c
        return True
    if code == 18:
        b[0, 0] = majority(a, h, w)
        r[2], r[3] = 1, 1
        return True
    if code == 19:
        return tally(a, h, w, b, r, p)
    if code == 20:
        return corner_crop(a, h, w, b, r, ch, cw, p)
    if code == 21:
        return with_input(p, a, h, w, b, r, g, gh, gw)
    if code == 22:
        return cells_of_grid(a, h, w, b, r)
    if code == 23:
        return fall(a, h, w, b, p % 4, p >= 4)
    if code == 24:
        return place(a, h, w, b, r, ch, cw, p)
    if code == 25:
        counts = np.zeros(10, np.int64)
        colour_counts(g, gh, gw, counts)
        c = ranked_colour(counts, p)
        if c == 0:
            return False
        for i in range(h):
            for j in range(w):
                b[i, j] = c if a[i, j] != 0 else 0
        return True
    return False
