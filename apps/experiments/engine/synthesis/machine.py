"""Runs primitives on a single grid, one at a time: what replay, explanation and tests use.

The search itself applies the same kernels to all pairs at once (`dag`); both must agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.experiments.engine.synthesis.kernels.measure import PROPERTIES, measure
from apps.experiments.engine.synthesis.kernels.opcodes import FILTER, FOLD, MAP, PICK, SPLIT, UNARY
from apps.experiments.engine.synthesis.limits import MAX_LIST, SIDE
from apps.experiments.engine.synthesis.primitives import Primitive
from apps.experiments.engine.synthesis.vocabulary import catalogue
from apps.tasks.engine.grids import freeze
from apps.tasks.engine.puzzle import Grid


@dataclass(frozen=True, eq=False)
class Image:
    """A rectangle of cells and its place (row, column) in the grid it came from."""

    cells: Grid
    top: int = 0
    left: int = 0


@dataclass(frozen=True, eq=False)
class Value:
    """What a primitive takes and gives: one image, or a list of them."""

    images: tuple[Image, ...]
    is_list: bool = False

    def grid(self) -> Grid | None:
        """The image's cells; for a list its items over one another where they stand, None if they do not fit a grid."""
        if not self.is_list:
            return self.images[0].cells
        top = min(image.top for image in self.images)
        left = min(image.left for image in self.images)
        height = max(image.top + image.cells.shape[0] for image in self.images) - top
        width = max(image.left + image.cells.shape[1] for image in self.images) - left
        if height > SIDE or width > SIDE:
            return None
        canvas = np.zeros((height, width), np.int8)
        for image in reversed(self.images):
            y, x = image.top - top, image.left - left
            view = canvas[y : y + image.cells.shape[0], x : x + image.cells.shape[1]]
            np.copyto(view, image.cells, where=image.cells != 0)
        return freeze(canvas)


def _buffers(value: Value) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    cells = np.zeros((MAX_LIST, SIDE, SIDE), np.int8)
    rects = np.zeros((MAX_LIST, 4), np.int64)
    for k, image in enumerate(value.images):
        height, width = image.cells.shape
        cells[k, :height, :width] = image.cells
        rects[k] = (image.top, image.left, height, width)
    return cells, rects


def _image(b: NDArray[np.int8], r: NDArray[np.int64]) -> Image:
    return Image(freeze(b[: r[2], : r[3]]), int(r[0]), int(r[1]))


class Machine:
    """Applies primitives in the context of one input grid and, where known, its output's size."""

    def __init__(self, source: Grid, canvas: tuple[int, int] = (0, 0)) -> None:
        self._source = np.zeros((SIDE, SIDE), np.int8)
        self._source[: source.shape[0], : source.shape[1]] = source
        self._height, self._width = source.shape
        self._canvas = canvas
        self.start = Value((Image(freeze(source)),))

    def apply(self, op: Primitive, value: Value) -> Value | None:
        """The primitive's result, None where it does not apply."""
        if value.is_list != (op.kind in (PICK, FILTER, FOLD, MAP)):
            return None
        if op.kind == UNARY:
            image = self._unary(op, value.images[0])
            return None if image is None else Value((image,))
        cells, rects = _buffers(value)
        n = len(value.images)
        b, r = np.zeros((SIDE, SIDE), np.int8), np.zeros(4, np.int64)
        if op.kind == SPLIT:
            r[:] = rects[0]
            la, lr = np.zeros_like(cells), np.zeros_like(rects)
            n = op.kernel(op.code, op.p, cells[0], r[2], r[3], r, la, lr)
            return Value(tuple(_image(la[k], lr[k]) for k in range(n)), True) if n > 0 else None
        if op.kind == MAP:
            return Value(tuple(self._unary(op, image) or image for image in value.images), True)
        values = np.zeros((MAX_LIST, PROPERTIES), np.int64)
        measure(cells, rects, n, values, self._height, self._width)
        if op.kind == PICK:
            k = op.kernel(op.code, op.p, cells, rects, n, values)
            return Value((value.images[k],)) if k >= 0 else None
        if op.kind == FILTER:
            keep = np.zeros(MAX_LIST, np.int64)
            if op.kernel(op.code, op.p, cells, rects, n, values, keep) == 0:
                return value
            return Value(tuple(image for k, image in enumerate(value.images) if keep[k]), True)
        if op.kernel(op.code, op.p, cells, rects, n, values, b, r, self._height, self._width):
            return Value((_image(b, r),))
        return None

    def _unary(self, op: Primitive, image: Image) -> Image | None:
        a, b = np.zeros((SIDE, SIDE), np.int8), np.zeros((SIDE, SIDE), np.int8)
        height, width = image.cells.shape
        a[:height, :width] = image.cells
        r = np.array([image.top, image.left, height, width], np.int64)
        ch, cw = self._canvas
        if op.kernel(op.code, op.p, a, height, width, b, r, self._source, self._height, self._width, ch, cw):
            return _image(b, r)
        return None

    def run(self, path: tuple[Primitive, ...]) -> Value | None:
        """The value after all primitives of `path`, None if one does not apply."""
        value: Value | None = self.start
        for op in path:
            if value is None:
                return None
            value = self.apply(op, value)
        return value


def warm() -> None:
    """Load (or compile) what replaying calls: one primitive of each kind, whose others share its entry."""
    grid = np.zeros((3, 4), np.int8)
    grid[0, 0], grid[2, 2:] = 1, 2
    machine = Machine(freeze(grid))
    first = {op.kind: op for op in reversed(catalogue().values())}
    pieces = machine.apply(first[SPLIT], machine.start) or Value((*machine.start.images, *machine.start.images), True)
    machine.apply(first[UNARY], machine.start)
    for kind in (PICK, FILTER, FOLD, MAP):
        machine.apply(first[kind], pieces)
