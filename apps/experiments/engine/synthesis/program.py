"""What every part of the synthesiser produces: a program from grid to grid that can be read, ranked and replayed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from apps.experiments.engine.strategy import Step
from apps.tasks.engine.puzzle import Grid


class Program(Protocol):
    """A deterministic, total function from a grid to a grid (None where it does not apply).

    `cost` is the description length in hundredths of a bit, an integer so that ranking never depends on
    floating point; smaller is simpler.
    """

    cost: int

    def run(self, grid: Grid) -> Grid | None:
        """The output for `grid`; never mutates it, never raises on a valid grid."""
        ...

    def steps(self, grid: Grid) -> list[Step]:
        """The grid after each step, ending in `run(grid)`."""
        ...

    def text(self) -> str:
        """Readable Python-like source."""
        ...

    def to_data(self) -> Mapping[str, Any]:
        """JSON form with a `kind` from `decoders`; `decode` restores an equal program."""
        ...


decoders: dict[str, Callable[[Mapping[str, Any]], Program]] = {}
"""How each kind of program is restored from its JSON form; modules that define programs add theirs."""


def decode(data: Mapping[str, Any]) -> Program:
    """Restore a program from `to_data`; raises ValueError naming the unknown kind."""
    kind = data.get("kind")
    if kind not in decoders:
        raise ValueError(f"Unknown program kind {kind!r}.")
    return decoders[kind](data)
