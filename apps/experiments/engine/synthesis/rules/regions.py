"""Regions of a grid an answer may be cut from, and what can be said of each against its rivals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.experiments.engine.synthesis.rules.base import contiguous, grid_key
from apps.experiments.engine.synthesis.rules.cells import NONE
from apps.experiments.engine.synthesis.rules.components import PROPS, boxes, label, properties
from apps.experiments.engine.synthesis.rules.features import CLASS, COLOUR, NUMBER, Feature
from apps.experiments.engine.synthesis.rules.layout import separators
from apps.tasks.engine.puzzle import Grid

KINDS = ("shape", "object", "object4", "panel", "colour", "area", "all", "half", "third")
"""Any-colour shapes, one-colour objects (8- and 4-connected), panels between separators, the box of each colour,
one-colour areas (background too), the box of everything, halves and thirds."""

MAX_REGIONS = 40
_MODES = {"shape": 2, "object": 1, "object4": 3, "area": 0}
_SCALARS = ("filled", "height", "width", "colours", "parts")
_RANKED = ("filled", "space", "colours", "parts", "top", "left", "bottom", "right", "density", "size")
_KINSHIP = ("same_content", "same_pattern", "same_form", "same_filled", "same_main")
_FLAGS = ("sym_lr", "sym_ud", "sym_diagonal", "square", "on_edge", "uniform")
_COLOURS = ("main", "rare", "around")
_OWN_COLOURS = ("twin_colour", "next_colour", "sees_n", "sees_e", "sees_s", "sees_w")
_OWN = ("size", "holes", "is_box", "touching", "inside", "rank_holes", "same_shape", "next_gap")


@dataclass(frozen=True, eq=False)
class Region:
    """A box (top, left, bottom, right inclusive) and, for components, which of its cells are members."""

    box: tuple[int, int, int, int]
    mask: NDArray[np.bool_] | None

    def crop(self, grid: Grid, margin: int, own: bool, bg: int) -> Grid | None:
        """The cells of the box shrunk (negative: grown) by `margin`; with `own`, strangers become background."""
        top, left, bottom, right = self.box
        height, width = grid.shape
        a, b, c, d = top + margin, left + margin, bottom - margin + 1, right - margin + 1
        if a >= c or b >= d or a < 0 or b < 0 or c > height or d > width:
            return None
        cells = grid[a:c, b:d]
        if own and self.mask is not None and margin == 0:
            cells = np.where(self.mask, cells, bg)
        return contiguous(cells)


def schema() -> tuple[Feature, ...]:
    """The features of a region, in row order."""
    result = [Feature(name, NUMBER, 450) for name in _SCALARS]
    result += [Feature(f"most_{name}", NUMBER, 300) for name in _RANKED]
    result += [Feature(f"fewest_{name}", NUMBER, 320) for name in _RANKED]
    result += [Feature(name, NUMBER, 350) for name in _KINSHIP]
    result += [Feature(f"rank_{name}", NUMBER, 400) for name in _KINSHIP]
    result += [Feature(name, CLASS, 400) for name in _FLAGS]
    result += [Feature(name, COLOUR, 380) for name in _COLOURS]
    result += [Feature(f"own_{name}", NUMBER, 430) for name in _OWN]
    result += [Feature(f"own_{name}", COLOUR, 430) for name in _OWN_COLOURS]
    result += [Feature(f"has_{colour}", CLASS, 400) for colour in range(10)]
    result += [Feature(f"rank_of_{colour}", NUMBER, 450) for colour in range(10)]
    result += [Feature(f"count_of_{colour}", NUMBER, 500) for colour in range(10)]
    result.append(Feature("only_flag", NUMBER, 350))
    return tuple(result)


SCHEMA = schema()
INDEX = {feature.name: index for index, feature in enumerate(SCHEMA)}


def find(grid: Grid, kind: str, bg: int) -> tuple[list[Region], NDArray[Any] | None]:
    """The regions of one kind in scan order (empty when there are too many) and their component properties."""
    height, width = grid.shape
    if kind in _MODES:
        mode = _MODES[kind]
        labels, n = label(grid, mode, bg)
        if not 1 <= n <= MAX_REGIONS:
            return [], None
        found = []
        for k, (a, b, c, d) in enumerate(boxes(labels, n).tolist()):
            found.append(Region((a, b, c, d), labels[a : c + 1, b : d + 1] == k))
        return found, properties(grid, labels, n, bg, mode in (1, 2))
    spots: list[tuple[int, int, int, int]] = []
    if kind == "panel":
        cut = separators(grid)
        if cut is not None:
            spots = [(a, c, b - 1, d - 1) for a, b in cut[1] for c, d in cut[2]]
    elif kind == "colour":
        for colour in np.unique(grid).tolist():
            if colour != bg:
                spots.append(_extent(grid == colour))
    elif kind == "all":
        if (grid != bg).any():
            spots = [_extent(grid != bg)]
    else:
        parts = 2 if kind == "half" else 3
        if height % parts == 0 and height >= width:
            step = height // parts
            spots = [(k * step, 0, k * step + step - 1, width - 1) for k in range(parts)]
        if width % parts == 0 and width >= height and not (spots and width == height):
            step = width // parts
            spots = [(0, k * step, height - 1, k * step + step - 1) for k in range(parts)]
    if len(spots) > MAX_REGIONS:
        return [], None
    return [Region(spot, None) for spot in spots], None


def _extent(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows = np.flatnonzero(mask.any(axis=1))
    cols = np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(cols[0]), int(rows[-1]), int(cols[-1])


def _ranks(values: NDArray[Any]) -> NDArray[Any]:
    """How many rivals are strictly larger."""
    ranks: NDArray[Any] = (values[None, :] > values[:, None]).sum(axis=1)
    return ranks


def _equal(keys: list[Any]) -> NDArray[Any]:
    """How many regions share each key, itself included."""
    return np.array([keys.count(key) for key in keys])


def _forms(patterns: list[NDArray[np.bool_]]) -> list[Any]:
    """Form keys; a pattern that differs from all others in its sides or its count needs no closer look."""
    rough = [(*sorted(p.shape), int(p.sum())) for p in patterns]
    return [_form(p) if rough.count(key) > 1 else key for p, key in zip(patterns, rough, strict=True)]


def _form(pattern: NDArray[np.bool_]) -> bytes:
    """A key of a pattern that turning and mirroring leave alone."""
    turned = [np.rot90(side, k) for side in (pattern, pattern[:, ::-1]) for k in range(4)]
    return min(bytes(t.shape) + np.ascontiguousarray(t).tobytes() for t in turned)


def table(grid: Grid, regions: list[Region], own: NDArray[Any] | None, bg: int) -> NDArray[np.int8]:
    """The features of `SCHEMA` for each region: (feature, region)."""
    n = len(regions)
    crops = [grid[r.box[0] : r.box[2] + 1, r.box[1] : r.box[3] + 1] for r in regions]
    tallies = np.array([np.bincount(crop.ravel(), minlength=10) for crop in crops])
    inks = tallies.copy()
    inks[:, bg] = 0
    filled = inks.sum(axis=1)
    colours = (inks > 0).sum(axis=1)
    parts = np.array([label(contiguous(crop), 1, bg)[1] for crop in crops])
    spots = np.array([r.box for r in regions])
    space = np.array([crop.size for crop in crops])
    size = own[:, 0] if own is not None else filled
    scalars = [filled, spots[:, 2] - spots[:, 0] + 1, spots[:, 3] - spots[:, 1] + 1, colours, parts]
    ranked = [filled, space, colours, parts, -spots[:, 0], -spots[:, 1], spots[:, 2], spots[:, 3],
              filled * 1000 // space, size]  # fmt: skip
    patterns = [crop != bg if r.mask is None else r.mask for crop, r in zip(crops, regions, strict=True)]
    main = np.where(filled > 0, inks.argmax(axis=1), NONE)
    scarce = np.where(inks > 0, inks, 10_000)
    rare = np.where(colours > 1, scarce.argmin(axis=1), NONE)
    kin = [
        _equal([grid_key(crop) for crop in crops]),
        _equal([bytes(p.shape) + np.ascontiguousarray(p).tobytes() for p in patterns]),
        _equal(_forms(patterns)),
        _equal(filled.tolist()),
        _equal(main.tolist()),
    ]
    square = np.array([crop.shape[0] == crop.shape[1] for crop in crops])
    flags = [
        np.array([bool((crop == crop[:, ::-1]).all()) for crop in crops]),
        np.array([bool((crop == crop[::-1]).all()) for crop in crops]),
        np.array([bool(s and ((crop == crop.T).all() or (crop == crop[::-1, ::-1].T).all()))
                  for s, crop in zip(square, crops, strict=True)]),
        square,
        (spots[:, :2] == 0).any(axis=1) | (spots[:, 2:] == np.array(grid.shape) - 1).any(axis=1),
        np.array([bool((crop == crop[0, 0]).all()) for crop in crops]),
    ]  # fmt: skip
    around = own[:, PROPS.index("around")] if own is not None else np.full(n, NONE)
    members = [np.zeros(n, np.int64) if own is None else own[:, PROPS.index(name)] for name in _OWN]
    members += [np.full(n, NONE) if own is None else own[:, PROPS.index(name)] for name in _OWN_COLOURS]
    odd = sum((flag == 1) * (flag.sum() == 1) for flag in flags[:3])
    rows = [*scalars, *(_ranks(v) for v in ranked), *(_ranks(-v) for v in ranked), *kin, *(_ranks(-k) for k in kin)]
    rows += [*flags, main, rare, around, *members, *(tallies.T > 0), *(_ranks(t) for t in tallies.T), *tallies.T, odd]
    result: NDArray[np.int8] = np.minimum(np.array([np.asarray(row, np.int64) for row in rows]), 120).astype(np.int8)
    return result
