"""What is measured of the images of a list: the properties that choices and folds go by."""

from __future__ import annotations

import numpy as np

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.kernels.basics import (
    LEFT_RIGHT,
    TRANSPOSED,
    UP_DOWN,
    is_symmetric,
    label,
    majority,
    outside,
)
from apps.experiments.engine.synthesis.limits import COLOURS, SIDE
from apps.experiments.engine.synthesis.signatures import LIST, MEASURE, NUMBER, RECTS

PROPERTY_NAMES = (
    "cells", "area", "height", "width", "colours", "hole_cells", "mirror_symmetric", "symmetries", "top", "left",
    "density", "empty_cells", "parts", "minor_colour_cells", "copies", "same_shape", "on_edge", "same_colour",
)  # fmt: skip
"""Properties of a list item, in the order `measure` fills them; also the opcodes of the picks and filters by property."""
(
    CELLS, AREA, HEIGHT, WIDTH, COLOUR_COUNT, HOLE_CELLS, MIRROR_SYMMETRIC, SYMMETRIES, TOP, LEFT, DENSITY, EMPTY_CELLS,
    PARTS, MINOR_CELLS, COPIES, SAME_SHAPE, ON_EDGE, SAME_COLOUR,
) = range(len(PROPERTY_NAMES))  # fmt: skip
PROPERTIES = len(PROPERTY_NAMES)


@kernel(LIST, RECTS, NUMBER, NUMBER, NUMBER)
def same_shape(la, lr, m, k, mode):
    """Whether two list items are equal: mode 0 exactly, 1 as masks of nonzero cells."""
    if lr[m, 2] != lr[k, 2] or lr[m, 3] != lr[k, 3]:
        return False
    for i in range(lr[m, 2]):
        for j in range(lr[m, 3]):
            u = la[m, i, j]
            v = la[k, i, j]
            if (mode == 0 and u != v) or (mode == 1 and (u != 0) != (v != 0)):
                return False
    return True


@kernel(*MEASURE, entry=True)
def measure(la, lr, n, values, canvas_h, canvas_w):
    """Fill `values` (a row an item) with each item's properties, in the order of `PROPERTY_NAMES`."""
    labels = np.empty((SIDE, SIDE), np.int16)
    mark = np.empty((SIDE, SIDE), np.int8)
    seen = np.zeros(COLOURS, np.int64)
    main = np.zeros(n, np.int64)
    for k in range(n):
        a = la[k]
        h = lr[k, 2]
        w = lr[k, 3]
        filled = 0
        seen[:] = 0
        for i in range(h):
            for j in range(w):
                if a[i, j] != 0:
                    filled += 1
                    seen[a[i, j]] += 1
        colours = 0
        least = 0
        for c in range(1, COLOURS):
            if seen[c] > 0:
                colours += 1
                if least == 0 or seen[c] < least:
                    least = seen[c]
        main[k] = majority(a, h, w) if filled > 0 else 0
        outside(a, h, w, mark)
        enclosed = 0
        for i in range(h):
            for j in range(w):
                if a[i, j] == 0 and mark[i, j] == 0:
                    enclosed += 1
        left_right = is_symmetric(a, h, w, LEFT_RIGHT)
        up_down = is_symmetric(a, h, w, UP_DOWN)
        values[k, CELLS] = filled
        values[k, AREA] = h * w
        values[k, HEIGHT] = h
        values[k, WIDTH] = w
        values[k, COLOUR_COUNT] = colours
        values[k, HOLE_CELLS] = enclosed
        values[k, MIRROR_SYMMETRIC] = 1 if left_right or up_down else 0
        values[k, SYMMETRIES] = (
            (1 if left_right else 0) + (1 if up_down else 0) + (1 if is_symmetric(a, h, w, TRANSPOSED) else 0)
        )
        values[k, TOP] = lr[k, 0]
        values[k, LEFT] = lr[k, 1]
        values[k, DENSITY] = filled * 1000 // (h * w)
        values[k, EMPTY_CELLS] = h * w - filled
        values[k, PARTS] = label(a, h, w, labels, True, True, 0)
        values[k, MINOR_CELLS] = filled - seen[main[k]] if main[k] > 0 else 0
        values[k, ON_EDGE] = (
            1 if lr[k, 0] == 0 or lr[k, 1] == 0 or lr[k, 0] + h == canvas_h or lr[k, 1] + w == canvas_w else 0
        )
        values[k, SAME_COLOUR] = main[k]
    for k in range(n):
        exact = 0
        masks = 0
        for m in range(n):
            if same_shape(la, lr, m, k, 0):
                exact += 1
            if same_shape(la, lr, m, k, 1):
                masks += 1
        values[k, COPIES] = exact
        values[k, SAME_SHAPE] = masks
    for k in range(n):
        same = 0
        for m in range(n):
            if main[m] == main[k]:
                same += 1
        values[k, SAME_COLOUR] = same
