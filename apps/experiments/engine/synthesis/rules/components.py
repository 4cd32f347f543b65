"""Connected components and their properties, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.signatures import FLAG, FROZEN, LABELS, NUMBER, NUMBERS, SHORTS

PROPS = (
    "size", "height", "width", "rank_big", "rank_small", "on_edge", "is_box", "holes", "sym_lr", "sym_ud",
    "same_shape", "same_size", "same_colour", "colours", "main_colour", "rare_colour", "around", "square",
    "rank_top", "rank_left", "rank_bottom", "rank_right", "touching", "inside", "rank_colours", "rank_holes",
    "same_form", "top", "left", "rare_count", "rank_rare",
    "twin_colour", "next_colour", "next_gap", "sees_n", "sees_e", "sees_s", "sees_w",
)  # fmt: skip
"""The columns of `properties`, in order. `top` and `left` are for placing, not for rules."""

COLOUR_PROPS = frozenset(
    {"main_colour", "rare_colour", "around", "twin_colour", "next_colour", "sees_n", "sees_e", "sees_s", "sees_w"}
)

"""Properties whose values are colours, 10 meaning none."""

SIZE, HEIGHT, WIDTH, ON_EDGE, HOLES = 0, 1, 2, 5, 7
TOP, LEFT = 27, 28
NONE = 10


@kernel(FROZEN, NUMBER, NUMBER, entry=True)
def label(g: Any, mode: int, bg: int) -> Any:  # noqa: C901
    """Label components in scan order; -1 where the cell belongs to none.

    Modes: 0 same colour, 4-connected, every cell; 1 same colour, 8-connected, not background;
    2 any colour but background, 8-connected; 3 same colour, 4-connected, not background;
    4 any colour but background, 4-connected; 5 all cells of one colour, wherever they are, not background.
    """
    h, w = g.shape
    labels = np.full((h, w), -1, np.int16)
    if mode == 5:
        index = np.full(10, -1, np.int16)
        n = 0
        for r in range(h):
            for c in range(w):
                v = g[r, c]
                if v != bg:
                    if index[v] < 0:
                        index[v] = n
                        n += 1
                    labels[r, c] = index[v]
        return labels, n
    stack = np.empty((h * w, 2), np.int16)
    n = 0
    for r in range(h):
        for c in range(w):
            if labels[r, c] >= 0 or (mode != 0 and g[r, c] == bg):
                continue
            labels[r, c] = n
            stack[0, 0] = r
            stack[0, 1] = c
            top = 1
            while top > 0:
                top -= 1
                y = stack[top, 0]
                x = stack[top, 1]
                for dy in range(-1, 2):
                    for dx in range(-1, 2):
                        if (dy == 0 and dx == 0) or (mode in (0, 3, 4) and dy != 0 and dx != 0):
                            continue
                        v = y + dy
                        u = x + dx
                        if v < 0 or u < 0 or v >= h or u >= w or labels[v, u] >= 0:
                            continue
                        if mode in (2, 4):
                            if g[v, u] == bg:
                                continue
                        elif g[v, u] != g[y, x]:
                            continue
                        labels[v, u] = n
                        stack[top, 0] = v
                        stack[top, 1] = u
                        top += 1
            n += 1
    return labels, n


@kernel(NUMBER, NUMBER)
def _mix(a: int, b: int) -> Any:
    x = np.uint64(a) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(b) * np.uint64(0xC2B2AE3D27D4EB4F)
    x ^= x >> np.uint64(29)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(32)
    return np.int64(x >> np.uint64(2))


@kernel(LABELS, NUMBER, SHORTS, FLAG, LABELS, NUMBER)
def _rank(values: Any, column: int, group: Any, descending: bool, out: Any, to: int) -> None:
    """Into column `to`: how many group mates come strictly before each item by that column of `values`."""
    for i in range(len(group)):
        count = 0
        for j in range(len(group)):
            if group[i] == group[j]:
                gap = values[j, column] - values[i, column]
                if (gap > 0) if descending else (gap < 0):
                    count += 1
        out[i, to] = count


@kernel(NUMBERS, SHORTS, LABELS, NUMBER)
def _matches(values: Any, group: Any, out: Any, to: int) -> None:
    """Into column `to`: how many items of the same group share each item's value, itself included."""
    for i in range(len(group)):
        count = 0
        for j in range(len(group)):
            if group[i] == group[j] and values[i] == values[j]:
                count += 1
        out[i, to] = count


@kernel(LABELS, NUMBER, SHORTS, NUMBER)
def _column_matches(table: Any, column: int, group: Any, to: int) -> None:
    """`_matches` for the values in a column of the table itself."""
    values = np.empty(len(group), np.int64)
    for i in range(len(group)):
        values[i] = table[i, column]
    _matches(values, group, table, to)


