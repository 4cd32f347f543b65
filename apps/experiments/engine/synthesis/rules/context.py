"""What a cell's counterparts elsewhere hold: panel mates, a template's cell, its mirror about a marked centre."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.rules.cells import NONE
from apps.experiments.engine.synthesis.rules.layout import separators
from apps.experiments.engine.synthesis.signatures import GRID, LABELS, LIST, NUMBER
from apps.tasks.engine.puzzle import Grid

_PANEL_COLOURS = ("mate_first", "mate_fullest", "mate_left", "mate_right", "mate_up", "mate_down", "mate_odd")
_ANCHORS = ("rare", "small", "big")
_TURNS = ("lr", "ud", "rot", "q1", "q3")
CONTEXT_COLOURS = (
    *_PANEL_COLOURS, "template", "template_box", *(f"about_{a}_{t}" for a in _ANCHORS for t in _TURNS)
)  # fmt: skip
CONTEXT_NUMBERS = (
    "panel_row", "panel_col", "panel_filled", "panel_rank", "panel_rank_least", "panel_same", "clear_square",
)  # fmt: skip

CONTEXT = (*CONTEXT_COLOURS, *CONTEXT_NUMBERS)
"""The rows of `context_features`, in order: colours first."""


@kernel(GRID, GRID, entry=True)
def _squares(g: Any, out: Any) -> None:
    """The side of the largest one-colour square that holds each cell."""
    h, w = g.shape
    size = np.ones((h, w), np.int16)
    for r in range(1, h):
        for c in range(1, w):
            v = g[r, c]
            if g[r - 1, c] == v and g[r, c - 1] == v and g[r - 1, c - 1] == v:
                size[r, c] = 1 + min(size[r - 1, c - 1], min(size[r - 1, c], size[r, c - 1]))
    out[:] = 1
    for r in range(h):
        for c in range(w):
            k = size[r, c]
            if k > 1:
                for y in range(r - k + 1, r + 1):
                    for x in range(c - k + 1, c + 1):
                        if out[y, x] < k:
                            out[y, x] = k


@kernel(GRID, NUMBER, NUMBER, LIST, entry=True)
def _about(g: Any, cy: int, cx: int, out: Any) -> None:
    """The grid seen through five symmetries about the centre (cy / 2, cx / 2)."""
    h, w = g.shape
    for r in range(h):
        for c in range(w):
            y = cy - r
            x = cx - c
            if 0 <= x < w:
                out[0, r, c] = g[r, x]
            if 0 <= y < h:
                out[1, r, c] = g[y, c]
            if 0 <= x < w and 0 <= y < h:
                out[2, r, c] = g[y, x]
            if (cy + cx) % 2 == 0:
                a = 2 * r - cy
                b = 2 * c - cx
                y = (b + cy) // 2
                x = (cx - a) // 2
                if 0 <= x < w and 0 <= y < h:
                    out[3, r, c] = g[y, x]
                y = (cy - b) // 2
                x = (cx + a) // 2
                if 0 <= x < w and 0 <= y < h:
                    out[4, r, c] = g[y, x]


@kernel(GRID, LABELS, LABELS, LABELS, NUMBER, LIST, entry=True)
def _templated(g: Any, labels: Any, held: Any, box: Any, k: int, out: Any) -> None:
    """For cells of a component (or inside its box): the template's cell at the same offset."""
    h, w = g.shape
    tall = box[k, 2] - box[k, 0] + 1
    wide = box[k, 3] - box[k, 1] + 1
    for r in range(h):
        for c in range(w):
            j = labels[r, c]
            if j < 0:
                j = held[r, c]
            if j < 0:
                continue
            a = r - box[j, 0]
            b = c - box[j, 1]
            out[0, r, c] = g[box[k, 0] + a % tall, box[k, 1] + b % wide]
            high = box[j, 2] - box[j, 0] + 1
            broad = box[j, 3] - box[j, 1] + 1
            out[1, r, c] = g[box[k, 0] + a * tall // high, box[k, 1] + b * wide // broad]


def _panels(grid: Grid, bg: int, out: NDArray[np.int8], numbers: NDArray[np.int8]) -> None:
    found = separators(grid)
    if found is None:
        return
    _colour, rows, cols = found
    spots = [(i, j, a, c) for i, (a, _b) in enumerate(rows) for j, (c, _d) in enumerate(cols)]
    tall, wide = rows[0][1] - rows[0][0], cols[0][1] - cols[0][0]
    crops = {(i, j): grid[a : a + tall, c : c + wide] for i, j, a, c in spots}
    filled = {key: int((crop != bg).sum()) for key, crop in crops.items()}
    keys = {key: crop.tobytes() for key, crop in crops.items()}
    values = list(keys.values())
    fullest = min(crops, key=lambda key: (-filled[key], key))
    odd = min(crops, key=lambda key: (values.count(keys[key]), -filled[key], key))
    for i, j, a, c in spots:
        here = (slice(a, a + tall), slice(c, c + wide))
        mates = [(0, 0), fullest, (i, j - 1), (i, j + 1), (i - 1, j), (i + 1, j), odd]
        for index, key in enumerate(mates):
            if key in crops:
                out[(index, *here)] = crops[key]
        mine = filled[i, j]
        more = sum(value > mine for value in filled.values())
        less = sum(value < mine for value in filled.values())
        for index, value in enumerate((i, j, min(mine, 120), more, less, values.count(keys[i, j]))):
            numbers[(index, *here)] = value


def context_features(grid: Grid, bg: int, objects: Any, shapes: Any, props: Any, shape_props: Any) -> NDArray[np.int8]:
    """The features of `CONTEXT` for every cell; `objects` and `shapes` are (labels, n, boxes, holders)."""
    height, width = grid.shape
    out = np.full((len(CONTEXT), height, width), NONE, np.int8)
    split = len(CONTEXT_COLOURS)
    out[split:-1] = -1
    _panels(grid, bg, out[: len(_PANEL_COLOURS)], out[split:-1])
    labels, n, box, held = shapes
    if n:
        colours, sizes = shape_props[:, 13], shape_props[:, 0]
        chosen = int(np.lexsort((np.arange(n), -sizes, -colours))[0])
        at = len(_PANEL_COLOURS)
        _templated(grid, labels, held, box, chosen, out[at : at + 2])
    _labels, n, box, _held = objects
    if n:
        at = len(_PANEL_COLOURS) + 2
        counts = np.bincount(grid.ravel(), minlength=10)
        counts[bg] = 0
        rare = min((k for k in range(10) if counts[k]), key=lambda k: (int(counts[k]), k))
        spots = np.argwhere(grid == rare)
        low, high = spots.min(axis=0), spots.max(axis=0)
        sizes = props[:, 0]
        centres = [(int(low[0] + high[0]), int(low[1] + high[1]))]
        for pick in (int(np.argmin(sizes)), int(np.argmax(sizes))):
            top, left, bottom, right = (int(x) for x in box[pick])
            centres.append((top + bottom, left + right))
        for index, (cy, cx) in enumerate(centres):
            _about(grid, cy, cx, out[at + 5 * index : at + 5 * index + 5])
    _squares(grid, out[-1])
    return out


__all__ = ["CONTEXT", "CONTEXT_COLOURS", "context_features"]
