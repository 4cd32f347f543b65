"""Panels, blocks and tiles: frames for outputs whose shape is a part, a multiple or a fraction of the input's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.experiments.engine.synthesis.limits import SIDE
from apps.experiments.engine.synthesis.rules.base import Pairs, contiguous
from apps.experiments.engine.synthesis.rules.cells import NONE
from apps.experiments.engine.synthesis.rules.frames import PROPOSERS, FrameCall, Views, frame
from apps.tasks.engine.puzzle import Grid

MAX_PANELS = 9


def _ranges(cut: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The stretches between the marked lines, as (start, stop)."""
    result = []
    start = 0
    for index, marked in enumerate([*cut.tolist(), True]):
        if marked:
            if index > start:
                result.append((start, index))
            start = index + 1
    return result


def separators(grid: Grid) -> tuple[int, list[tuple[int, int]], list[tuple[int, int]]] | None:
    """The colour whose whole rows and columns cut the grid into equal panels, and the row and column ranges."""
    found: tuple[int, list[tuple[int, int]], list[tuple[int, int]]] | None
    found = _separators(grid.shape, contiguous(grid).tobytes())
    return found


@lru_cache(maxsize=256)
def _separators(shape: tuple[int, int], data: bytes) -> Any:
    grid = np.frombuffer(data, np.int8).reshape(shape)
    best: Any = None
    for colour in np.unique(grid).tolist():
        rows = _ranges((grid == colour).all(axis=1))
        cols = _ranges((grid == colour).all(axis=0))
        if len(rows) * len(cols) < 2:
            continue
        if len({b - a for a, b in rows}) > 1 or len({b - a for a, b in cols}) > 1:
            continue
        lines = shape[0] - sum(b - a for a, b in rows) + shape[1] - sum(b - a for a, b in cols)
        key = (lines != len(rows) + len(cols) - 2, colour == 0, -len(rows) * len(cols), colour)
        if best is None or key < best[0]:
            best = (key, (colour, rows, cols))
    return None if best is None else best[1]


def panels(grid: Grid) -> list[Grid]:
    """The equal panels between separators, row by row; empty where there are none."""
    found = separators(grid)
    if found is None:
        return []
    _colour, rows, cols = found
    return [grid[a:b, c:d] for a, b in rows for c, d in cols]


def _stack(parts: Sequence[Grid]) -> Views | None:
    if not 2 <= len(parts) <= MAX_PANELS:
        return None
    return [(f"panel{index + 1}", contiguous(part)) for index, part in enumerate(parts)] + [
        ("first", contiguous(parts[0]))
    ]


@frame("panels")
def _panels(grid: Grid) -> Views | None:
    return _stack(panels(grid))


@frame("overlay")
def _overlay(grid: Grid) -> Views | None:
    """However many panels there are, by what they agree on at each cell."""
    parts = panels(grid)
    if len(parts) < 2:
        return None
    stack = np.array(parts, np.int8)
    inks = np.array([(stack == colour).sum(axis=0) for colour in range(10)])
    inks_only = inks.copy()
    inks_only[0] = 0
    count = inks_only.sum(axis=0)
    scarce = np.where(inks > 0, inks, 1000).argmin(axis=0).astype(np.int8)
    ink = np.where(count > 0, inks_only.argmax(axis=0), NONE).astype(np.int8)
    first = np.zeros(stack.shape[1:], np.int8)
    for part in stack[::-1]:
        first = np.where(part != 0, part, first)
    last = np.zeros(stack.shape[1:], np.int8)
    for part in stack:
        last = np.where(part != 0, part, last)
    return [
        ("first_ink", contiguous(first)),
        ("last_ink", contiguous(last)),
        ("majority", contiguous(inks.argmax(axis=0).astype(np.int8))),
        ("minority", contiguous(scarce)),
        ("main_ink", contiguous(ink)),
        ("#inked", contiguous(np.minimum(count, 120).astype(np.int8))),
        ("#everywhere", contiguous((count == len(parts)).astype(np.int8))),
        ("#colours", contiguous((inks > 0).sum(axis=0).astype(np.int8))),
    ]


