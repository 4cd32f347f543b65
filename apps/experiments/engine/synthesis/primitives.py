"""What a primitive of the DSL is: its type, meaning, cost and the kernel code that computes it.

An *image* is a rectangle of cells standing somewhere in the grid it came from (0 is empty); a *list* is a sequence
of images. A primitive's parameter is drawn from the task (its colours) or from a fixed small set.
"""

from __future__ import annotations

from dataclasses import dataclass

from apps.experiments.engine.compiled import Kernel
from apps.experiments.engine.synthesis.kernels import choose, colour, draw, fold, parts, shape
from apps.experiments.engine.synthesis.kernels.opcodes import BLOCK, FILTER, FOLD, MAP, PICK, SPLIT, UNARY

KIND_TYPES = ("Image -> Image", "Image -> List", "List -> Image", "List -> List", "List -> Image", "List -> List")
"""The types of the kinds of `kernels.opcodes`, in their order."""


@dataclass(frozen=True)
class Primitive:
    """One primitive with its parameter fixed.

    `kind`, `code` and `p` select the kernel; `cost` is its prior description length in tenths of a bit; `name`
    reads as a function name, `meaning` is one line.
    """

    kind: int
    code: int
    p: int
    name: str
    meaning: str
    cost: int

    @property
    def type(self) -> str:
        """Its type, such as `Image -> List`."""
        return KIND_TYPES[self.kind]

    @property
    def kernel(self) -> Kernel:
        """The compiled function that knows its opcode."""
        if self.kind in (UNARY, MAP):
            return _IMAGE_KERNELS[self.code // BLOCK]
        return _KERNELS[self.kind]


_IMAGE_KERNELS = (colour.apply_colour, shape.apply_shape, draw.apply_draw)
_KERNELS = {
    SPLIT: parts.apply_split,
    PICK: choose.choose_one,
    FILTER: choose.choose_some,
    FOLD: fold.apply_fold,
}


@dataclass(frozen=True)
class Palette:
    """The colours a task offers as constants: those in every kind of input, and those its outputs paint."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
