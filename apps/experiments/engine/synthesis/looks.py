"""Outlooks: the ways a task may be looked at before it is searched (symmetry, background, colours by rank, upright or not)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from apps.tasks.engine.grids import dihedral, recolour, undo_dihedral
from apps.tasks.engine.puzzle import Grid, Puzzle

COLOUR_NAMES = tuple(range(10))


@dataclass(frozen=True)
class Look:
    """A symmetry of the square, then an exchange of colours; both undone on the output."""

    symmetry: int = 0
    colours: tuple[int, ...] = COLOUR_NAMES

    def enter(self, grid: Grid) -> Grid:
        """The grid as the program sees it."""
        return recolour(dihedral(grid, self.symmetry), self.colours)

    def leave(self, grid: Grid) -> Grid:
        """The inverse of `enter`."""
        inverse = [0] * 10
        for old, new in enumerate(self.colours):
            inverse[new] = old
        return undo_dihedral(recolour(grid, inverse), self.symmetry)


@dataclass(frozen=True)
class Outlook:
    """How each grid of a task is looked at.

    `colours` and `symmetry` hold for all grids. `ranked` lists colours that are renamed grid by grid: those present,
    commonest first, take the names in `ranked` in order. With `upright`, grids wider than high are transposed.
    """

    symmetry: int = 0
    colours: tuple[int, ...] = COLOUR_NAMES
    ranked: tuple[int, ...] = ()
    upright: bool = False

    def look(self, grid: Grid) -> Look:
        """The look for one input grid."""
        symmetry = self.symmetry
        if self.upright and grid.shape[1] > grid.shape[0]:
            symmetry = 6
        if not self.ranked:
            return Look(symmetry, self.colours)
        counts = np.bincount(recolour(grid, self.colours).ravel(), minlength=10)
        order = sorted(self.ranked, key=lambda c: (-int(counts[c]), c))
        rename = list(COLOUR_NAMES)
        for name, colour in zip(self.ranked, order, strict=True):
            rename[colour] = name
        return Look(symmetry, tuple(rename[c] for c in self.colours))

    def see(self, puzzle: Puzzle) -> Puzzle:
        """The puzzle as the outlook shows it."""
        train = []
        for grid, out in puzzle.train:
            look = self.look(grid)
            train.append((look.enter(grid), look.enter(out)))
        return Puzzle(puzzle.key, tuple(train), tuple(self.look(grid).enter(grid) for grid in puzzle.test_inputs))

    @property
    def plain(self) -> bool:
        """Whether nothing is changed."""
        return self == PLAIN

    @property
    def cost(self) -> int:
        """Description length in tenths of a bit."""
        return 20 * bool(self.symmetry) + 40 * bool(self.ranked) + 30 * self.upright

    def text(self) -> str:
        """What is changed, in words."""
        parts = [f"symmetry {self.symmetry}"] if self.symmetry else []
        parts += [f"{old} as {new}" for old, new in enumerate(self.colours) if old != new]
        if self.ranked:
            names = ", ".join(map(str, self.ranked))
            parts.append(f"colours {names} renamed by how common they are")
        if self.upright:
            parts.append("wide grids transposed")
        return ", ".join(parts)

    def to_data(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "symmetry": self.symmetry,
            "colours": list(self.colours),
            "ranked": list(self.ranked),
            "upright": self.upright,
        }

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Outlook:
        """Restore from `to_data`."""
        return Outlook(int(data["symmetry"]), tuple(data["colours"]), tuple(data["ranked"]), bool(data["upright"]))


PLAIN = Outlook()


def _inputs(puzzle: Puzzle) -> list[Grid]:
    return [grid for grid, _ in puzzle.train] + list(puzzle.test_inputs)


def background(puzzle: Puzzle) -> Outlook:
    """An outlook in which the background is 0: the commonest colour of all inputs takes its place if 0 is not in each."""
    grids = _inputs(puzzle)
    if all((grid == 0).any() for grid in grids):
        return PLAIN
    shares = np.zeros(10)
    for grid in grids:
        counts = np.bincount(grid.ravel(), minlength=10)
        shares += counts / grid.size
        shares[counts == 0] -= 100
    colour = int(shares.argmax())
    if colour == 0 or shares[colour] < 0:
        return PLAIN
    mapping = list(COLOUR_NAMES)
    mapping[0], mapping[colour] = colour, 0
    return Outlook(colours=tuple(mapping))


def _present(grids: Sequence[Grid]) -> list[set[int]]:
    return [set(np.unique(grid).tolist()) - {0} for grid in grids]


def alternatives(puzzle: Puzzle, base: Outlook) -> list[Outlook]:
    """Other outlooks worth a search: colours by rank (those that vary, or all the inputs' own), upright, transposed."""
    seen = base.see(puzzle)
    inputs = _present(_inputs(seen))
    outputs = _present([out for _, out in seen.train])
    constant = set.intersection(*inputs)
    for given, wanted in zip(inputs, outputs, strict=False):
        constant |= wanted - given
    everything = set.union(*inputs)
    varying = tuple(sorted(everything - constant))
    own = tuple(sorted(everything - set().union(*(w - g for g, w in zip(inputs, outputs, strict=False)))))
    outlooks = []
    if varying and any(given & set(varying) != set(varying) for given in inputs):
        outlooks.append(Outlook(base.symmetry, base.colours, varying))
    if len(own) > 1 and own != varying:
        outlooks.append(Outlook(base.symmetry, base.colours, own))
    wide = [grid.shape[1] > grid.shape[0] for grid in _inputs(puzzle)]
    high = [grid.shape[1] < grid.shape[0] for grid in _inputs(puzzle)]
    if any(wide) and any(high):
        outlooks.append(Outlook(base.symmetry, base.colours, (), True))
    return outlooks