@kernel(LABELS, NUMBER, entry=True)
def boxes(labels: Any, n: int) -> Any:
    """Top, left, bottom, right (inclusive) of each component."""
    h, w = labels.shape
    box = np.zeros((n, 4), np.int16)
    for k in range(n):
        box[k, 0] = h
        box[k, 1] = w
        box[k, 2] = -1
        box[k, 3] = -1
    for r in range(h):
        for c in range(w):
            k = labels[r, c]
            if k >= 0:
                box[k, 0] = min(box[k, 0], r)
                box[k, 1] = min(box[k, 1], c)
                box[k, 2] = max(box[k, 2], r)
                box[k, 3] = max(box[k, 3], c)
    return box


@kernel(LABELS, NUMBER, FLAG, LABELS)
def _holes(labels: Any, n: int, eight: bool, out: Any) -> None:  # noqa: C901
    """Holes of each component: one minus its Euler number, counted over 2x2 windows."""
    h, w = labels.shape
    total = np.zeros(n, np.int32)
    quad = np.empty(4, np.int32)
    for r in range(-1, h):
        for c in range(-1, w):
            for i in range(4):
                y = r + i // 2
                x = c + i % 2
                quad[i] = labels[y, x] if 0 <= y < h and 0 <= x < w else -1
            for i in range(4):
                k = quad[i]
                if k < 0:
                    continue
                seen = False
                for j in range(i):
                    if quad[j] == k:
                        seen = True
                if seen:
                    continue
                m = 0
                for j in range(4):
                    if quad[j] == k:
                        m += 1
                if m == 1:
                    total[k] += 1
                elif m == 3:
                    total[k] -= 1
                elif m == 2 and ((quad[0] == k and quad[3] == k) or (quad[1] == k and quad[2] == k)):
                    total[k] += -2 if eight else 2
    for k in range(n):
        out[k, 7] = 1 - total[k] // 4


@kernel(FROZEN, LABELS, NUMBER, NUMBER, LABELS, LABELS, NUMBERS, SHORTS)
def _relate(  # noqa: C901
    g: Any, labels: Any, n: int, bg: int, out: Any, box: Any, forms: Any, group: Any
) -> None:
    """Fill what a component has to do with others: its twin's colour, its nearest's, and what it sees each way.

    A twin has the same form (turned or mirrored) in another colour. Colours are 10 where there is none or
    more than one.
    """
    h, w = g.shape
    for k in range(n):
        for j in range(31, out.shape[1]):
            out[k, j] = NONE
        out[k, 33] = -1
    if n > 150:
        return
    for k in range(n):
        best = 1000
        for j in range(n):
            if j == k or group[j] == 1:
                continue
            if forms[j] == forms[k] and out[j, 14] != out[k, 14]:
                if out[k, 31] == 10:
                    out[k, 31] = out[j, 14]
                elif out[k, 31] != out[j, 14]:
                    out[k, 31] = 11
            dy = max(box[j, 0] - box[k, 2], box[k, 0] - box[j, 2])
            dx = max(box[j, 1] - box[k, 3], box[k, 1] - box[j, 3])
            gap = max(max(dy, dx), 0)
            if gap < best:
                best = gap
                out[k, 32] = out[j, 14]
            elif gap == best and out[k, 32] != out[j, 14]:
                out[k, 32] = 10
        if best < 1000:
            out[k, 33] = best
        if out[k, 31] == 11:
            out[k, 31] = 10
    seen = np.full((n, 4), -1, np.int16)
    for d in range(4):
        dy = (d == 2) - (d == 0)
        dx = (d == 1) - (d == 3)
        for r in range(h):
            for c in range(w):
                k = labels[r, c]
                if k < 0:
                    continue
                y = r + dy
                x = c + dx
                while 0 <= y < h and 0 <= x < w and (g[y, x] == bg or labels[y, x] == k):
                    if labels[y, x] == k:
                        break
                    y += dy
                    x += dx
                if y < 0 or x < 0 or y >= h or x >= w or labels[y, x] == k:
                    continue
                v = g[y, x]
                if seen[k, d] == -1:
                    seen[k, d] = v
                elif seen[k, d] != v:
                    seen[k, d] = 10
        for k in range(n):
            out[k, 34 + d] = seen[k, d] if seen[k, d] >= 0 else 10


