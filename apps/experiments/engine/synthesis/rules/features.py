"""The feature table of a grid: one row a feature, one column a cell, with each feature's kind and cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.experiments.engine.synthesis.rules.cells import (
    LOCAL,
    LOCAL_COLOURS,
    NONE,
    colour_features,
    in_boxes,
    local_features,
    more_features,
    spread,
)
from apps.experiments.engine.synthesis.rules.components import COLOUR_PROPS, PROPS, boxes, label, properties
from apps.experiments.engine.synthesis.rules.context import CONTEXT, CONTEXT_COLOURS, context_features
from apps.experiments.engine.synthesis.rules.motion import VIEWS, derived
from apps.experiments.engine.synthesis.rules.wider import WIDER, WIDER_COLOURS, wider_features
from apps.tasks.engine.puzzle import Grid

COLOUR, CLASS, NUMBER = 0, 1, 2
"""Kinds of feature: a colour (10: none), a class without order, a number with order."""


@dataclass(frozen=True)
class Feature:
    """A feature's name, kind and cost in hundredths of bits."""

    name: str
    kind: int
    cost: int


_LOCAL_COSTS = {
    "own": 100, "near": 500, "ray": 400, "other": 550, "between": 350, "mirror": 500, "row_colour": 450,
    "col_colour": 450, "row_first": 450, "row_last": 500, "col_first": 450, "col_last": 500, "nearest": 400,
    "n4": 350, "n8": 350, "same4": 400, "same8": 400, "diagonal": 500, "rays4": 450, "rays8": 500,
    "row_mod2": 400, "col_mod2": 400, "sum_mod2": 450, "row_mod3": 600, "col_mod3": 600, "sum_mod3": 600,
    "dif_mod3": 650, "edge": 400, "top": 600, "bottom": 600, "left": 600, "right": 600, "on_diagonal": 500,
    "on_antidiagonal": 500, "row_kind": 450, "col_kind": 450, "distance8": 500, "distance4": 550,
    "half_v": 650, "half_h": 650, "row_count": 650, "col_count": 650, "row_size": 1000, "col_size": 1000,
    "same_h": 650, "same_v": 650,
}  # fmt: skip
_LOCAL_CLASSES = frozenset(
    {
        "row_mod2", "col_mod2", "sum_mod2", "row_mod3", "col_mod3", "sum_mod3", "dif_mod3", "on_diagonal",
        "on_antidiagonal", "row_kind", "col_kind",
    }
)  # fmt: skip
_PROP_COSTS = {
    "size": 350, "height": 450, "width": 450, "rank_big": 350, "rank_small": 350, "on_edge": 350, "is_box": 400,
    "holes": 400, "sym_lr": 500, "sym_ud": 500, "same_shape": 450, "same_size": 500, "same_colour": 500,
    "colours": 450, "main_colour": 350, "rare_colour": 400, "around": 400, "square": 500, "rank_top": 550,
    "rank_left": 550, "rank_bottom": 550, "rank_right": 550, "touching": 500, "inside": 500, "rank_colours": 500,
    "rank_holes": 550, "same_form": 500, "top": 900, "left": 900, "rare_count": 500, "rank_rare": 500,
    "twin_colour": 450, "next_colour": 450, "next_gap": 550, "sees_n": 500, "sees_e": 500, "sees_s": 500, "sees_w": 500,
}  # fmt: skip
_PROP_CLASSES = frozenset({"on_edge", "is_box", "sym_lr", "sym_ud", "square"})
_PLACE = ("place_top", "place_bottom", "place_left", "place_right", "place_edge", "corner", "centre")
_SEGMENTS = (("area", 0, 0), ("object", 1, 50), ("shape", 2, 50), ("kin", 5, 100))
_KIN_SKIPPED = frozenset({"holes", "rank_holes", "on_edge", "touching", "around", "same_colour", "colours"})
_PER_COLOUR = (("row_has", 450), ("col_has", 450), ("around8", 450), ("around4", 450), ("meets", 400), ("holds", 400))
_GLOBALS = (
    ("most", COLOUR, 350), ("second", COLOUR, 450), ("least", COLOUR, 400), ("biggest", COLOUR, 450),
    ("smallest", COLOUR, 450), ("corner_nw", COLOUR, 450), ("corner_ne", COLOUR, 500), ("corner_sw", COLOUR, 500),
    ("corner_se", COLOUR, 500), ("colours", NUMBER, 700), ("objects", NUMBER, 700),
)  # fmt: skip


