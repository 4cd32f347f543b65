"""One task's search: named stages, each with its share of the budget, and what they found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from apps.experiments.engine.hardstop import HardStop
from apps.experiments.engine.strategy import Report
from apps.experiments.engine.synthesis import doubt, sizes
from apps.experiments.engine.synthesis.candidates import Candidate
from apps.experiments.engine.synthesis.chained import ChainedProgram
from apps.experiments.engine.synthesis.compose import compose, target_sized
from apps.experiments.engine.synthesis.config import SynthesisConfig
from apps.experiments.engine.synthesis.dag import Dag, Reach, explore
from apps.experiments.engine.synthesis.guidance import guided_costs
from apps.experiments.engine.synthesis.layered import LayeredProgram
from apps.experiments.engine.synthesis.looks import PLAIN, Outlook, alternatives, background
from apps.experiments.engine.synthesis.primitives import Palette, Primitive
from apps.experiments.engine.synthesis.program import Program
from apps.experiments.engine.synthesis.rules import proposals
from apps.experiments.engine.synthesis.rules.base import Meter
from apps.experiments.engine.synthesis.rules.cellwise import Reading, cellwise
from apps.experiments.engine.synthesis.selection import votes
from apps.experiments.engine.synthesis.sizes import SizeRule
from apps.experiments.engine.synthesis.vocabulary import vocabulary
from apps.tasks.engine.grids import is_valid
from apps.tasks.engine.puzzle import Grid, Puzzle

UNLIMITED = 1 << 60

RULE_STEPS = 100_000_000
"""Most steps the first pass of learned rules may take; half of it in each other outlook."""

STEPS_PER_RULE_STEP = 250
"""Search steps a step of the rule learner's meter (about a microsecond) stands for."""

STATE_RULE_METER = 20_000
"""Meter of one pass of learned rules over an intermediate image."""

STATE_RULE_OVERHEAD = 4_000
"""What such a pass costs beside its meter, in the meter's unit."""

SHALLOW_COST = 155
"""Depth of the shallow enumerations, in tenths of a bit: about two primitives."""

SETTLED_MARGIN = 15
"""A program this many tenths of a bit shorter than the depth explored ends the search."""

SIZE_SEARCH, EXPLORING, COMPOSING, RULES_ON_IMAGES = (1, 5), (2, 3), (1, 4), (1, 2)
"""Shares of an enumeration's allowance; more than the whole, since few of its parts need theirs."""

AS_IT_IS = LayeredProgram(((),), sizes.UNKNOWN, 0)
"""The program that gives its input."""