@kernel(FROZEN, LABELS, NUMBER, NUMBER, FLAG, entry=True)
def properties(g: Any, labels: Any, n: int, bg: int, eight: bool) -> Any:  # noqa: C901
    """The properties of every component, one row each, in the order of `PROPS`."""
    h, w = g.shape
    out = np.zeros((n, 38), np.int16)
    if n == 0:
        return out
    box = boxes(labels, n)
    colour_counts = np.zeros((n, 10), np.int32)
    shape_hash = np.zeros(n, np.int64)
    form_hash = np.zeros((n, 8), np.int64)
    lr = np.ones(n, np.int16)
    ud = np.ones(n, np.int16)
    around = np.full(n, -1, np.int16)
    touch = np.zeros((n, 64), np.int8)
    for r in range(h):
        for c in range(w):
            k = labels[r, c]
            if k < 0:
                continue
            colour_counts[k, g[r, c]] += 1
            a = r - box[k, 0]
            b = c - box[k, 1]
            p = box[k, 2] - r
            q = box[k, 3] - c
            shape_hash[k] += _mix(a + 1, b + 1)
            form_hash[k, 0] += _mix(a + 1, b + 1)
            form_hash[k, 1] += _mix(a + 1, q + 1)
            form_hash[k, 2] += _mix(p + 1, b + 1)
            form_hash[k, 3] += _mix(p + 1, q + 1)
            form_hash[k, 4] += _mix(b + 1, a + 1)
            form_hash[k, 5] += _mix(q + 1, a + 1)
            form_hash[k, 6] += _mix(b + 1, p + 1)
            form_hash[k, 7] += _mix(q + 1, p + 1)
            x = box[k, 1] + q
            if labels[r, x] != k or g[r, x] != g[r, c]:
                lr[k] = 0
            y = box[k, 0] + p
            if labels[y, c] != k or g[y, c] != g[r, c]:
                ud[k] = 0
            for d in range(4):
                v = r + (d == 1) - (d == 0)
                u = c + (d == 3) - (d == 2)
                if v < 0 or u < 0 or v >= h or u >= w or labels[v, u] == k:
                    continue
                j = labels[v, u]
                if around[k] == -1:
                    around[k] = g[v, u]
                elif around[k] != g[v, u]:
                    around[k] = 10
                if g[v, u] != bg and g[r, c] != bg and j >= 0:
                    touch[k, j % 64] = 1
    group = np.zeros(n, np.int16)
    forms = np.zeros(n, np.int64)
    for k in range(n):
        size = 0
        main = 0
        rare = -1
        for c in range(10):
            m = colour_counts[k, c]
            size += m
            if m > colour_counts[k, main]:
                main = c
        colours = 0
        for c in range(10):
            m = colour_counts[k, c]
            if m > 0:
                colours += 1
                if c != main and (rare < 0 or m < colour_counts[k, rare]):
                    rare = c
        height = box[k, 2] - box[k, 0] + 1
        width = box[k, 3] - box[k, 1] + 1
        out[k, 0] = size
        out[k, 1] = height
        out[k, 2] = width
        out[k, 5] = box[k, 0] == 0 or box[k, 1] == 0 or box[k, 2] == h - 1 or box[k, 3] == w - 1
        out[k, 6] = size == height * width
        out[k, 8] = lr[k]
        out[k, 9] = ud[k]
        out[k, 13] = colours
        out[k, 14] = main
        out[k, 15] = rare if rare >= 0 else 10
        out[k, 16] = around[k] if around[k] >= 0 else 10
        out[k, 17] = height == width
        m = 0
        for j in range(64):
            m += touch[k, j]
        out[k, 22] = m
        out[k, 27] = box[k, 0]
        out[k, 28] = box[k, 1]
        out[k, 29] = size - colour_counts[k, main]
        group[k] = main == bg and colours == 1
        best = form_hash[k, 0]
        for j in range(1, 8):
            best = min(best, form_hash[k, j])
        forms[k] = best
    if n <= 120:
        for k in range(n):
            m = 0
            for j in range(n):
                if (
                    j != k and group[j] == 0 and box[j, 0] >= box[k, 0] and box[j, 1] >= box[k, 1]
                    and box[j, 2] <= box[k, 2] and box[j, 3] <= box[k, 3]
                ):  # fmt: skip
                    m += 1
            out[k, 23] = m
    _holes(labels, n, eight, out)
    _rank(out, 0, group, True, out, 3)
    _rank(out, 0, group, False, out, 4)
    _matches(shape_hash, group, out, 10)
    _column_matches(out, 0, group, 11)
    _column_matches(out, 14, group, 12)
    _rank(box, 0, group, False, out, 18)
    _rank(box, 1, group, False, out, 19)
    _rank(box, 2, group, True, out, 20)
    _rank(box, 3, group, True, out, 21)
    _rank(out, 13, group, True, out, 24)
    _rank(out, 7, group, True, out, 25)
    _matches(forms, group, out, 26)
    _rank(out, 29, group, True, out, 30)
    _relate(g, labels, n, bg, out, box, forms, group)
    return out