@frame("split")
def _split(grid: Grid, down: int, across: int) -> Views | None:
    height, width = grid.shape
    if height % down or width % across:
        return None
    h, w = height // down, width // across
    return _stack([grid[r * h : r * h + h, c * w : c * w + w] for r in range(down) for c in range(across)])


def _factor(grid: Grid, rule: Any) -> tuple[int, int] | None:
    if rule == "shape":
        return grid.shape[0], grid.shape[1]
    counts = np.bincount(grid.ravel(), minlength=10)
    if rule == "colours":
        k = int((counts > 0).sum())
        return k, k
    if rule == "inks":
        k = int((counts[1:] > 0).sum())
        return (k, k) if k else None
    if rule == "filled":
        k = int(counts[1:].sum())
        return (k, k) if k else None
    if rule == "empty":
        k = int(counts[0])
        return (k, k) if k else None
    down, across = rule
    return int(down), int(across)


@frame("tiles")
def _tiles(grid: Grid, rule: Any) -> Views | None:
    factor = _factor(grid, rule)
    if factor is None:
        return None
    down, across = factor
    height, width = grid.shape
    if height * down > SIDE or width * across > SIDE:
        return None
    rows = np.arange(height * down)
    cols = np.arange(width * across)
    r, c = rows % height, cols % width
    tile = grid[np.ix_(r, c)]
    odd_r, odd_c = (rows // height) % 2, (cols // width) % 2
    flip_r = np.where(odd_r == 1, height - 1 - r, r)
    flip_c = np.where(odd_c == 1, width - 1 - c, c)
    views: Views = [
        ("tile", contiguous(tile)),
        ("scaled", contiguous(grid[np.ix_(rows // down, cols // across)])),
        ("flip_c", contiguous(grid[np.ix_(r, flip_c)])),
        ("flip_r", contiguous(grid[np.ix_(flip_r, c)])),
        ("flip_rc", contiguous(grid[np.ix_(flip_r, flip_c)])),
        ("tile_lr", contiguous(grid[np.ix_(r, width - 1 - c)])),
        ("tile_ud", contiguous(grid[np.ix_(height - 1 - r, c)])),
        ("tile_rot", contiguous(grid[np.ix_(height - 1 - r, width - 1 - c)])),
        ("tile_odd", contiguous(grid[r[:, None], np.where(odd_r[:, None] == 1, width - 1 - c[None], c[None])])),
    ]
    if height == width:
        views.append(("tile_t", contiguous(grid.T[np.ix_(r, c)])))
        views.append(("tile_left", contiguous(np.rot90(grid)[np.ix_(r, c)])))
        views.append(("tile_right", contiguous(np.rot90(grid, -1)[np.ix_(r, c)])))
    ones = np.ones((height * down, width * across), np.int8)
    views.append(("#block_r", contiguous((rows // height)[:, None] * ones)))
    views.append(("#block_c", contiguous((cols // width)[None, :] * ones)))
    views.append(("#in_r", contiguous((rows % down)[:, None] * ones)))
    views.append(("#in_c", contiguous((cols % across)[None, :] * ones)))
    return views


def _summaries(blocks: Sequence[Sequence[Grid]]) -> Views:
    """For each block: its commonest colour but 0, its rarest, its corner, how much is filled."""
    shape = (len(blocks), len(blocks[0]))
    out = {name: np.full(shape, NONE, np.int8) for name in ("ink", "rare", "corner", "middle")}
    numbers = {name: np.zeros(shape, np.int8) for name in ("#filled", "#colours", "#uniform", "#fullest", "#emptiest")}
    filled = np.zeros(shape, np.int32)
    for r, line in enumerate(blocks):
        for c, block in enumerate(line):
            counts = np.bincount(block.ravel(), minlength=10)
            inks = sorted((k for k in range(1, 10) if counts[k]), key=lambda k: (-counts[k], k))
            if inks:
                out["ink"][r, c] = inks[0]
                out["rare"][r, c] = inks[-1]
            out["corner"][r, c] = block[0, 0]
            out["middle"][r, c] = block[block.shape[0] // 2, block.shape[1] // 2]
            filled[r, c] = counts[1:].sum()
            numbers["#filled"][r, c] = min(int(filled[r, c]), 120)
            numbers["#colours"][r, c] = len(inks)
            numbers["#uniform"][r, c] = int((counts > 0).sum() == 1)
    numbers["#fullest"][:] = filled == filled.max()
    numbers["#emptiest"][:] = filled == filled.min()
    primary = np.where(out["ink"] == NONE, 0, out["ink"]).astype(np.int8)
    return [("ink0", primary), *out.items(), *numbers.items()]


@frame("blocks")
def _blocks(grid: Grid) -> Views | None:
    found = separators(grid)
    if found is None:
        return None
    _colour, rows, cols = found
    return _summaries([[grid[a:b, c:d] for c, d in cols] for a, b in rows])


@frame("pooled")
def _pooled(grid: Grid, down: int, across: int) -> Views | None:
    height, width = grid.shape
    if height % down or width % across:
        return None
    return _summaries(
        [[grid[r : r + down, c : c + across] for c in range(0, width, across)] for r in range(0, height, down)]
    )


@frame("padded")
def _padded(grid: Grid, top: int, bottom: int, left: int, right: int) -> Views | None:
    height, width = grid.shape
    if height + top + bottom > SIDE or width + left + right > SIDE:
        return None
    widths = ((top, bottom), (left, right))
    inside = np.pad(np.ones_like(grid), widths)
    return [
        ("padded", contiguous(np.pad(grid, widths))),
        ("stretched", contiguous(np.pad(grid, widths, mode="edge"))),
        ("wrapped", contiguous(np.pad(grid, widths, mode="wrap"))),
        ("mirrored", contiguous(np.pad(grid, widths, mode="symmetric"))),
        ("#inside", inside),
    ]


def _panel_frames(pairs: Pairs, _tests: Sequence[Grid]) -> list[tuple[FrameCall, int]]:
    result: list[tuple[FrameCall, int]] = []
    given, wanted = pairs[0]
    found = separators(given)
    if found is not None:
        _colour, rows, cols = found
        if (rows[0][1] - rows[0][0], cols[0][1] - cols[0][0]) == wanted.shape:
            result.append((("panels",), 100))
            result.append((("overlay",), 250))
        if (len(rows), len(cols)) == wanted.shape:
            result.append((("blocks",), 200))
    for down, across in ((1, 2), (2, 1), (1, 3), (3, 1), (2, 2), (1, 4), (4, 1), (3, 3)):
        if (wanted.shape[0] * down, wanted.shape[1] * across) == given.shape:
            result.append((("split", down, across), 200))
    return result


def _scale_frames(pairs: Pairs, _tests: Sequence[Grid]) -> list[tuple[FrameCall, int]]:
    result: list[tuple[FrameCall, int]] = []
    given, wanted = pairs[0]
    if wanted.shape[0] % given.shape[0] == 0 and wanted.shape[1] % given.shape[1] == 0 and wanted.size > given.size:
        down, across = wanted.shape[0] // given.shape[0], wanted.shape[1] // given.shape[1]
        rules: list[Any] = [(down, across), "shape", "inks", "filled", "colours", "empty"]
        result += [(("tiles", rule), 100 + 100 * (rank > 1)) for rank, rule in enumerate(rules)]
    if given.shape[0] % wanted.shape[0] == 0 and given.shape[1] % wanted.shape[1] == 0 and wanted.size < given.size:
        down, across = given.shape[0] // wanted.shape[0], given.shape[1] // wanted.shape[1]
        result.append((("pooled", down, across), 300))
    extra_r, extra_c = wanted.shape[0] - given.shape[0], wanted.shape[1] - given.shape[1]
    if 0 <= extra_r <= 6 and 0 <= extra_c <= 6 and (extra_r or extra_c):
        if extra_r % 2 == 0 and extra_c % 2 == 0:
            result.append((("padded", extra_r // 2, extra_r // 2, extra_c // 2, extra_c // 2), 100))
        result.append((("padded", 0, extra_r, 0, extra_c), 200))
        result.append((("padded", extra_r, 0, extra_c, 0), 300))
    return result


PROPOSERS.append(_panel_frames)
PROPOSERS.append(_scale_frames)
