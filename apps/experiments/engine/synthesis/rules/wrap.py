"""Seeing a grid as something smaller or more alike before a rule applies, and putting the result back.

Wrappers: `macro` (one cell for each uniform block between separators), `shrunk` (one for each k by k block),
`roles` (colours that vary between grids renamed by how common they are), `panel` and `shape` (each panel between
separators, or the box of each shape, as a puzzle of its own).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from apps.experiments.engine.synthesis.rules.base import (
    OPS,
    Call,
    Meter,
    Pairs,
    Proposal,
    contiguous,
    merged,
    op,
    proposal,
    run_calls,
)
from apps.experiments.engine.synthesis.rules.components import boxes, label
from apps.experiments.engine.synthesis.rules.features import background
from apps.experiments.engine.synthesis.rules.layout import separators
from apps.tasks.engine.puzzle import Grid

MOST_PARTS = 30
"""Panels or shapes that are looked at one by one."""

Spot = tuple[int, int, int, int]
"""Top, left, bottom, right; the last two exclusive."""


@dataclass(frozen=True, eq=False)
class View:
    """A grid seen through a wrapper: its parts, and how to read an output's parts and put parts back."""

    parts: list[Grid]
    read: Callable[[Grid], list[Grid] | None]
    write: Callable[[list[Grid]], Grid | None]


def _uniform(grid: Grid, rows: list[tuple[int, int]], cols: list[tuple[int, int]]) -> Grid | None:
    out = np.zeros((len(rows), len(cols)), np.int8)
    for i, (a, b) in enumerate(rows):
        for j, (c, d) in enumerate(cols):
            block = grid[a:b, c:d]
            if (block != block[0, 0]).any():
                return None
            out[i, j] = block[0, 0]
    return out


def _macro(grid: Grid, _shared: Any) -> View | None:
    found = separators(grid)
    if found is None:
        return None
    _colour, rows, cols = found
    small = _uniform(grid, rows, cols)
    if small is None or small.size < 4 or len(rows) == grid.shape[0]:
        return None
    return _blocky(grid, small, rows, cols)


def _blocky(grid: Grid, small: Grid, rows: list[tuple[int, int]], cols: list[tuple[int, int]]) -> View:
    rest = np.ones(grid.shape, np.bool_)
    for a, b in rows:
        for c, d in cols:
            rest[a:b, c:d] = False

    def read(output: Grid) -> list[Grid] | None:
        if output.shape != grid.shape or (output != grid)[rest].any():
            return None
        part = _uniform(output, rows, cols)
        return None if part is None else [part]

    def write(parts: list[Grid]) -> Grid | None:
        if parts[0].shape != small.shape:
            return None
        out = grid.copy()
        for i, (a, b) in enumerate(rows):
            for j, (c, d) in enumerate(cols):
                out[a:b, c:d] = parts[0][i, j]
        return out

    return View([small], read, write)


def _shrunk(grid: Grid, shared: Any) -> View | None:
    k = int(shared)
    height, width = grid.shape
    if height % k or width % k:
        return None
    rows = [(r, r + k) for r in range(0, height, k)]
    cols = [(c, c + k) for c in range(0, width, k)]
    small = _uniform(grid, rows, cols)
    return None if small is None else _blocky(grid, small, rows, cols)


def _roles(grid: Grid, shared: Any) -> View | None:
    fixed = [int(colour) for colour in shared]
    counts = np.bincount(grid.ravel(), minlength=10)
    first = {int(c): int(np.argmax(grid.ravel() == c)) for c in range(10) if counts[c]}
    loose = sorted((c for c in first if c not in fixed), key=lambda c: (-int(counts[c]), first[c]))
    names = [c for c in range(10) if c not in fixed]
    to = np.arange(10, dtype=np.int8)
    back = np.full(10, -1, np.int8)
    back[fixed] = fixed
    for colour, name in zip(loose, names, strict=False):
        to[colour] = name
        back[name] = colour
    known = np.zeros(10, np.bool_)
    known[loose] = True
    known[fixed] = True

    def read(output: Grid) -> list[Grid] | None:
        return [to[output]] if known[output].all() else None

    def write(parts: list[Grid]) -> Grid | None:
        out = back[parts[0]]
        return None if (out < 0).any() else contiguous(out)

    return View([contiguous(to[grid])], read, write)


