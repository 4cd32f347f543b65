"""Dispatch of the kernels that add cells."""

from __future__ import annotations

from numba import njit

from apps.experiments.engine.synthesis.kernels.complete import (
    complete_about,
    complete_period,
    complete_symmetry,
    patch_fill,
    symmetric_union,
)
from apps.experiments.engine.synthesis.kernels.fill import (
    boxes,
    empty_blocks,
    holes,
    largest_empty,
    outline,
    own_holes,
    parity,
    rim,
    smooth,
    spread,
)
from apps.experiments.engine.synthesis.kernels.lines import between_corners, connect, extend_lines, rays, ruled_lines


@njit(cache=True, nogil=True)
def apply_draw(code, p, a, h, w, b, r):
    """Dispatch of the operations that add cells; see `primitives.DRAW_OPS` for what each code means."""
    if code <= 2:
        return holes(a, h, w, b, p, code)
    if code == 3:
        return own_holes(a, h, w, b)
    if code == 4 or code == 5:
        outline(a, h, w, b, code == 5, p)
        return True
    if code == 6:
        rim(a, h, w, b, p % 2 == 1, p < 2)
        return True
    if code == 7 or code == 8:
        rays(a, h, w, b, p, code == 8)
        return True
    if code == 9:
        return connect(a, h, w, b, p, 0, True)
    if code == 10:
        return connect(a, h, w, b, 3, p, False)
    if code == 11:
        return spread(a, h, w, b, p == 1)
    if code == 12:
        return complete_symmetry(a, h, w, b, p)
    if code == 13:
        return complete_period(a, h, w, b, p)
    if code == 14 or code == 15 or code == 16:
        return boxes(a, h, w, b, p, code - 14)
    if code == 17:
        smooth(a, h, w, b)
        return True
    if code == 18:
        return largest_empty(a, h, w, b, p, False)
    if code == 19:
        return ruled_lines(a, h, w, b, p == 1)
    if code == 20:
        return symmetric_union(a, h, w, b, p)
    if code == 21 or code == 22:
        return complete_about(a, h, w, b, p, 4 if code == 21 else 8)
    if code == 23:
        return extend_lines(a, h, w, b, p == 1)
    if code == 24:
        return between_corners(a, h, w, b, p)
    if code == 25:
        return empty_blocks(a, h, w, b, p, 1)
    if code == 26:
        parity(a, h, w, b, p)
        return True
    if code == 27:
        return patch_fill(a, h, w, b, p)
    return False
