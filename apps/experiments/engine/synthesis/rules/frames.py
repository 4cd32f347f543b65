"""Frames: ways to lay parts of the input over the output, cell by cell.

A frame turns an input into views of one shape, the output's; the first is primary. A cell-wise rule then reads
the primary view's features and every view's colour at the cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from apps.experiments.engine.synthesis.rules.base import Pairs, run_calls
from apps.tasks.engine.puzzle import Grid

Views = list[tuple[str, Grid]]
FrameCall = tuple[Any, ...]
"""A frame's name followed by its parameters."""

FRAMES: dict[str, Callable[..., Views | None]] = {}
"""Every frame by name: `frame(grid, *params)`, None where it does not apply."""

PROPOSERS: list[Callable[[Pairs, Sequence[Grid]], list[tuple[FrameCall, int]]]] = []
"""What frames (with cost) may fit these pairs, judging by shapes and cheap tests."""


def frame(name: str) -> Callable[[Callable[..., Views | None]], Callable[..., Views | None]]:
    """Register the decorated function as frame `name`."""

    def register(run: Callable[..., Views | None]) -> Callable[..., Views | None]:
        FRAMES[name] = run
        return run

    return register


def views_of(grid: Grid, call: FrameCall) -> Views | None:
    """The views a frame makes of `grid`."""
    return FRAMES[call[0]](grid, *call[1:])


def frame_text(call: FrameCall) -> str:
    """A frame as a call in program text."""
    return f"{call[0]}({', '.join(repr(x) for x in call[1:])})"


@frame("same")
def _same(grid: Grid) -> Views:
    return [("input", grid)]


@frame("after")
def _after(grid: Grid, calls: Any) -> Views | None:
    stage = run_calls(calls, grid)
    if stage is None or stage.shape != grid.shape:
        return None
    return [("stage", stage), ("input", grid)]


def frames_for(pairs: Pairs, tests: Sequence[Grid]) -> list[tuple[FrameCall, int]]:
    """Frames whose primary view has the output's shape in every pair and that apply to every test input."""
    result = []
    for propose in PROPOSERS:
        for call, cost in propose(pairs, tests):
            good = all(_fits(given, wanted, call) for given, wanted in pairs)
            if good and all(views_of(grid, call) is not None for grid in tests):
                result.append((call, cost))
    return result


def _fits(given: Grid, wanted: Grid, call: FrameCall) -> bool:
    views = views_of(given, call)
    return views is not None and views[0][1].shape == wanted.shape
