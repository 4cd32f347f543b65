"""Dispatch of the kernels that change size, place or arrangement."""

from __future__ import annotations

import numpy as np

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.kernels.basics import bounds, colour_at_rank, copy, majority, rigid
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
from apps.experiments.engine.synthesis.kernels.opcodes import SHAPE
from apps.experiments.engine.synthesis.signatures import GRID, IMAGE_OPERATION, NUMBER, RECT

(
    CROP, TO_ORIGIN, RIGID, PART, TILE, JOIN, SCALE_UP, SCALE_DOWN, STRIP_BORDER, FRAME, SHIFT, GRAVITY, DROP_LINES,
    SELF_PRODUCT, SORT_LINES, FILL_CANVAS, EMBED, SOLID, MAIN_CELL, COUNT, CUT, WITH_INPUT, COMPARTMENTS, FALL, PLACE,
    PAINT_INPUT_RANK,
) = range(SHAPE, SHAPE + 26)  # fmt: skip
"""Opcodes of the operations that change size, place or arrangement."""


@kernel(GRID, NUMBER, NUMBER, GRID, RECT)
def crop_content(a, h, w, b, r):
    """The box around the nonzero cells; False if there are none."""
    box = np.zeros(4, np.int64)
    if not bounds(a, h, w, box):
        return False
    return crop(a, box[0], box[1], box[2] - box[0] + 1, box[3] - box[1] + 1, b, r)


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER)
def masked(a, h, w, b, colour):
    """Nonzero cells in one colour; False for colour 0."""
    for i in range(h):
        for j in range(w):
            b[i, j] = colour if a[i, j] != 0 else 0
    return colour != 0


@kernel(*IMAGE_OPERATION, entry=True)
def apply_shape(code, p, a, h, w, b, r, g, gh, gw, ch, cw):
    """The operation of that opcode; what its parameter means is said in `language`."""
    if code == CROP:
        return crop_content(a, h, w, b, r)
    if code == TO_ORIGIN:
        copy(a, h, w, b)
        moved = r[0] != 0 or r[1] != 0
        r[0], r[1] = 0, 0
        return moved
    if code == RIGID:
        rigid(a, h, w, b, p)
        if p in (1, 3, 6, 7):
            r[2], r[3] = w, h
        return True
    if code == PART:
        return part(a, h, w, b, r, p)
    if code == TILE:
        return tile(a, h, w, b, r, p // 10, p % 10)
    if code == JOIN:
        return mirror_join(a, h, w, b, r, p)
    if code == SCALE_UP:
        return scale_up(a, h, w, b, r, p // 10, p % 10)
    if code == SCALE_DOWN:
        return scale_down(a, h, w, b, r)
    if code == STRIP_BORDER:
        return crop(a, 1, 1, h - 2, w - 2, b, r)
    if code == FRAME:
        return frame(a, h, w, b, r, p)
    if code == SHIFT:
        shift(a, h, w, b, p)
        return True
    if code == GRAVITY:
        gravity(a, h, w, b, p)
        return True
    if code == DROP_LINES:
        return select_lines(a, h, w, b, r, p)
    if code == SELF_PRODUCT:
        return self_product(a, h, w, b, r, p == 1)
    if code == SORT_LINES:
        sort_lines(a, h, w, b, p == 1)
        return True
    if code == FILL_CANVAS:
        return fill_canvas(a, h, w, b, r, ch, cw, p)
    if code == EMBED:
        return embed(a, h, w, b, r, ch, cw)
    if code == SOLID:
        c = majority(a, h, w)
        for i in range(h):
            for j in range(w):
                b[i, j] = c
        return True
    if code == MAIN_CELL:
        b[0, 0] = majority(a, h, w)
        r[2], r[3] = 1, 1
        return True
    if code == COUNT:
        return tally(a, h, w, b, r, p)
    if code == CUT:
        return corner_crop(a, h, w, b, r, ch, cw, p)
    if code == WITH_INPUT:
        return with_input(p, a, h, w, b, r, g, gh, gw)
    if code == COMPARTMENTS:
        return cells_of_grid(a, h, w, b, r)
    if code == FALL:
        return fall(a, h, w, b, p)
    if code == PLACE:
        return place(a, h, w, b, r, ch, cw, p)
    if code == PAINT_INPUT_RANK:
        return masked(a, h, w, b, colour_at_rank(g, gh, gw, p))
    return False
