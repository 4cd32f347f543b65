"""One task's search: which stages run, in which order, on which share of the steps."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from apps.experiments.engine.strategy import Report
from apps.experiments.engine.synthesis import doubt, sizes
from apps.experiments.engine.synthesis.chained import ChainedProgram
from apps.experiments.engine.synthesis.compose import compose, target_sized
from apps.experiments.engine.synthesis.dag import Dag, explore
from apps.experiments.engine.synthesis.frames import PLAIN, Frame, alternatives, background
from apps.experiments.engine.synthesis.guidance import guided_costs
from apps.experiments.engine.synthesis.layered import LayeredProgram
from apps.experiments.engine.synthesis.primitives import Palette, Primitive, vocabulary
from apps.experiments.engine.synthesis.program import Program
from apps.experiments.engine.synthesis.rules import propose_candidates
from apps.experiments.engine.synthesis.rules.base import Meter
from apps.experiments.engine.synthesis.rules.cellwise import cellwise
from apps.experiments.engine.synthesis.selection import votes
from apps.experiments.engine.synthesis.sizes import SizeRule
from apps.tasks.engine.grids import is_valid
from apps.tasks.engine.puzzle import Grid, Puzzle

RULE_STEPS = 100_000_000
"""Most steps the first pass of learned rules may take."""

STEPS_PER_RULE_STEP = 250
"""Search steps a step of the rule learner's meter (about a microsecond) stands for."""

STATE_RULE_METER = 20_000
"""Meter of one pass of learned rules over an intermediate image."""

STATE_RULE_OVERHEAD = 4_000
"""What such a pass costs beside its meter, in the meter's unit."""

SHALLOW_COST = 155
"""Depth of the first enumeration, in tenths of a bit: about two primitives."""

SETTLED_MARGIN = 15
"""A program this many tenths of a bit shorter than the depth explored ends the search."""

ASKED_SHARE = 10
"""Each question asked in doubt may take this fraction of the budget."""

AS_IT_IS = LayeredProgram(((),), sizes.UNKNOWN, 0)
"""The program that gives its input."""

if TYPE_CHECKING:
    from apps.experiments.engine.synthesis.strategy import SynthesisConfig


