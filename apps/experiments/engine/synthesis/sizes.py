"""What size the output will have: rules that hold on every demonstration, simplest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from apps.experiments.engine.synthesis.limits import SIDE
from apps.experiments.engine.synthesis.primitives import Primitive
from apps.experiments.engine.synthesis.vocabulary import catalogue
from apps.tasks.engine.puzzle import Grid, Puzzle


@dataclass(frozen=True)
class SizeRule:
    """How the output's size follows from the input.

    `kind`: `unknown`, `constant` (height, width), `scale` (height and width factors as fractions; `same` is 1),
    or `path` (the size of the image a path of primitives leads to).
    """

    kind: str
    height: Fraction = Fraction(0)
    width: Fraction = Fraction(0)
    path: tuple[Primitive, ...] = ()

    def size(self, grid: Grid) -> tuple[int, int]:
        """[height, width] for an input; (0, 0) where the rule does not apply."""
        height, width = Fraction(0), Fraction(0)
        if self.kind == "constant":
            height, width = self.height, self.width
        elif self.kind == "scale":
            height, width = grid.shape[0] * self.height, grid.shape[1] * self.width
        elif self.kind == "path":
            from apps.experiments.engine.synthesis.machine import Machine

            value = Machine(grid).run(self.path)
            if value is not None and not value.is_list:
                height, width = (Fraction(side) for side in value.images[0].cells.shape)
        if height.denominator != 1 or width.denominator != 1 or not 0 < height <= SIDE or not 0 < width <= SIDE:
            return 0, 0
        return int(height), int(width)

    def to_data(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "kind": self.kind,
            "height": str(self.height),
            "width": str(self.width),
            "path": [op.name for op in self.path],
        }

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> SizeRule:
        """Restore from `to_data`."""
        names = catalogue()
        return SizeRule(
            data["kind"], Fraction(data["height"]), Fraction(data["width"]), tuple(names[n] for n in data["path"])
        )


UNKNOWN = SizeRule("unknown")


def infer(puzzle: Puzzle) -> SizeRule:
    """The simplest rule without search: same size or a common factor, else a constant, else `UNKNOWN`."""
    ratios = {
        (Fraction(out.shape[0], grid.shape[0]), Fraction(out.shape[1], grid.shape[1])) for grid, out in puzzle.train
    }
    sizes = {out.shape for _, out in puzzle.train}
    inputs = {grid.shape for grid, _ in puzzle.train}
    if len(ratios) == 1 and (ratios == {(Fraction(1), Fraction(1))} or len(inputs) > 1 or len(sizes) > 1):
        height, width = next(iter(ratios))
        return SizeRule("scale", height, width)
    if len(sizes) == 1:
        rows, columns = next(iter(sizes))
        return SizeRule("constant", Fraction(rows), Fraction(columns))
    return UNKNOWN
