"""One task's search: which stages run, in which order, on which share of the steps."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from apps.experiments.engine.strategy import Report
from apps.experiments.engine.synthesis import sizes
from apps.experiments.engine.synthesis.chained import ChainedProgram
from apps.experiments.engine.synthesis.compose import compose, target_sized
from apps.experiments.engine.synthesis.dag import Dag, explore
from apps.experiments.engine.synthesis.layered import COLOUR_NAMES, Frame, LayeredProgram
from apps.experiments.engine.synthesis.primitives import Palette, Primitive, vocabulary
from apps.experiments.engine.synthesis.program import Program
from apps.experiments.engine.synthesis.rules import propose_candidates
from apps.experiments.engine.synthesis.sizes import SizeRule
from apps.tasks.engine.grids import is_valid
from apps.tasks.engine.puzzle import Grid, Puzzle

RULE_STEPS = 100_000_000
"""Most steps the first pass of learned rules may take."""

STEPS_PER_RULE_STEP = 250
"""Search steps a step of the rule learner's meter (about a microsecond) stands for."""

STATE_RULE_METER = 20_000
"""Meter of one pass of learned rules over an intermediate image."""

SHALLOW_COST = 155
"""Depth of the first enumeration, in tenths of a bit: about two primitives."""

SETTLED_MARGIN = 15
"""A program this many tenths of a bit shorter than the depth explored ends the search."""

if TYPE_CHECKING:
    from apps.experiments.engine.synthesis.strategy import SynthesisConfig


@dataclass(frozen=True, eq=False)
class Candidate:
    """A program that reproduces every demonstration, and its outputs on the test inputs (None: does not apply)."""

    program: Program
    outputs: tuple[Grid | None, ...]
    cost: int
    source: str


def background_frame(puzzle: Puzzle, symmetry: int = 0) -> Frame:
    """A frame in which the background is 0: the commonest colour of all inputs takes its place if 0 is not in each."""
    grids = [grid for grid, _ in puzzle.train] + list(puzzle.test_inputs)
    if all((grid == 0).any() for grid in grids):
        return Frame(symmetry)
    shares = np.zeros(10)
    for grid in grids:
        counts = np.bincount(grid.ravel(), minlength=10)
        shares += counts / grid.size
        shares[counts == 0] -= 100
    colour = int(shares.argmax())
    if colour == 0 or shares[colour] < 0:
        return Frame(symmetry)
    mapping = list(COLOUR_NAMES)
    mapping[0], mapping[colour] = colour, 0
    return Frame(symmetry, tuple(mapping))


def seen_puzzle(puzzle: Puzzle, frame: Frame) -> Puzzle:
    """The puzzle as the frame shows it."""
    return Puzzle(
        puzzle.key,
        tuple((frame.enter(a), frame.enter(b)) for a, b in puzzle.train),
        tuple(frame.enter(a) for a in puzzle.test_inputs),
    )


def palette(puzzle: Puzzle) -> Palette:
    """Colours offered as constants: those in any input, and those the outputs hold."""
    inputs: set[int] = set()
    outputs: set[int] = set()
    for grid in [a for a, _ in puzzle.train] + list(puzzle.test_inputs):
        inputs |= set(np.unique(grid).tolist())
    for _, grid in puzzle.train:
        outputs |= set(np.unique(grid).tolist())
    return Palette(tuple(sorted(inputs - {0})), tuple(sorted(outputs - {0})))


