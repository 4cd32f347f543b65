"""What every rule family shares: operations by name, programs as pipelines of them, and the step meter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.experiments.engine.strategy import Step
from apps.experiments.engine.synthesis.program import decoders
from apps.tasks.engine.grids import is_valid, same
from apps.tasks.engine.puzzle import Grid

KIND = "rules"
"""The `kind` of every program of this package in its JSON form."""

Pairs = Sequence[tuple[Grid, Grid]]
Call = tuple[str, Any]
"""An operation's name and its JSON parameters (scalars, strings, tuples of them)."""


@dataclass(frozen=True)
class Op:
    """An operation from grid to grid: `run(grid, params)` is total (None: does not apply) and mutates nothing."""

    run: Callable[[Grid, Any], Grid | None]
    text: Callable[[Any], str]


OPS: dict[str, Op] = {}
"""Every operation a pipeline may call, by name; families register theirs on import."""


def op(name: str, text: Callable[[Any], str]) -> Callable[[Callable[[Grid, Any], Grid | None]], Callable[..., Any]]:
    """Register the decorated function as operation `name`, printed by `text(params)`."""

    def register(run: Callable[[Grid, Any], Grid | None]) -> Callable[[Grid, Any], Grid | None]:
        OPS[name] = Op(run, text)
        return run

    return register


def frozen(value: Any) -> Any:
    """JSON lists as tuples, all the way down, so that decoded parameters equal the originals."""
    if isinstance(value, list | tuple):
        return tuple(frozen(item) for item in value)
    return value


def thawed(value: Any) -> Any:
    """The inverse of `frozen`."""
    if isinstance(value, tuple):
        return [thawed(item) for item in value]
    return value


@dataclass(eq=False)
class Pipeline:
    """A program: operations applied one after the other. Equal calls mean equal programs."""

    calls: tuple[Call, ...]
    cost: int
    family: str = ""
    known: dict[bytes, Grid] = field(default_factory=dict, repr=False)
    """Outputs the search has already computed, by `grid_key`."""

    def run(self, grid: Grid) -> Grid | None:
        """The output for `grid`, or None where an operation does not apply."""
        known = self.known.get(grid_key(grid)) if self.known else None
        if known is not None:
            return known
        return run_calls(self.calls, grid)

    def steps(self, grid: Grid) -> list[Step]:
        """The grid after each operation."""
        steps: list[Step] = []
        current: Grid | None = grid
        for name, params in self.calls:
            current = None if current is None else OPS[name].run(current, params)
            steps.append(Step(OPS[name].text(params), current))
        return steps

    def text(self) -> str:
        """One line for each operation, in order."""
        lines = [f"grid = {OPS[name].text(params)}" for name, params in self.calls]
        return "\n".join(["def solve(grid):", *(f"    {line}" for block in lines for line in block.split("\n"))])

    def to_data(self) -> Mapping[str, Any]:
        """JSON form."""
        calls = [[name, thawed(params)] for name, params in self.calls]
        return {"kind": KIND, "family": self.family, "cost": self.cost, "calls": calls}


def run_calls(calls: tuple[Call, ...], grid: Grid) -> Grid | None:
    """The grid after every call, None as soon as one does not apply."""
    current: Grid | None = np.ascontiguousarray(grid, dtype=np.int8)
    for name, params in calls:
        if current is None:
            return None
        current = OPS[name].run(current, params)
    return current


def restore(data: Mapping[str, Any]) -> Pipeline:
    """A pipeline from its JSON form."""
    calls = tuple((str(name), frozen(params)) for name, params in data["calls"])
    return Pipeline(calls, int(data["cost"]), str(data["family"]))


decoders[KIND] = restore


def grid_key(grid: Grid) -> bytes:
    """Shape and cells as bytes: equal exactly for equal grids."""
    return bytes((grid.shape[0], grid.shape[1])) + grid.astype(np.int8, copy=False).tobytes()


class Meter:
    """Counts search steps; one step is about a microsecond of one core."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.used = 0

    def spend(self, steps: int) -> bool:
        """Take `steps`; False once the budget is gone."""
        self.left -= steps
        self.used += steps
        return self.left > 0

    @property
    def empty(self) -> bool:
        """Whether nothing is left."""
        return self.left <= 0


@dataclass(eq=False)
class Proposal:
    """A program that reproduces every demonstration, with its outputs on the test inputs."""

    program: Pipeline
    outputs: tuple[Grid, ...]


def proposal(
    calls: tuple[Call, ...], cost: int, family: str, inputs: Sequence[Grid], outputs: Sequence[Grid]
) -> Proposal | None:
    """A proposal with its known outputs, unless one of them is no valid grid."""
    if not all(is_valid(output) for output in outputs):
        return None
    program = Pipeline(calls, cost, family)
    program.known = {grid_key(i): o for i, o in zip(inputs, outputs, strict=True)}
    return Proposal(program, tuple(outputs))


def try_calls(calls: tuple[Call, ...], cost: int, family: str, pairs: Pairs, tests: Sequence[Grid]) -> Proposal | None:
    """The proposal if `calls` reproduce every pair and give a grid on every test input."""
    for given, wanted in pairs:
        if not same(run_calls(calls, given), wanted):
            return None
    outputs = []
    for given in tests:
        output = run_calls(calls, given)
        if output is None or not is_valid(output):
            return None
        outputs.append(output)
    return proposal(calls, cost, family, tests, outputs)


def merged(found: Iterable[Proposal], limit: int) -> list[Proposal]:
    """One proposal for each distinct behaviour on the tests, cheapest first.

    Programs that agree on every test output share their probability mass: the group's cost is
    -log2 of the sum of 2^-cost, so several independent reasons for one answer outrank a single one.
    """
    groups: dict[tuple[bytes, ...], list[Proposal]] = {}
    for item in found:
        groups.setdefault(tuple(grid_key(output) for output in item.outputs), []).append(item)
    result: list[tuple[int, tuple[bytes, ...], Proposal]] = []
    for key, items in groups.items():
        best = min(items, key=lambda item: (item.program.cost, repr(item.program.calls)))
        costs = sorted(item.program.cost for item in items)[:16]
        mass = sum(2.0 ** (-(cost - costs[0]) / 100) for cost in costs)
        cost = costs[0] - round(100 * float(np.log2(mass)))
        best.program.cost = max(cost, 1)
        result.append((best.program.cost, key, best))
    result.sort(key=lambda entry: entry[:2])
    return [entry[2] for entry in result[:limit]]


def contiguous(grid: NDArray[Any]) -> Grid:
    """The grid as C-contiguous int8."""
    return np.ascontiguousarray(grid, dtype=np.int8)
