"""Which kind of operation a primitive is, and where each module's opcodes for images begin."""

from __future__ import annotations

UNARY, SPLIT, PICK, FILTER, FOLD, MAP = range(6)
"""Image -> image, image -> list, list -> image, list -> list, list -> image, list -> list."""

BLOCK = 100
COLOUR, SHAPE, DRAW = 0, BLOCK, 2 * BLOCK
"""First opcode of `kernels.colour`, `kernels.shape` and `kernels.draw`: a block each."""