_COUNTS = ("above", "below", "before", "behind")
_WIDER_COSTS = {
    "far": 650, "mirror": 550, "centre": 500, "ink": 450, "run": 550, "parity": 500, "bottom": 500, "right": 500,
    "all": 700, "four": 650,
}  # fmt: skip


def _local_schema() -> list[Feature]:
    result = []
    for index, name in enumerate(LOCAL):
        cost = _LOCAL_COSTS.get(name) or _LOCAL_COSTS[name.split("_")[0]]
        kind = COLOUR if index < LOCAL_COLOURS else CLASS if name in _LOCAL_CLASSES else NUMBER
        result.append(Feature(name, kind, cost))
    return result


@lru_cache(maxsize=64)
def schema(views: tuple[str, ...] = ()) -> tuple[Feature, ...]:
    """The features of a table with these further views, in row order."""
    result = _local_schema()
    for prefix, _mode, extra in _SEGMENTS:
        for name in PROPS:
            kind = COLOUR if name in COLOUR_PROPS else CLASS if name in _PROP_CLASSES else NUMBER
            result.append(Feature(f"{prefix}.{name}", kind, _PROP_COSTS[name] + extra))
        for name in _PLACE:
            kind = CLASS if name in ("corner", "centre") else NUMBER
            result.append(Feature(f"{prefix}.{name}", kind, 550 + extra))
    for colour in range(10):
        for name, cost in _PER_COLOUR:
            kind = NUMBER if name.startswith("around") else CLASS
            result.append(Feature(f"{name}_{colour}", kind, cost + 100))
    result += [Feature("open8", CLASS, 400), Feature("in_box", CLASS, 450), Feature("in_box_colour", COLOUR, 500)]
    result += [Feature("in_kin_box", CLASS, 500), Feature("in_kin_box_colour", COLOUR, 500)]
    result += [Feature(f"all.{name}", kind, cost) for name, kind, cost in _GLOBALS]
    result += [Feature(name, COLOUR, 550) for name in VIEWS]
    for index, name in enumerate(WIDER):
        kind = COLOUR if index < WIDER_COLOURS else NUMBER if name.startswith(("run", *_COUNTS)) else CLASS
        result.append(Feature(name, kind, _WIDER_COSTS.get(name.split("_")[0], 550)))
    for index, name in enumerate(CONTEXT):
        result.append(Feature(name, COLOUR if index < len(CONTEXT_COLOURS) else NUMBER, 500))
    for name in views:
        result.append(Feature(f"view.{name}", NUMBER if name.startswith("#") else COLOUR, 300))
    return tuple(result)


@lru_cache(maxsize=64)
def positions(views: tuple[str, ...] = ()) -> dict[str, int]:
    """Row of each feature by name."""
    return {feature.name: index for index, feature in enumerate(schema(views))}


def background(grid: Grid, mode: int) -> int:
    """The background colour: `mode` itself, or the grid's most common colour where it is negative."""
    return mode if mode >= 0 else int(np.bincount(grid.ravel(), minlength=10).argmax())


def background_modes(grids: Sequence[Grid]) -> list[int]:
    """Notions of background worth trying for these inputs, likeliest first: 0, or -1 (most common)."""
    common = [background(grid, -1) for grid in grids]
    zeros = sum(bool((grid == 0).any()) for grid in grids)
    if all(colour == 0 for colour in common):
        return [0]
    if zeros == 0:
        return [-1]
    return [0, -1] if 2 * zeros > len(grids) else [-1, 0]


def _nothing() -> NDArray[np.int8]:
    none = np.full(len(PROPS) + len(_PLACE), -1, np.int8)
    for index, name in enumerate(PROPS):
        if name in COLOUR_PROPS:
            none[index] = NONE
    return none