@dataclass(frozen=True)
class Stage:
    """A part of the search: it may take one in `of_budget` of the whole budget, and one in `of_rest` of what is left."""

    name: str
    run: Callable[[Search, int], None]
    of_budget: int = 1
    of_rest: int = 1
    most: int = UNLIMITED

    def allowance(self, budget: int, left: int) -> int:
        """Steps it may take now."""
        return min(budget // self.of_budget, left // self.of_rest, self.most)


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
    stop: HardStop
    seed: int
    report: Report
    candidates: list[Candidate] = field(default_factory=list)
    steps: int = 0
    states: int = 0
    hard_stopped: bool = False
    failures: list[str] = field(default_factory=list)
    support: doubt.Support = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)
    """Steps by stage."""

    def __post_init__(self) -> None:
        self._outlook = background(self.puzzle)
        self._answered = False

    def run(self) -> None:
        """Every stage in turn, until a short program leaves little doubt."""
        for stage in STAGES:
            self._in_stage(stage)

    def _in_stage(self, stage: Stage) -> None:
        before = self.steps
        stage.run(self, stage.allowance(self.budget, self._left()))
        if self.steps > before:
            self.taken[stage.name] = self.taken.get(stage.name, 0) + self.steps - before

    def _left(self) -> int:
        if self.stop.reached():
            self.hard_stopped = True
            return 0
        return self.budget - self.steps

    # --- stages -----------------------------------------------------------------------------------------------------

    def learn_rules(self, allowance: int) -> None:
        """Learned rules on the task as it is."""
        if self.config.rules:
            self._rules(PLAIN, allowance)

    def look_shallow(self, allowance: int) -> None:
        """A first enumeration; a short program found now ends the search."""
        self._enumerate(self._outlook, SHALLOW_COST, allowance)
        self._answered = self._settled(SHALLOW_COST)

    def look_otherwise(self, _allowance: int) -> None:
        """Rules and a shallow enumeration in each other outlook."""
        if self._answered or not self.config.augment:
            return
        for other in alternatives(self.puzzle, self._outlook):
            allowance = OUTLOOK.allowance(self.budget, self._left())
            if allowance <= 0:
                return
            if self.config.rules:
                self._rules(other, min(allowance // 2, RULE_STEPS // 2))
            self._enumerate(other, SHALLOW_COST, allowance // 2)

    def look_deep(self, allowance: int) -> None:
        """An enumeration with all that is left, but for the questions asked in doubt."""
        if not self._answered:
            self._enumerate(self._outlook, self.config.max_cost, allowance - self._kept_back())

    def ask_in_doubt(self, _allowance: int) -> None:
        """While answers rival: which of them generalise, and which are found again in other views?"""
        wanted = self._rivals() if self.config.leave_one_out or self.config.augment_vote else []
        if not any(wanted):
            return
        self.support = [{} for _ in wanted]
        for chosen, ask in ((self.config.leave_one_out, self._left_out), (self.config.augment_vote, self._augmented)):
            steps = QUESTION.allowance(self.budget, self._left())
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

    # --- what stages are made of ------------------------------------------------------------------------------------

    def _rivals(self) -> list[tuple[str, ...]]:
        tests = range(len(self.puzzle.test_inputs))
        return doubt.rivals([votes(index, self.candidates, self.config.vote)[0] for index in tests])

    def _kept_back(self) -> int:
        """Steps the last enumeration leaves for the questions asked in doubt."""
        questions = self.config.leave_one_out + self.config.augment_vote
        return questions * QUESTION.allowance(self.budget, self.budget) if questions and any(self._rivals()) else 0

    def _left_out(self, wanted: list[tuple[str, ...]], rule_steps: int) -> doubt.Support:
        return doubt.left_out(self.puzzle, self.candidates, wanted, rule_steps)

    def _augmented(self, wanted: list[tuple[str, ...]], rule_steps: int) -> doubt.Support:
        return doubt.augmented(self.puzzle, self.candidates, wanted, rule_steps, self.seed)

    def _failed(self, stage: str, error: Exception) -> None:
        """One stage's mistake must not cost the answers of all others; it is said, and shows in the details."""
        self.failures.append(f"{stage}: {type(error).__name__}: {error}")
        self.report("log", {"level": "error", "message": self.failures[-1]})

    def _settled(self, explored: int) -> bool:
        """Whether the best program found is so short that enumeration up to `explored` leaves little doubt."""
        best = min((c.cost for c in self.candidates), default=UNLIMITED)
        return best <= 10 * (explored - SETTLED_MARGIN)

    def _rules(self, outlook: Outlook, steps: int) -> None:
        """Learned rules on the task as the outlook shows it; their meter counts microseconds."""
        puzzle = outlook.see(self.puzzle)
        self.steps += steps
        try:
            found = proposals(puzzle.train, puzzle.test_inputs, steps // STEPS_PER_RULE_STEP)
        except Exception as error:
            self._failed("rules", error)
            return
        for item in found:
            program: Program = item.program
            if not outlook.plain:
                program = ChainedProgram(AS_IT_IS, program, program.cost + 10 * outlook.cost, outlook)
            self._add(program, outlook, item.outputs, "rules" if outlook.plain else "looked")

    def _add(self, program: Program, outlook: Outlook, outputs: Sequence[Grid | None], source: str) -> None:
        """Keep a program with its outputs as the task shows them."""
        looks = [outlook.look(grid) for grid in self.puzzle.test_inputs]
        left = tuple(
            look.leave(grid) if grid is not None and is_valid(grid) else None
            for look, grid in zip(looks, outputs, strict=True)
        )
        self.candidates.append(Candidate(program, left, program.cost, source))

    def _enumerate(self, outlook: Outlook, max_cost: int, allowance: int) -> None:
        if allowance <= 0:
            return
        puzzle = outlook.see(self.puzzle)
        colours = palette(puzzle)
        rule = sizes.infer(puzzle)
        if rule.kind != "scale":
            rule = self._size_by_search(puzzle, colours, rule, _share(allowance, SIZE_SEARCH))
        dag = self._explore(puzzle, colours, rule, min(max_cost, self.config.max_cost), _share(allowance, EXPLORING))
        self._collect(dag, puzzle, rule, outlook, max(_share(allowance, COMPOSING), 1))
        if self.config.rules and not self._settled(max_cost):
            self._rules_on_images(dag, puzzle, rule, outlook, _share(allowance, RULES_ON_IMAGES))

    def _rules_on_images(self, dag: Dag, puzzle: Puzzle, rule: SizeRule, outlook: Outlook, steps: int) -> None:
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
            for found in cellwise(pairs, images[demos:], meter, Reading(depth=1)):
                cost = first.cost + found.program.cost + 10 * outlook.cost
                self._add(ChainedProgram(first, found.program, cost, outlook), outlook, found.outputs, "chain")
            self.steps += (meter.used + STATE_RULE_OVERHEAD) * STEPS_PER_RULE_STEP

    def _explore(self, puzzle: Puzzle, colours: Palette, rule: SizeRule, max_cost: int, steps: int) -> Dag:
        grids = [grid for grid, _ in puzzle.train] + list(puzzle.test_inputs)
        canvas = np.array([rule.size(grid) for grid in grids], np.int64)
        ops = vocabulary(colours, bool((canvas > 0).all()))
        if self.seed:
            order = np.random.default_rng(self.seed).permutation(len(ops))
            ops = [ops[k] for k in order]
        costs = guided_costs(puzzle, ops) if self.config.guidance else [op.cost for op in ops]
        dag = explore(grids, ops, costs, canvas, Reach(max_cost, steps, self.config.prune))
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

    def _collect(self, dag: Dag, puzzle: Puzzle, rule: SizeRule, outlook: Outlook, steps: int) -> None:
        found, used = compose(dag, [out for _, out in puzzle.train], steps, self.config.layers)
        self.steps += used
        for composition in found:
            program = LayeredProgram(
                tuple(tuple(dag.path(state)) for state in composition.states),
                rule,
                10 * (composition.cost + outlook.cost),
                outlook,
                composition.table,
            )
            self._add(program, outlook, composition.outputs, "table" if composition.table else "layers")


def _share(allowance: int, share: tuple[int, int]) -> int:
    return allowance * share[0] // share[1]


STAGES = (
    Stage("rules", Search.learn_rules, of_budget=6, most=RULE_STEPS),
    Stage("shallow enumeration", Search.look_shallow, of_budget=5, of_rest=3),
    OUTLOOK := Stage("other outlooks", Search.look_otherwise, of_budget=8),  # each
    Stage("deep enumeration", Search.look_deep),
    QUESTION := Stage("questions in doubt", Search.ask_in_doubt, of_budget=10),  # each
)
"""The search, in order."""
