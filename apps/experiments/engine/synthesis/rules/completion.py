"""Completing patterns: symmetry about an inferred centre and repetition by inferred shifts, with a colour that hides.

The cells of the hidden colour are unknown; a symmetry or shift counts only if no two known cells contradict it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.rules.base import Call, Meter, Pairs, Proposal, contiguous, op, try_calls
from apps.experiments.engine.synthesis.rules.cellwise import Reading, cellwise
from apps.experiments.engine.synthesis.rules.frames import FrameCall, Views, frame
from apps.experiments.engine.synthesis.signatures import GRID, NUMBER
from apps.tasks.engine.puzzle import Grid

GROUPS = {"full": 0, "half": 1, "turn": 2, "flip": 3, "mirror": 4, "fold": 5, "shift": 6, "diagonal": 7,
          "lattice": 8}  # fmt: skip
"""Mirror across both axes and diagonals; both axes; quarter turns; half turn; left-right; up-down; repetition;
across the diagonal; the smallest lattice of cells whose classes are all known."""


FULL, HALF, TURN, FLIP, MIRROR, FOLD, _SHIFT, DIAGONAL, _LATTICE = GROUPS.values()

LEFT_RIGHT, UP_DOWN, HALF_TURN, TRANSPOSED, ANTI_TRANSPOSED, TURNED, TURNED_BACK = range(7)
"""The symmetries that groups are made of."""


@kernel(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)
def _image(kind: int, r: int, c: int, cy: int, cx: int) -> Any:
    """Where (r, c) goes under one symmetry about the centre (cy / 2, cx / 2)."""
    if kind == LEFT_RIGHT:
        return r, cx - c
    if kind == UP_DOWN:
        return cy - r, c
    if kind == HALF_TURN:
        return cy - r, cx - c
    # Diagonal ones: (2r - cy, 2c - cx) exchanged, with signs.
    y = 2 * r - cy
    x = 2 * c - cx
    if kind == TRANSPOSED:
        return (x + cy) // 2, (y + cx) // 2
    if kind == ANTI_TRANSPOSED:
        return (cy - x) // 2, (cx - y) // 2
    if kind == TURNED:
        return (x + cy) // 2, (cx - y) // 2
    return (cy - x) // 2, (y + cx) // 2


@kernel(NUMBER)
def _kinds(group: int) -> Any:
    if group == FULL:
        return np.array([LEFT_RIGHT, UP_DOWN, HALF_TURN, TRANSPOSED, ANTI_TRANSPOSED, TURNED, TURNED_BACK])
    if group == HALF:
        return np.array([LEFT_RIGHT, UP_DOWN, HALF_TURN])
    if group == TURN:
        return np.array([TURNED, HALF_TURN, TURNED_BACK])
    if group == FLIP:
        return np.array([HALF_TURN])
    if group == MIRROR:
        return np.array([LEFT_RIGHT])
    if group == FOLD:
        return np.array([UP_DOWN])
    return np.array([TRANSPOSED])


@kernel(GRID, NUMBER, NUMBER, entry=True)
def symmetric(g: Any, hidden: int, group: int) -> Any:  # noqa: C901
    """The grid completed by the best centre of `group`, and how many known cells supported it (0: none)."""
    h, w = g.shape
    kinds = _kinds(group)
    best = 0
    best_y = -1
    best_x = -1
    diagonal = False
    for k in kinds:
        if k >= TRANSPOSED:
            diagonal = True
    for cy in range(1, 2 * h - 2):
        for cx in range(1, 2 * w - 2):
            if group == MIRROR and cy != h - 1:
                continue
            if group == FOLD and cx != w - 1:
                continue
            if diagonal and (cy + cx) % 2 != 0:
                continue
            if group == DIAGONAL and cy != h - 1:
                continue
            support = 0
            good = True
            for r in range(h):
                for c in range(w):
                    v = g[r, c]
                    if v == hidden:
                        continue
                    for k in kinds:
                        y, x = _image(k, r, c, cy, cx)
                        if y < 0 or x < 0 or y >= h or x >= w or (y == r and x == c):
                            continue
                        u = g[y, x]
                        if u == hidden:
                            continue
                        if u != v:
                            good = False
                            break
                        support += 1
                    if not good:
                        break
                if not good:
                    break
            if good and support > best:
                best = support
                best_y = cy
                best_x = cx
    out = g.copy()
    if best == 0:
        return out, 0
    for _ in range(3):
        for r in range(h):
            for c in range(w):
                if out[r, c] != hidden:
                    continue
                for k in kinds:
                    y, x = _image(k, r, c, best_y, best_x)
                    if 0 <= y < h and 0 <= x < w and out[y, x] != hidden:
                        out[r, c] = out[y, x]
                        break
    return out, best


@kernel(GRID, NUMBER, NUMBER, NUMBER)
def _shift_support(g: Any, hidden: int, dy: int, dx: int) -> int:
    """Known pairs a shift agrees on; -1 if any two contradict it."""
    h, w = g.shape
    support = 0
    for r in range(h - dy):
        for c in range(max(0, -dx), min(w, w - dx)):
            v = g[r, c]
            u = g[r + dy, c + dx]
            if v == hidden or u == hidden:
                continue
            if u != v:
                return -1
            support += 1
    return support


@kernel(GRID, NUMBER, entry=True)
def repeated(g: Any, hidden: int) -> Any:  # noqa: C901
    """The grid completed by its best supported shifts, and the support of the first (0: none)."""
    h, w = g.shape
    out = g.copy()
    first = 0
    for _ in range(4):
        best = 0
        by = 0
        bx = 0
        for dy in range(h):
            for dx in range(-w + 1, w):
                if dy == 0 and dx <= 0:
                    continue
                support = _shift_support(out, hidden, dy, dx)
                if support <= best:
                    continue
                useful = False
                for r in range(h - dy):
                    for c in range(max(0, -dx), min(w, w - dx)):
                        if (out[r, c] == hidden) != (out[r + dy, c + dx] == hidden):
                            useful = True
                            break
                    if useful:
                        break
                if useful:
                    best = support
                    by = dy
                    bx = dx
        if best == 0:
            break
        if first == 0:
            first = best
        changed = True
        while changed:
            changed = False
            for r in range(h):
                for c in range(w):
                    if out[r, c] != hidden:
                        continue
                    for s in (-1, 1):
                        y = r + s * by
                        x = c + s * bx
                        if 0 <= y < h and 0 <= x < w and out[y, x] != hidden:
                            out[r, c] = out[y, x]
                            changed = True
                            break
        left = 0
        for r in range(h):
            for c in range(w):
                left += out[r, c] == hidden
        if left == 0:
            break
    return out, first


@kernel(GRID, NUMBER, entry=True)
def lattice(g: Any, hidden: int) -> Any:  # noqa: C901
    """The grid completed by its smallest consistent lattice, and the known cells (0: no lattice).

    A lattice repeats every p columns and, moved by a columns, every q rows; it must tell every hidden cell.
    """
    h, w = g.shape
    out = g.copy()
    known = 0
    for r in range(h):
        for c in range(w):
            known += g[r, c] != hidden
    for size in range(1, known // 2 + 1):
        for q in range(1, min(size, h) + 1):
            if size % q != 0 or size // q > w:
                continue
            p = size // q
            for a in range(p):
                table = np.full((q, p), hidden, np.int8)
                good = True
                for r in range(h):
                    for c in range(w):
                        v = g[r, c]
                        if v == hidden:
                            continue
                        i = (c - a * (r // q)) % p
                        if table[r % q, i] == hidden:
                            table[r % q, i] = v
                        elif table[r % q, i] != v:
                            good = False
                            break
                    if not good:
                        break
                if not good:
                    continue
                for r in range(h):
                    for c in range(w):
                        v = table[r % q, (c - a * (r // q)) % p]
                        if v == hidden:
                            good = False
                            break
                        out[r, c] = v
                    if not good:
                        break
                if good:
                    return out, known
    return g.copy(), 0


def completed(grid: Grid, hidden: int, group: str) -> Grid | None:
    """The completed grid; None where nothing supports the pattern."""
    grid = contiguous(grid)
    if not (grid == hidden).any():
        return grid
    return _completed(grid.shape, grid.tobytes(), hidden, group)


@lru_cache(maxsize=256)
def _completed(shape: tuple[int, int], data: bytes, hidden: int, group: str) -> Grid | None:
    grid = np.frombuffer(data, np.int8).reshape(shape).copy()
    if group == "shift":
        out, support = repeated(grid, hidden)
    elif group == "lattice":
        out, support = lattice(grid, hidden)
    else:
        out, support = symmetric(grid, hidden, GROUPS[group])
    return contiguous(out) if support else None


@op("complete", lambda params: f"complete(grid, hidden={params[0]}, by={params[1]!r})")
def _complete(grid: Grid, params: Any) -> Grid | None:
    return completed(grid, int(params[0]), str(params[1]))


@op("extent", lambda params: f"cut(grid, completed, where grid == {params[0]})")
def _extent(grid: Grid, params: Any) -> Grid | None:
    hidden, group = params
    full = completed(grid, int(hidden), str(group))
    rows = np.flatnonzero((grid == hidden).any(axis=1))
    cols = np.flatnonzero((grid == hidden).any(axis=0))
    if full is None or not len(rows):
        return None
    return contiguous(full[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1])


@frame("completed")
def _completed_frame(grid: Grid, hidden: int, group: str) -> Views | None:
    full = completed(grid, hidden, group)
    return None if full is None else [("input", grid), ("completed", full)]


def completions(pairs: Pairs, tests: Sequence[Grid], meter: Meter) -> list[Proposal]:
    """Outputs that complete the input's pattern, or show what a colour hid, or build on the completed view."""
    result: list[Proposal] = []
    equal = all(given.shape == wanted.shape for given, wanted in pairs)
    smaller = all(given.size > wanted.size for given, wanted in pairs)
    if not equal and not smaller:
        return []
    common = set(range(10))
    for grid in [given for given, _wanted in pairs] + list(tests):
        common &= set(np.unique(grid).tolist())
    for hidden in sorted(common):
        if smaller and not all(_box_shape(given, hidden) == wanted.shape for given, wanted in pairs):
            continue
        for group in GROUPS:
            if meter.empty:
                return result
            given, wanted = pairs[0]
            meter.spend(given.size * 8 + 500)
            full = completed(given, hidden, group)
            if full is None:
                continue
            if smaller:
                calls: tuple[Call, ...] = (("extent", (hidden, group)),)
                found = try_calls(calls, 600, "completion", pairs, tests)
                if found is not None:
                    result.append(found)
                continue
            changed = full != given
            if not changed.any() or (
                (full == wanted)[changed].mean() < 0.5 and (given == wanted)[changed].mean() > 0.2
            ):
                continue
            found = try_calls((("complete", (hidden, group)),), 600, "completion", pairs, tests)
            if found is not None:
                result.append(found)
                continue
            call: FrameCall = ("completed", hidden, group)
            result += cellwise(pairs, tests, meter, Reading(call, 700, "completion+cells", 1))
    return result


def _box_shape(grid: Grid, colour: int) -> tuple[int, int]:
    rows = np.flatnonzero((grid == colour).any(axis=1))
    cols = np.flatnonzero((grid == colour).any(axis=0))
    return int(rows[-1] - rows[0] + 1), int(cols[-1] - cols[0] + 1)
