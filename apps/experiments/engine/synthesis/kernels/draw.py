"""Dispatch of the kernels that add cells."""

from __future__ import annotations

from apps.experiments.engine.compiled import kernel
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
from apps.experiments.engine.synthesis.kernels.opcodes import DRAW
from apps.experiments.engine.synthesis.signatures import IMAGE_OPERATION

(
    FILL_HOLES, HOLES, OPEN_SPACE, OWN_HOLES, OUTLINE_4, OUTLINE_8, RIM, RAYS, RAYS_THROUGH, CONNECT, BETWEEN, SPREAD,
    COMPLETE_SYMMETRY, COMPLETE_PERIOD, FILL_BOXES, BOX_GAPS, BOX_FRAMES, SMOOTH, LARGEST_EMPTY, RULED_LINES,
    OVERLAY_MIRROR, MIRROR_ABOUT, TURN_ABOUT, EXTEND_LINES, BETWEEN_CORNERS, EMPTY_BLOCKS, PARITY, PATCH_FILL,
) = range(DRAW, DRAW + 28)  # fmt: skip
"""Opcodes of the operations that add cells."""


@kernel(*IMAGE_OPERATION, entry=True)
def apply_draw(code, p, a, h, w, b, r, g, gh, gw, ch, cw):
    """The operation of that opcode; what its parameter means is said in `language`."""
    if code <= OPEN_SPACE:
        return holes(a, h, w, b, p, code - FILL_HOLES)
    if code == OWN_HOLES:
        return own_holes(a, h, w, b)
    if code == OUTLINE_4 or code == OUTLINE_8:
        outline(a, h, w, b, code == OUTLINE_8, p)
        return True
    if code == RIM:
        rim(a, h, w, b, p % 2 == 1, p < 2)
        return True
    if code == RAYS or code == RAYS_THROUGH:
        rays(a, h, w, b, p, code == RAYS_THROUGH)
        return True
    if code == CONNECT:
        return connect(a, h, w, b, p, 0, True)
    if code == BETWEEN:
        return connect(a, h, w, b, 3, p, False)
    if code == SPREAD:
        return spread(a, h, w, b, p == 1)
    if code == COMPLETE_SYMMETRY:
        return complete_symmetry(a, h, w, b, p)
    if code == COMPLETE_PERIOD:
        return complete_period(a, h, w, b, p)
    if code == FILL_BOXES or code == BOX_GAPS or code == BOX_FRAMES:
        return boxes(a, h, w, b, p, code - FILL_BOXES)
    if code == SMOOTH:
        smooth(a, h, w, b)
        return True
    if code == LARGEST_EMPTY:
        return largest_empty(a, h, w, b, p)
    if code == RULED_LINES:
        return ruled_lines(a, h, w, b, p == 1)
    if code == OVERLAY_MIRROR:
        return symmetric_union(a, h, w, b, p)
    if code == MIRROR_ABOUT or code == TURN_ABOUT:
        return complete_about(a, h, w, b, p, 4 if code == MIRROR_ABOUT else 8)
    if code == EXTEND_LINES:
        return extend_lines(a, h, w, b, p == 1)
    if code == BETWEEN_CORNERS:
        return between_corners(a, h, w, b, p)
    if code == EMPTY_BLOCKS:
        return empty_blocks(a, h, w, b, p)
    if code == PARITY:
        parity(a, h, w, b, p)
        return True
    if code == PATCH_FILL:
        return patch_fill(a, h, w, b, p)
    return False