@dataclass
class Search:
    """The state of one task's search; `run` fills `candidates`."""

    puzzle: Puzzle
    config: SynthesisConfig
    budget: int
    hard_seconds: float
    seed: int
    report: Report
    candidates: list[Candidate] = field(default_factory=list)
    steps: int = 0
    states: int = 0
    hard_stopped: bool = False

    def run(self) -> None:
        """All stages within the budget: rules, a shallow enumeration, and more only while the answer is in doubt."""
        self._deadline = time.monotonic() + self.hard_seconds
        if self.config.rules:
            self._rules(min(self.budget // 6, RULE_STEPS))
        frame = background_frame(self.puzzle)
        self._enumerate(frame, SHALLOW_COST, min(self._left() // 3, self.budget // 5))
        if not self._settled(SHALLOW_COST):
            self._enumerate(frame, self.config.max_cost, self._left())

    def _settled(self, explored: int) -> bool:
        """Whether the best program found is so short that enumeration up to `explored` leaves little doubt."""
        best = min((c.cost for c in self.candidates), default=1 << 30)
        return best <= 10 * (explored - SETTLED_MARGIN)

    def _rules(self, steps: int) -> None:
        """Learned rules on the task as it is; the meter counts microseconds, converted to our steps."""
        meter = steps // STEPS_PER_RULE_STEP
        for found in propose_candidates(self.puzzle.train, self.puzzle.test_inputs, meter):
            self.candidates.append(Candidate(found.program, found.outputs, found.program.cost, "rules"))
        self.steps += steps

    def _left(self) -> int:
        if time.monotonic() > self._deadline:
            self.hard_stopped = True
            return 0
        return self.budget - self.steps

    def _enumerate(self, frame: Frame, max_cost: int, allowance: int) -> None:
        if allowance <= 0:
            return
        puzzle = seen_puzzle(self.puzzle, frame)
        colours = palette(puzzle)
        rule = sizes.infer(puzzle)
        if rule.kind != "scale":
            rule = self._size_by_search(puzzle, colours, rule, allowance // 5)
        dag = self._explore(puzzle, colours, rule, min(max_cost, self.config.max_cost), allowance * 2 // 3)
        self._collect(dag, puzzle, rule, frame, max(allowance // 4, 1))
        if self.config.rules and not self._settled(max_cost):
            self._rules_on_states(dag, puzzle, rule, frame, allowance // 2)

    def _rules_on_states(self, dag: Dag, puzzle: Puzzle, rule: SizeRule, frame: Frame, steps: int) -> None:
        """Learned rules from images of the output's size, cheapest first."""
        targets = [out for _, out in puzzle.train]
        demos = len(targets)
        done = {b"".join(grid.tobytes() for grid, _ in puzzle.train)}
        limit = self.steps + steps
        for state in target_sized(dag, targets).tolist():
            if self.steps > limit or self._left() <= 0:
                return
            images = [dag.image(state, q) for q in range(dag.pairs)]
            key = b"".join(image.tobytes() for image in images[:demos])
            if key in done:
                continue
            done.add(key)
            first = LayeredProgram((tuple(dag.path(state)),), rule, int(dag.cost[state]) * 10)
            pairs = list(zip(images[:demos], targets, strict=True))
            for found in propose_candidates(pairs, images[demos:], STATE_RULE_METER, ["cells"]):
                program = ChainedProgram(first, found.program, first.cost + found.program.cost, frame)
                outputs = tuple(frame.leave(grid) for grid in found.outputs)
                self.candidates.append(Candidate(program, outputs, program.cost, "chain"))
            self.steps += STATE_RULE_METER * STEPS_PER_RULE_STEP

    def _explore(self, puzzle: Puzzle, colours: Palette, rule: SizeRule, max_cost: int, steps: int) -> Dag:
        grids = [grid for grid, _ in puzzle.train] + list(puzzle.test_inputs)
        canvas = np.array([rule.size(grid) for grid in grids], np.int64)
        ops = vocabulary(colours, bool((canvas > 0).all()))
        dag = explore(grids, ops, [op.cost for op in ops], canvas, max_cost, steps, self.config.prune)
        self.steps += dag.steps
        self.states += dag.states
        return dag

    def _size_by_search(self, puzzle: Puzzle, colours: Palette, fallback: SizeRule, steps: int) -> SizeRule:
        """The size of the cheapest image that has the output's size on every demonstration."""
        dag = self._explore(puzzle, colours, sizes.UNKNOWN, 200, steps)
        shapes = [out.shape for _, out in puzzle.train]
        for state in np.argsort(dag.cost[: dag.states], kind="stable").tolist():
            if dag.is_list[state]:
                continue
            rows = dag.images[dag.first[state, : len(shapes)]][:, 3:5]
            if all(tuple(row) == shape for row, shape in zip(rows.tolist(), shapes, strict=True)):
                if fallback.kind == "constant" and dag.cost[state] > 150:
                    return fallback
                path: tuple[Primitive, ...] = tuple(dag.path(state))
                return SizeRule("path", path=path)
        return fallback

    def _collect(self, dag: Dag, puzzle: Puzzle, rule: SizeRule, frame: Frame, steps: int) -> None:
        found, used = compose(dag, [out for _, out in puzzle.train], steps, self.config.layers)
        self.steps += used
        for composition in found:
            program = LayeredProgram(
                tuple(tuple(dag.path(state)) for state in composition.states), rule, composition.cost * 10, frame,
                composition.table,
            )  # fmt: skip
            outputs = tuple(
                frame.leave(grid) if grid is not None and is_valid(grid) else None for grid in composition.outputs
            )
            source = "table" if composition.table else "layers"
            self.candidates.append(Candidate(program, outputs, program.cost, source))
