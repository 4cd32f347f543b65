"""What can be said of each cell of a grid: its colour, its surroundings, its place, its components; compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.signatures import CELLS, COLUMN, FLAG_ROWS, GRID, LABELS, LIST, NUMBER

NONE = 10
"""The colour-valued answer "there is none" (outside the grid, nothing hit, no single colour)."""

DIRECTIONS = ("n", "ne", "e", "se", "s", "sw", "w", "nw")

LOCAL = (
    "own",
    *(f"near_{d}" for d in DIRECTIONS),
    *(f"ray_{d}" for d in DIRECTIONS),
    "other_n", "other_e", "other_s", "other_w",
    "between_h", "between_v", "between_d", "between_a",
    "mirror_lr", "mirror_ud", "mirror_rot", "mirror_t", "mirror_a",
    "row_colour", "col_colour", "row_first", "row_last", "col_first", "col_last", "nearest",
    "n4", "n8", "same4", "same8", "diagonal", "rays4", "rays8",
    "row_mod2", "col_mod2", "sum_mod2", "row_mod3", "col_mod3", "sum_mod3", "dif_mod3",
    "edge", "top", "bottom", "left", "right", "on_diagonal", "on_antidiagonal",
    "row_kind", "col_kind", "distance8", "distance4", "half_v", "half_h", "row_count", "col_count",
    "row_size", "col_size", "same_h", "same_v",
)  # fmt: skip
"""The rows of `local_features`, in order."""

LOCAL_COLOURS = LOCAL.index("nearest") + 1
"""How many of `LOCAL`, from the first, are colours."""


@kernel(GRID, NUMBER, entry=True)
def local_features(g: Any, bg: int) -> Any:  # noqa: C901
    """The features of `LOCAL` for every cell: array (feature, row, column)."""
    h, w = g.shape
    out = np.full((65, h, w), NONE, np.int8)
    dy = np.array([-1, -1, 0, 1, 1, 1, 0, -1])
    dx = np.array([0, 1, 1, 1, 0, -1, -1, -1])
    row_count = np.zeros(h, np.int16)
    col_count = np.zeros(w, np.int16)
    row_colour = np.full(h, NONE, np.int16)
    col_colour = np.full(w, NONE, np.int16)
    row_mixed = np.zeros(h, np.int16)
    col_mixed = np.zeros(w, np.int16)
    for r in range(h):
        for c in range(w):
            v = g[r, c]
            if v == bg:
                continue
            row_count[r] += 1
            col_count[c] += 1
            if row_colour[r] == NONE:
                row_colour[r] = v
            elif row_colour[r] != v:
                row_mixed[r] = 1
            if col_colour[c] == NONE:
                col_colour[c] = v
            elif col_colour[c] != v:
                col_mixed[c] = 1
    for k in range(8):
        for i in range(h):
            r = h - 1 - i if dy[k] > 0 else i
            for j in range(w):
                c = w - 1 - j if dx[k] > 0 else j
                y = r + dy[k]
                x = c + dx[k]
                if y < 0 or x < 0 or y >= h or x >= w:
                    continue
                out[1 + k, r, c] = g[y, x]
                out[9 + k, r, c] = g[y, x] if g[y, x] != bg else out[9 + k, y, x]
                if k % 2 == 0:
                    out[17 + k // 2, r, c] = g[y, x] if g[y, x] != g[r, c] else out[17 + k // 2, y, x]
    for r in range(h):
        for c in range(w):
            v = g[r, c]
            out[0, r, c] = v
            if out[9 + 2, r, c] == out[9 + 6, r, c]:
                out[21, r, c] = out[9 + 2, r, c]
            if out[9, r, c] == out[9 + 4, r, c]:
                out[22, r, c] = out[9, r, c]
            if out[9 + 3, r, c] == out[9 + 7, r, c]:
                out[23, r, c] = out[9 + 3, r, c]
            if out[9 + 1, r, c] == out[9 + 5, r, c]:
                out[24, r, c] = out[9 + 1, r, c]
            out[25, r, c] = g[r, w - 1 - c]
            out[26, r, c] = g[h - 1 - r, c]
            out[27, r, c] = g[h - 1 - r, w - 1 - c]
            if h == w:
                out[28, r, c] = g[c, r]
                out[29, r, c] = g[w - 1 - c, h - 1 - r]
            out[30, r, c] = row_colour[r] if row_mixed[r] == 0 else NONE
            out[31, r, c] = col_colour[c] if col_mixed[c] == 0 else NONE
            out[32, r, c] = g[r, 0]
            out[33, r, c] = g[r, w - 1]
            out[34, r, c] = g[0, c]
            out[35, r, c] = g[h - 1, c]
            n4 = 0
            n8 = 0
            s4 = 0
            s8 = 0
            rays4 = 0
            rays8 = 0
            for k in range(8):
                u = out[1 + k, r, c]
                if u != NONE:
                    if u != bg:
                        n8 += 1
                        if k % 2 == 0:
                            n4 += 1
                    if u == v:
                        s8 += 1
                        if k % 2 == 0:
                            s4 += 1
                if out[9 + k, r, c] != NONE:
                    rays8 += 1
                    if k % 2 == 0:
                        rays4 += 1
            out[37, r, c] = n4
            out[38, r, c] = n8
            out[39, r, c] = s4
            out[40, r, c] = s8
            out[41, r, c] = n8 - n4
            out[42, r, c] = rays4
            out[43, r, c] = rays8
            out[44, r, c] = r % 2
            out[45, r, c] = c % 2
            out[46, r, c] = (r + c) % 2
            out[47, r, c] = r % 3
            out[48, r, c] = c % 3
            out[49, r, c] = (r + c) % 3
            out[50, r, c] = (r - c + 60) % 3
            out[51, r, c] = min(min(r, h - 1 - r), min(c, w - 1 - c))
            out[52, r, c] = r
            out[53, r, c] = h - 1 - r
            out[54, r, c] = c
            out[55, r, c] = w - 1 - c
            out[56, r, c] = r == c
            out[57, r, c] = r + c == w - 1
            n = row_count[r]
            out[58, r, c] = 0 if n == 0 else (1 if n < w else 2 + row_mixed[r])
            n = col_count[c]
            out[59, r, c] = 0 if n == 0 else (1 if n < h else 2 + col_mixed[c])
            out[62, r, c] = (2 * r > h - 1) + (2 * r >= h - 1)
            out[63, r, c] = (2 * c > w - 1) + (2 * c >= w - 1)
            out[64, r, c] = row_count[r]
    return out


@kernel(GRID, NUMBER, LIST, entry=True)
def more_features(g: Any, bg: int, out: Any) -> Any:  # noqa: C901
    """Fill the rest of `LOCAL`: distances, runs and line counts; returns the widened array."""
    h, w = g.shape
    wide = np.full((70, h, w), NONE, np.int8)
    for k in range(65):
        for r in range(h):
            for c in range(w):
                wide[k, r, c] = out[k, r, c]
    for r in range(h):
        for c in range(w):
            n = 0
            for i in range(h):
                if g[i, c] != bg:
                    n += 1
            wide[65, r, c] = n
            wide[66, r, c] = h
            wide[67, r, c] = w
            a = 0
            while c + a + 1 < w and g[r, c + a + 1] == g[r, c]:
                a += 1
            b = 0
            while c - b - 1 >= 0 and g[r, c - b - 1] == g[r, c]:
                b += 1
            wide[68, r, c] = a + b + 1
            a = 0
            while r + a + 1 < h and g[r + a + 1, c] == g[r, c]:
                a += 1
            b = 0
            while r - b - 1 >= 0 and g[r - b - 1, c] == g[r, c]:
                b += 1
            wide[69, r, c] = a + b + 1
            best8 = 100
            best4 = 100
            colour = NONE
            for radius in range(max(h, w)):
                if best8 < 100 and radius > best4:
                    break
                for i in range(-radius, radius + 1):
                    y = r + i
                    if y < 0 or y >= h:
                        continue
                    step = 1 if abs(i) == radius else 2 * radius
                    j = -radius
                    while j <= radius:
                        x = c + j
                        if 0 <= x < w and g[y, x] != bg:
                            best8 = min(best8, radius)
                            d = abs(i) + abs(j)
                            if d < best4:
                                best4 = d
                                colour = g[y, x]
                            elif d == best4 and colour != g[y, x]:
                                colour = NONE
                        j += max(step, 1)
            wide[36, r, c] = colour
            wide[60, r, c] = best8
            wide[61, r, c] = best4
    return wide


@kernel(GRID, LABELS, NUMBER, LABELS, NUMBER, entry=True)
def colour_features(g: Any, labels4: Any, n4: int, labels_any: Any, n_any: int) -> Any:
    """For each colour: is it in the cell's row, its column, how many of its 8 and 4 neighbours have it,
    does its own-colour component touch it, does its many-coloured component hold it. Six rows a colour."""
    h, w = g.shape
    out = np.zeros((60, h, w), np.int8)
    rows = np.zeros((h, 10), np.int8)
    cols = np.zeros((w, 10), np.int8)
    touch = np.zeros((max(n4, 1), 10), np.int8)
    hold = np.zeros((max(n_any, 1), 10), np.int8)
    for r in range(h):
        for c in range(w):
            v = g[r, c]
            rows[r, v] = 1
            cols[c, v] = 1
            if labels_any[r, c] >= 0:
                hold[labels_any[r, c], v] = 1
            k = labels4[r, c]
            if r + 1 < h and labels4[r + 1, c] != k:
                touch[k, g[r + 1, c]] = 1
                touch[labels4[r + 1, c], v] = 1
            if c + 1 < w and labels4[r, c + 1] != k:
                touch[k, g[r, c + 1]] = 1
                touch[labels4[r, c + 1], v] = 1
    for r in range(h):
        for c in range(w):
            for k in range(10):
                out[6 * k, r, c] = rows[r, k]
                out[6 * k + 1, r, c] = cols[c, k]
                out[6 * k + 4, r, c] = touch[labels4[r, c], k]
                if labels_any[r, c] >= 0:
                    out[6 * k + 5, r, c] = hold[labels_any[r, c], k]
            for i in range(-1, 2):
                for j in range(-1, 2):
                    y = r + i
                    x = c + j
                    if (i == 0 and j == 0) or y < 0 or x < 0 or y >= h or x >= w:
                        continue
                    out[6 * g[y, x] + 2, r, c] += 1
                    if i == 0 or j == 0:
                        out[6 * g[y, x] + 3, r, c] += 1
    return out


@kernel(LABELS, LABELS, LABELS, CELLS, entry=True)
def spread(table: Any, labels: Any, box: Any, none: Any) -> Any:
    """Component properties and the cell's place within its component, for every cell.

    Rows: each column of `table`, then the distance to the top, bottom, left and right of the bounding box,
    then whether the cell is on the box's border. `none` fills the cells of no component.
    """
    h, w = labels.shape
    p = table.shape[1]
    out = np.empty((p + 7, h, w), np.int8)
    for r in range(h):
        for c in range(w):
            k = labels[r, c]
            if k < 0:
                for i in range(p + 7):
                    out[i, r, c] = none[i]
                continue
            for i in range(p):
                out[i, r, c] = min(table[k, i], 120)
            a = r - box[k, 0]
            b = box[k, 2] - r
            d = c - box[k, 1]
            e = box[k, 3] - c
            out[p, r, c] = a
            out[p + 1, r, c] = b
            out[p + 2, r, c] = d
            out[p + 3, r, c] = e
            out[p + 4, r, c] = min(min(a, b), min(d, e))
            out[p + 5, r, c] = (a == 0 or b == 0) and (d == 0 or e == 0)
            out[p + 6, r, c] = (a == b) + 2 * (d == e)
    return out


@kernel(LABELS, LABELS, COLUMN, NUMBER, NUMBER, entry=True)
def in_boxes(labels: Any, box: Any, sizes: Any, h: int, w: int) -> Any:
    """For each cell the smallest component whose bounding box holds it without it being a member; else -1."""
    out = np.full((h, w), -1, np.int16)
    for k in range(len(box)):
        for r in range(box[k, 0], box[k, 2] + 1):
            for c in range(box[k, 1], box[k, 3] + 1):
                if labels[r, c] != k and (out[r, c] < 0 or sizes[k] < sizes[out[r, c]]):
                    out[r, c] = k
    return out


@kernel(FLAG_ROWS, entry=True)
def pack(bits: Any) -> Any:
    """Rows of booleans as rows of 64-bit words."""
    n, m = bits.shape
    words = (m + 63) // 64
    out = np.zeros((n, words), np.uint64)
    for i in range(n):
        for j in range(m):
            if bits[i, j]:
                out[i, j // 64] |= np.uint64(1) << np.uint64(j % 64)
    return out