def _spots(grid: Grid, spots: list[Spot]) -> View | None:
    if not 2 <= len(spots) <= MOST_PARTS:
        return None
    rest = np.ones(grid.shape, np.bool_)
    for a, c, b, d in spots:
        if not rest[a:b, c:d].all():
            return None
        rest[a:b, c:d] = False

    def read(output: Grid) -> list[Grid] | None:
        if output.shape != grid.shape or (output != grid)[rest].any():
            return None
        return [contiguous(output[a:b, c:d]) for a, c, b, d in spots]

    def write(parts: list[Grid]) -> Grid | None:
        out = grid.copy()
        for (a, c, b, d), part in zip(spots, parts, strict=True):
            if part.shape != (b - a, d - c):
                return None
            out[a:b, c:d] = part
        return out

    return View([contiguous(grid[a:b, c:d]) for a, c, b, d in spots], read, write)


def _panel(grid: Grid, _shared: Any) -> View | None:
    found = separators(grid)
    if found is None:
        return None
    _colour, rows, cols = found
    return _spots(grid, [(a, c, b, d) for a, b in rows for c, d in cols])


def _shape(grid: Grid, shared: Any) -> View | None:
    labels, n = label(grid, 2, background(grid, int(shared)))
    if not 2 <= n <= MOST_PARTS:
        return None
    return _spots(grid, [(a, b, c + 1, d + 1) for a, b, c, d in boxes(labels, n).tolist()])


WRAPPERS: dict[str, Callable[[Grid, Any], View | None]] = {
    "macro": _macro, "shrunk": _shrunk, "roles": _roles, "panel": _panel, "shape": _shape,
}  # fmt: skip
_COSTS = {"macro": 300, "shrunk": 300, "roles": 500, "panel": 500, "shape": 600}


def _text(params: Any) -> str:
    name, shared, calls = params
    inner = "\n".join("    " + line for n, p in calls for line in OPS[n].text(p).split("\n"))
    return f"each part of {name}(grid, {shared!r}):\n{inner}"


@op("within", _text)
def _within(grid: Grid, params: Any) -> Grid | None:
    name, shared, calls = params
    view = WRAPPERS[name](contiguous(grid), shared)
    if view is None:
        return None
    parts = [run_calls(calls, part) for part in view.parts]
    if any(part is None for part in parts):
        return None
    return view.write([part for part in parts if part is not None])


def _settings(pairs: Pairs, tests: Sequence[Grid]) -> list[tuple[str, Any]]:
    """Wrappers worth trying, with what they share over all grids."""
    result: list[tuple[str, Any]] = [("macro", 0), ("panel", 0), ("shape", 0)]
    inputs = [given for given, _wanted in pairs] + list(tests)
    for k in range(6, 1, -1):
        if all(_shrunk(grid, k) is not None for grid in inputs):
            result.append(("shrunk", k))
            break
    present = [set(np.unique(grid).tolist()) for grid in inputs]
    fixed = set.intersection(*present)
    for given, wanted in pairs:
        fixed |= set(np.unique(wanted).tolist()) - set(np.unique(given).tolist())
    if any(colours - fixed for colours in present):
        result.append(("roles", tuple(sorted(fixed))))
    return result


Inner = Callable[[Pairs, Sequence[Grid], Meter], list[Proposal]]


def wrapped(pairs: Pairs, tests: Sequence[Grid], meter: Meter, inner: Inner) -> list[Proposal]:
    """What the `inner` family finds under each wrapper."""
    result: list[Proposal] = []
    for name, shared in _settings(pairs, tests):
        if meter.empty:
            break
        found = _under(name, shared, pairs, tests, meter, inner)
        result += found
    return result


def _under(name: str, shared: Any, pairs: Pairs, tests: Sequence[Grid], meter: Meter, inner: Inner) -> list[Proposal]:
    small: list[tuple[Grid, Grid]] = []
    for given, wanted in pairs:
        view = WRAPPERS[name](given, shared)
        read = None if view is None else view.read(wanted)
        if view is None or read is None:
            return []
        small += zip(view.parts, read, strict=True)
    views = [WRAPPERS[name](grid, shared) for grid in tests]
    asked: list[Grid] = []
    for view in views:
        if view is None:
            return []
        asked += view.parts
    result = []
    for item in merged(inner(small, asked, meter), 4):
        outputs: list[Grid] = []
        start = 0
        for view in views:
            if view is None:
                break
            stop = start + len(view.parts)
            out = view.write(list(item.outputs[start:stop]))
            start = stop
            if out is None:
                break
            outputs.append(out)
        if len(outputs) < len(tests):
            continue
        inner_calls: tuple[Call, ...] = item.program.calls
        calls = (("within", (name, shared, inner_calls)),)
        found = proposal(calls, item.program.cost + _COSTS[name], f"{name}:{item.program.family}", tests, outputs)
        if found is not None:
            result.append(found)
    return result