@dataclass(frozen=True, eq=False)
class Candidate:
    """A program that reproduces every demonstration, and its outputs on the test inputs (None: does not apply)."""

    program: Program
    outputs: tuple[Grid | None, ...]
    cost: int
    source: str


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
    failures: list[str] = field(default_factory=list)
    support: doubt.Support = field(default_factory=list)

    def run(self) -> None:
        """Find candidates, then weigh them against one another if several rival."""
        self._find()
        self._weigh()

    def _find(self) -> None:
        """All stages within the budget: rules, a shallow enumeration, and more only while the answer is in doubt."""
        self._deadline = time.monotonic() + self.hard_seconds
        frame = background(self.puzzle)
        if self.config.rules:
            self._rules(PLAIN, min(self.budget // 6, RULE_STEPS))
        self._enumerate(frame, SHALLOW_COST, min(self._left() // 3, self.budget // 5))
        if self._settled(SHALLOW_COST):
            return
        if self.config.augment:
            for other in alternatives(self.puzzle, frame):
                self._look_again(other, self.budget // 8)
        self._enumerate(frame, self.config.max_cost, self._left() - self._kept_back())

    def _rivals(self) -> list[tuple[str, ...]]:
        tests = range(len(self.puzzle.test_inputs))
        return doubt.rivals([votes(index, self.candidates, self.config.vote)[0] for index in tests])

    def _kept_back(self) -> int:
        """Steps the last enumeration leaves for the questions asked in doubt."""
        questions = self.config.leave_one_out + self.config.augment_vote
        return questions * (self.budget // ASKED_SHARE) if questions and any(self._rivals()) else 0

    def _weigh(self) -> None:
        """Ask, while answers rival, which of them generalise and which are found again in other views."""
        wanted = self._rivals() if self.config.leave_one_out or self.config.augment_vote else []
        if not any(wanted):
            return
        self.support = [{} for _ in wanted]
        for chosen, ask in ((self.config.leave_one_out, self._left_out), (self.config.augment_vote, self._augmented)):
            steps = min(self._left(), self.budget // ASKED_SHARE)
            if not chosen or steps <= 0:
                continue
            self.steps += steps
            try:
                answer = ask(wanted, steps // STEPS_PER_RULE_STEP)
            except Exception as error:
                self._failed("weighing", error)
                continue
            for bits, more in zip(self.support, answer, strict=True):
                for key, gain in more.items():
                    bits[key] = bits.get(key, 0.0) + gain

    def _left_out(self, wanted: list[tuple[str, ...]], rule_steps: int) -> doubt.Support:
        return doubt.left_out(self.puzzle, self.candidates, wanted, rule_steps)

    def _augmented(self, wanted: list[tuple[str, ...]], rule_steps: int) -> doubt.Support:
        return doubt.augmented(self.puzzle, self.candidates, wanted, rule_steps, self.seed)

    def _failed(self, stage: str, error: Exception) -> None:
        """One stage's mistake must not cost the answers of all others; it is said, and shows in the details."""
        self.failures.append(f"{stage}: {type(error).__name__}: {error}")
        self.report("log", {"level": "error", "message": self.failures[-1]})

    def _look_again(self, frame: Frame, steps: int) -> None:
        """Rules and a shallow enumeration in another frame."""
        if self._left() <= 0:
            return
        if self.config.rules:
            self._rules(frame, min(steps // 2, RULE_STEPS // 2))
        self._enumerate(frame, SHALLOW_COST, steps // 2)

    def _settled(self, explored: int) -> bool:
        """Whether the best program found is so short that enumeration up to `explored` leaves little doubt."""
        best = min((c.cost for c in self.candidates), default=1 << 30)
        return best <= 10 * (explored - SETTLED_MARGIN)

    def _rules(self, frame: Frame, steps: int) -> None:
        """Learned rules on the task as the frame shows it; their meter counts microseconds."""
        puzzle = frame.see(self.puzzle)
        self.steps += steps
        try:
            proposals = propose_candidates(puzzle.train, puzzle.test_inputs, steps // STEPS_PER_RULE_STEP)
        except Exception as error:
            self._failed("rules", error)
            return
        for found in proposals:
            program: Program = found.program
            if not frame.plain:
                program = ChainedProgram(AS_IT_IS, program, program.cost + 10 * frame.cost, frame)
            self._add(program, frame, found.outputs, "rules" if frame.plain else "looked")

    def _add(self, program: Program, frame: Frame, outputs: Sequence[Grid | None], source: str) -> None:
        """Keep a program with its outputs as the frame shows them."""
        looks = [frame.look(grid) for grid in self.puzzle.test_inputs]
        left = tuple(
            look.leave(grid) if grid is not None and is_valid(grid) else None
            for look, grid in zip(looks, outputs, strict=True)
        )
        self.candidates.append(Candidate(program, left, program.cost, source))

    def _left(self) -> int:
        if time.monotonic() > self._deadline:
            self.hard_stopped = True
            return 0
        return self.budget - self.steps

    def _enumerate(self, frame: Frame, max_cost: int, allowance: int) -> None:
        if allowance <= 0:
            return
        puzzle = frame.see(self.puzzle)
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
            meter = Meter(STATE_RULE_METER)
            for found in cellwise(pairs, images[demos:], meter, depth=1):
                program = ChainedProgram(first, found.program, first.cost + found.program.cost + 10 * frame.cost, frame)
                self._add(program, frame, found.outputs, "chain")
            self.steps += (meter.used + STATE_RULE_OVERHEAD) * STEPS_PER_RULE_STEP

    def _explore(self, puzzle: Puzzle, colours: Palette, rule: SizeRule, max_cost: int, steps: int) -> Dag:
        grids = [grid for grid, _ in puzzle.train] + list(puzzle.test_inputs)
        canvas = np.array([rule.size(grid) for grid in grids], np.int64)
        ops = vocabulary(colours, bool((canvas > 0).all()))
        if self.seed:
            order = np.random.default_rng(self.seed).permutation(len(ops))
            ops = [ops[k] for k in order]
        costs = guided_costs(puzzle, ops) if self.config.guidance else [op.cost for op in ops]
        dag = explore(grids, ops, costs, canvas, max_cost, steps, self.config.prune)
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
                tuple(tuple(dag.path(state)) for state in composition.states), rule, 10 * (composition.cost + frame.cost), frame,
                composition.table,
            )  # fmt: skip
            self._add(program, frame, composition.outputs, "table" if composition.table else "layers")
