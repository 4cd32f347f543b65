"""More of what can be said of a cell: the wider window, distances along rays, parities, centre lines; compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.signatures import GRID, LABELS, NUMBER

_FAR = [(i, j) for i in range(-2, 3) for j in range(-2, 3) if max(abs(i), abs(j)) == 2]

WIDER = (
    *(f"far_{i}_{j}" for i, j in _FAR),
    "mirror_r1", "mirror_r3", "centre_row", "centre_col", "ink_row", "ink_col",
    "run_n", "run_e", "run_s", "run_w",
    "parity_n", "parity_e", "parity_s", "parity_w",
    "bottom_mod2", "right_mod2", "bottom_mod3", "right_mod3", "row_half2", "col_half2", "edge_mod2", "ring_mod2",
    "all_lr", "all_ud", "all_t", "four_n", "four_e", "four_s", "four_w", "above", "below", "before", "behind",
)  # fmt: skip
"""The rows of `wider_features`, in order; the first 22 are colours."""

WIDER_COLOURS = 22


@kernel(GRID, NUMBER, LABELS, LABELS, GRID, entry=True)
def wider_features(g: Any, bg: int, labels: Any, box: Any, nearest8: Any) -> Any:  # noqa: C901
    """The features of `WIDER` for every cell; `labels` and `box` are the objects', `nearest8` a distance."""
    h, w = g.shape
    out = np.full((49, h, w), 10, np.int8)
    lr = 1
    ud = 1
    tr = 1 if h == w else 0
    for r in range(h):
        for c in range(w):
            if g[r, c] != g[r, w - 1 - c]:
                lr = 0
            if g[r, c] != g[h - 1 - r, c]:
                ud = 0
            if h == w and g[r, c] != g[c, r]:
                tr = 0
    centre_row = np.full(h, 10, np.int8)
    centre_col = np.full(w, 10, np.int8)
    for r in range(h):
        for c in range(w):
            k = labels[r, c]
            if k >= 0:
                if box[k, 0] + box[k, 2] == 2 * r:
                    centre_row[r] = g[r, c]
                if box[k, 1] + box[k, 3] == 2 * c:
                    centre_col[c] = g[r, c]
    ink_row = np.full(h, 10, np.int8)
    ink_col = np.full(w, 10, np.int8)
    for r in range(h):
        seen = np.zeros(10, np.int32)
        for c in range(w):
            seen[g[r, c]] += 1
        seen[bg] = 0
        best = 0
        for k in range(10):
            if seen[k] > best:
                best = seen[k]
                ink_row[r] = k
    for c in range(w):
        seen = np.zeros(10, np.int32)
        for r in range(h):
            seen[g[r, c]] += 1
        seen[bg] = 0
        best = 0
        for k in range(10):
            if seen[k] > best:
                best = seen[k]
                ink_col[c] = k
    dy = np.array([-1, 0, 1, 0])
    dx = np.array([0, 1, 0, -1])
    for r in range(h):
        for c in range(w):
            n = 0
            for i in range(-2, 3):
                for j in range(-2, 3):
                    if max(abs(i), abs(j)) == 2:
                        if 0 <= r + i < h and 0 <= c + j < w:
                            out[n, r, c] = g[r + i, c + j]
                        n += 1
            if h == w:
                out[16, r, c] = g[c, h - 1 - r]
                out[17, r, c] = g[h - 1 - c, r]
            out[18, r, c] = centre_row[r]
            out[19, r, c] = centre_col[c]
            out[20, r, c] = ink_row[r]
            out[21, r, c] = ink_col[c]
            for k in range(4):
                y = r + dy[k]
                x = c + dx[k]
                d = 1
                while 0 <= y < h and 0 <= x < w and g[y, x] == bg:
                    y += dy[k]
                    x += dx[k]
                    d += 1
                if 0 <= y < h and 0 <= x < w:
                    out[22 + k, r, c] = d
                    out[26 + k, r, c] = d % 2
                else:
                    out[22 + k, r, c] = -1
                    out[26 + k, r, c] = -1
                m = 0
                y = r + dy[k]
                x = c + dx[k]
                while 0 <= y < h and 0 <= x < w:
                    m += g[y, x] != bg
                    y += dy[k]
                    x += dx[k]
                out[41 + k, r, c] = m % 2
                out[45 + k, r, c] = m
            out[30, r, c] = (h - 1 - r) % 2
            out[31, r, c] = (w - 1 - c) % 2
            out[32, r, c] = (h - 1 - r) % 3
            out[33, r, c] = (w - 1 - c) % 3
            out[34, r, c] = (r // 2) % 2
            out[35, r, c] = (c // 2) % 2
            out[36, r, c] = min(min(r, h - 1 - r), min(c, w - 1 - c)) % 2
            out[37, r, c] = nearest8[r, c] % 2
            out[38, r, c] = lr
            out[39, r, c] = ud
            out[40, r, c] = tr
    return out