def _globals(grid: Grid, bg: int, table: NDArray[Any]) -> list[int]:
    counts = np.bincount(grid.ravel(), minlength=10)
    present = sorted((colour for colour in range(10) if counts[colour] and colour != bg), key=lambda k: (-counts[k], k))
    most = present[0] if present and (len(present) == 1 or counts[present[0]] > counts[present[1]]) else NONE
    second = present[1] if len(present) > 1 else NONE
    least = present[-1] if present and (len(present) == 1 or counts[present[-1]] < counts[present[-2]]) else NONE
    biggest = smallest = NONE
    if len(table):
        sizes = table[:, 0]
        big = np.unique(table[sizes == sizes.max(), 14])
        small = np.unique(table[sizes == sizes.min(), 14])
        biggest = int(big[0]) if len(big) == 1 else NONE
        smallest = int(small[0]) if len(small) == 1 else NONE
    corners = [int(grid[0, 0]), int(grid[0, -1]), int(grid[-1, 0]), int(grid[-1, -1])]
    return [most, second, least, biggest, smallest, *corners, len(present), min(len(table), 120)]


def _kin_colours(grid: Grid, bg: int) -> NDArray[np.int8]:
    """The colours but the background in order of first appearance: those of the `kin` components."""
    colours, first = np.unique(grid, return_index=True)
    ordered = colours[np.argsort(first)]
    result: NDArray[np.int8] = ordered[ordered != bg].astype(np.int8)
    return result


def table(grid: Grid, bg_mode: int, views: Sequence[Grid] = ()) -> NDArray[np.int8]:
    """The feature table of `grid`: (feature, cell) in the order of `schema`; views share the grid's shape."""
    grid = np.ascontiguousarray(grid, dtype=np.int8)
    base = _table(grid.shape, grid.tobytes(), background(grid, bg_mode))
    if not views:
        return base
    return np.concatenate([base, np.array([view.ravel() for view in views], np.int8)])


@lru_cache(maxsize=64)
def _table(shape: tuple[int, int], data: bytes, bg: int) -> NDArray[np.int8]:
    grid = np.frombuffer(data, np.int8).reshape(shape).copy()
    parts = [more_features(grid, bg, local_features(grid, bg))]
    labels4: Any = None
    found: list[tuple[Any, Any, Any, Any]] = []
    tables: list[Any] = []
    for _prefix, mode, _extra in _SEGMENTS:
        labels, n = label(grid, mode, bg)
        props = properties(grid, labels, n, bg, mode in (1, 2))
        box = boxes(labels, n)
        held = in_boxes(labels, box, props[:, 0], *grid.shape) if mode else None
        found.append((labels, n, box, held))
        tables.append(props)
        parts.append(spread(props, labels, box, _nothing()))
        if mode == 0:
            labels4, n4 = labels, n
        elif mode == 2:
            parts.append(colour_features(grid, labels4, n4, labels, n))
    all_labels, n = label(grid, 1, -1)
    box = boxes(all_labels, n)
    held = found[1][3]
    height, width = grid.shape
    open8 = (box[:, 0] == 0) | (box[:, 1] == 0) | (box[:, 2] == height - 1) | (box[:, 3] == width - 1)
    kin = found[3][3]
    rest = np.empty((5 + len(_GLOBALS), height, width), np.int8)
    rest[0] = open8[all_labels]
    rest[1] = held >= 0
    rest[2] = np.where(held >= 0, np.append(tables[1][:, 14], NONE)[held], NONE)
    colours = np.append(_kin_colours(grid, bg), NONE)
    rest[3] = kin >= 0
    rest[4] = colours[kin]
    for index, value in enumerate(_globals(grid, bg, tables[1])):
        rest[5 + index] = value
    parts.append(rest)
    objects, shapes = found[1], found[2]
    parts.append(derived(grid, bg, *objects, shapes[0], shapes[2], shapes[3]))
    parts.append(wider_features(grid, bg, objects[0], objects[2], parts[0][LOCAL.index("distance8")]))
    parts.append(context_features(grid, bg, objects, shapes, tables[1], tables[2]))
    result = np.concatenate(parts).reshape(-1, height * width)
    result.setflags(write=False)
    return result
