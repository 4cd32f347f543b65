"""Outputs that sum the input up: a shape given by counts, cells given by sorted colours, counts and roles."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.experiments.engine.synthesis.limits import SIDE
from apps.experiments.engine.synthesis.rules.base import Meter, Pairs, Proposal, contiguous
from apps.experiments.engine.synthesis.rules.cells import NONE
from apps.experiments.engine.synthesis.rules.cellwise import Reading, cellwise
from apps.experiments.engine.synthesis.rules.components import PROPS, label, properties
from apps.experiments.engine.synthesis.rules.features import background, background_modes
from apps.experiments.engine.synthesis.rules.frames import Views, frame
from apps.experiments.engine.synthesis.rules.layout import separators
from apps.tasks.engine.puzzle import Grid

_P = {name: index for index, name in enumerate(PROPS)}
MAX_OUTPUT = 150
"""Summaries are small: cells in the largest output considered."""


@lru_cache(maxsize=128)
def _facts(shape: tuple[int, int], data: bytes, bg_mode: int) -> tuple[dict[str, int], dict[str, list[int]], Any]:
    """Counts by name, lists of colours by name, and counts that go with the lists."""
    grid = np.frombuffer(data, np.int8).reshape(shape)
    bg = background(grid, bg_mode)
    tally = np.bincount(grid.ravel(), minlength=10)
    inks = [k for k in range(10) if tally[k] and k != bg]
    labels, n = label(grid, 1, bg)
    props = properties(grid, labels, n, bg, True)
    colours = props[:, _P["main_colour"]]
    numbers = {"height": shape[0], "width": shape[1], "inks": len(inks), "objects": n}
    numbers["shapes"] = label(grid, 2, bg)[1]
    numbers["areas"] = label(grid, 0, bg)[1]
    for k in range(10):
        numbers[f"cells_{k}"] = int(tally[k])
        numbers[f"objects_{k}"] = int((colours == k).sum())
        numbers[f"blobs_{k}"] = int(((colours == k) & (props[:, _P["size"]] > 1)).sum())
    numbers["blobs"] = int((props[:, _P["size"]] > 1).sum())
    numbers["dots"] = n - numbers["blobs"]
    numbers["cells"] = int(tally.sum() - tally[bg])
    sizes = props[:, _P["size"]]
    numbers["max_size"] = int(sizes.max()) if n else 0
    numbers["max_height"] = int(props[:, _P["height"]].max()) if n else 0
    numbers["max_width"] = int(props[:, _P["width"]].max()) if n else 0
    numbers["boxes"] = int(props[:, _P["is_box"]].sum()) if n else 0
    numbers["holes"] = int(props[:, _P["holes"]].sum()) if n else 0
    numbers["repeats"] = int(props[:, _P["same_form"]].max()) if n else 0
    per_colour = [int((colours == k).sum()) for k in range(10)]
    numbers["most_objects"] = max(per_colour)
    numbers["most_cells"] = max((int(tally[k]) for k in inks), default=0)
    numbers["fewest_cells"] = min((int(tally[k]) for k in inks), default=0)
    numbers["lr"] = int((grid == grid[:, ::-1]).all())
    numbers["ud"] = int((grid == grid[::-1]).all())
    cut = separators(grid)
    numbers["panel_rows"] = len(cut[1]) if cut else 1
    numbers["panel_cols"] = len(cut[2]) if cut else 1
    first = {k: int(np.argmax(grid.ravel() == k)) for k in inks}
    left = {k: int(np.argmax((grid == k).any(axis=0))) for k in inks}
    lists = {
        "by_cells": sorted(inks, key=lambda k: (-int(tally[k]), k)),
        "by_objects": sorted(inks, key=lambda k: (-per_colour[k], first[k])),
        "by_top": sorted(inks, key=lambda k: (first[k] // shape[1], left[k])),
        "by_left": sorted(inks, key=lambda k: (left[k], first[k])),
    }
    for name in ("by_cells", "by_objects", "by_top", "by_left"):
        lists[f"rest_{name}"] = lists[name][1:]
    bars = {
        "by_cells": [int(tally[k]) for k in lists["by_cells"]],
        "by_objects": [per_colour[k] for k in lists["by_objects"]],
    }
    places = range(n)
    tops, lefts = props[:, _P["top"]], props[:, _P["left"]]
    orders = {
        "things_left": sorted(places, key=lambda k: (int(lefts[k]), int(tops[k]))),
        "things_top": sorted(places, key=lambda k: (int(tops[k]), int(lefts[k]))),
        "things_size": sorted(places, key=lambda k: (-int(sizes[k]), int(tops[k]), int(lefts[k]))),
    }
    for name, order in orders.items():
        lists[name] = [int(colours[k]) for k in order]
    return numbers, lists, (bars, _roles(bg, props, colours, lists))


def _roles(bg: int, props: NDArray[Any], colours: NDArray[Any], lists: dict[str, list[int]]) -> dict[str, int]:
    """Colours by the part they play, 10 where no one plays it alone."""
    result = {"ground": bg, "odd_form": NONE, "odd_size": NONE, "holed": NONE, "symmetric": NONE, "asymmetric": NONE}
    result["odd_colour"] = NONE

    def only(mask: NDArray[np.bool_]) -> int:
        found = np.unique(colours[mask])
        return int(found[0]) if len(found) == 1 else NONE

    if len(props):
        result["odd_form"] = only(props[:, _P["same_form"]] == 1)
        result["odd_size"] = only(props[:, _P["same_size"]] == 1)
        result["odd_colour"] = only(props[:, _P["same_colour"]] == 1)
        holes = props[:, _P["holes"]]
        result["holed"] = only(holes == holes.max()) if holes.max() > 0 else NONE
        even = (props[:, _P["sym_lr"]] + props[:, _P["sym_ud"]]) > 0
        result["symmetric"] = only(even)
        result["asymmetric"] = only(~even)
        result["boxy"] = only(props[:, _P["is_box"]] == 1)
        result["ragged"] = only(props[:, _P["is_box"]] == 0)
    else:
        result["boxy"] = result["ragged"] = NONE
    for name in ("by_cells", "by_objects", "by_top", "by_left", "things_size"):
        items = lists[name]
        result[f"first_{name}"] = items[0] if items else NONE
        result[f"last_{name}"] = items[-1] if items else NONE
    return result


def facts(grid: Grid, bg_mode: int) -> tuple[dict[str, int], dict[str, list[int]], Any]:
    """What `summary` reads off a grid."""
    grid = contiguous(grid)
    return _facts(grid.shape, grid.tobytes(), bg_mode)


def _side(spec: Any, numbers: dict[str, int]) -> int:
    return int(spec) if isinstance(spec, int) else numbers[spec]


@frame("summary")
def _summary(grid: Grid, bg_mode: int, tall: Any, wide: Any) -> Views | None:
    numbers, lists, (bars, roles) = facts(grid, bg_mode)
    height, width = _side(tall, numbers), _side(wide, numbers)
    if not (1 <= height <= SIDE and 1 <= width <= SIDE) or height * width > MAX_OUTPUT:
        return None
    rows, cols = np.indices((height, width))
    across, down = rows * width + cols, cols * height + rows
    views: Views = [("blank", np.zeros((height, width), np.int8))]
    for name in sorted(roles):
        views.append((name, np.full((height, width), roles[name], np.int8)))
    for name in sorted(lists):
        items = np.array(lists[name] + [NONE], np.int8)
        last = len(items) - 1
        views.append((f"{name}_across", items[np.minimum(across, last)]))
        views.append((f"{name}_row", items[np.minimum(rows, last)]))
        views.append((f"{name}_col", items[np.minimum(cols, last)]))
        views.append((f"{name}_up", items[np.minimum(height - 1 - rows, last)]))
    for name in sorted(bars):
        lengths = np.array(bars[name] + [0])
        last = len(lengths) - 1
        views.append((f"#{name}_bar", (cols < lengths[np.minimum(rows, last)]).astype(np.int8)))
        views.append((f"#{name}_column", (rows < lengths[np.minimum(cols, last)]).astype(np.int8)))
    for name in sorted(numbers):
        count = numbers[name]
        views.append((f"#{name}", np.full((height, width), min(count, 120), np.int8)))
        if name not in ("height", "width", "lr", "ud"):
            views.append((f"#first_{name}", (across < count).astype(np.int8)))
            views.append((f"#down_{name}", (down < count).astype(np.int8)))
    return [(name, contiguous(view)) for name, view in views]


def _specs(sizes: Sequence[int], counts: Sequence[dict[str, int]], n: int) -> list[tuple[Any, int]]:
    """What may give a side of these sizes: a constant, or counts that agree, with costs."""
    if len(set(sizes)) == 1:
        return [(sizes[0], 100)]
    names = [name for name in counts[0] if all(c[name] == size for c, size in zip(counts, sizes, strict=False))]
    return [(name, 400) for name in names[:n]]


def summaries(pairs: Pairs, tests: Sequence[Grid], meter: Meter) -> list[Proposal]:
    """Cell-wise rules over what sums the input up."""
    if any(wanted.size > MAX_OUTPUT or given.shape == wanted.shape for given, wanted in pairs):
        return []
    result: list[Proposal] = []
    grids = [given for given, _wanted in pairs]
    for bg_mode in background_modes(grids + list(tests)):
        counts = [facts(grid, bg_mode)[0] for grid in grids]
        tall = _specs([wanted.shape[0] for _given, wanted in pairs], counts, 2)
        wide = _specs([wanted.shape[1] for _given, wanted in pairs], counts, 2)
        for height, height_cost in tall:
            for width, width_cost in wide:
                if meter.empty:
                    return result
                call = ("summary", bg_mode, height, width)
                cost = 300 + height_cost + width_cost
                result += cellwise(pairs, tests, meter, Reading(call, cost, "summary", 0))
        if result:
            break
    return result
