"""Derived images of a grid's own shape: gravity, sliding objects, boxes mirrored in place; compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.rules.cells import NONE
from apps.experiments.engine.synthesis.rules.order import largest_first
from apps.experiments.engine.synthesis.signatures import GRID, LABELS, LIST, NUMBER

VIEWS = (
    "fall_s", "fall_n", "fall_e", "fall_w", "slide_s", "slide_n", "slide_e", "slide_w",
    "box_lr", "box_ud", "box_rot", "box_t", "box_a", "shape_lr", "shape_ud", "shape_rot", "shape_t", "shape_a",
)  # fmt: skip
"""Cells falling each way; one-colour objects sliding until they meet something; the colour at the mirrored
place of the bounding box of the cell's object (any-colour shape), the cell inside it or a member."""


@kernel(GRID, NUMBER, LIST)
def _fall(g: Any, bg: int, out: Any) -> None:
    h, w = g.shape
    out[:, :, :] = bg
    for c in range(w):
        low = h - 1
        high = 0
        for r in range(h):
            if g[h - 1 - r, c] != bg:
                out[0, low, c] = g[h - 1 - r, c]
                low -= 1
            if g[r, c] != bg:
                out[1, high, c] = g[r, c]
                high += 1
    for r in range(h):
        low = w - 1
        high = 0
        for c in range(w):
            if g[r, w - 1 - c] != bg:
                out[2, r, low] = g[r, w - 1 - c]
                low -= 1
            if g[r, c] != bg:
                out[3, r, high] = g[r, c]
                high += 1


@kernel(GRID, LABELS, NUMBER, NUMBER, NUMBER, NUMBER, GRID)
def slide(g: Any, labels: Any, n: int, bg: int, dy: int, dx: int, out: Any) -> None:  # noqa: C901
    """Into `out`: every component moved by (dy, dx) until it meets the edge or another, the foremost first."""
    h, w = g.shape
    for r in range(h):
        for c in range(w):
            out[r, c] = bg
    front = np.empty(n, np.int64)
    for k in range(n):
        front[k] = -100
    for r in range(h):
        for c in range(w):
            k = labels[r, c]
            if k >= 0:
                front[k] = max(front[k], r * dy + c * dx)
    for k in largest_first(front):
        best = 100
        for r in range(h):
            for c in range(w):
                if labels[r, c] != k:
                    continue
                y = r + dy
                x = c + dx
                d = 0
                while 0 <= y < h and 0 <= x < w and out[y, x] == bg:
                    d += 1
                    y += dy
                    x += dx
                best = min(best, d)
        for r in range(h):
            for c in range(w):
                if labels[r, c] == k:
                    out[r + dy * best, c + dx * best] = g[r, c]


@kernel(GRID, LABELS, LABELS, LABELS, LIST)
def _box_views(g: Any, labels: Any, held: Any, box: Any, out: Any) -> None:
    h, w = g.shape
    out[:, :, :] = NONE
    for r in range(h):
        for c in range(w):
            k = labels[r, c]
            if k < 0:
                k = held[r, c]
            if k < 0:
                continue
            top = box[k, 0]
            left = box[k, 1]
            a = r - top
            b = c - left
            p = box[k, 2] - r
            q = box[k, 3] - c
            out[0, r, c] = g[r, left + q]
            out[1, r, c] = g[top + p, c]
            out[2, r, c] = g[top + p, left + q]
            if a + p == b + q:
                out[3, r, c] = g[top + b, left + a]
                out[4, r, c] = g[top + q, left + p]


@kernel(GRID, NUMBER, LABELS, NUMBER, LABELS, LABELS, LABELS, LABELS, LABELS, entry=True)
def derived(
    g: Any, bg: int, objects: Any, n: int, box: Any, held: Any, shapes: Any, shape_box: Any, within: Any
) -> Any:
    """The images of `VIEWS`: array (view, row, column)."""
    h, w = g.shape
    out = np.empty((18, h, w), np.int8)
    _fall(g, bg, out[0:4])
    if n <= 60:
        slide(g, objects, n, bg, 1, 0, out[4])
        slide(g, objects, n, bg, -1, 0, out[5])
        slide(g, objects, n, bg, 0, 1, out[6])
        slide(g, objects, n, bg, 0, -1, out[7])
    else:
        out[4:8] = NONE
    _box_views(g, objects, held, box, out[8:13])
    _box_views(g, shapes, within, shape_box, out[13:18])
    return out
