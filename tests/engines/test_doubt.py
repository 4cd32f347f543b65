"""The questions asked while answers rival: leaving one demonstration out, and looking again at turned, recoloured views."""

from __future__ import annotations

import numpy as np
import pytest

from apps.experiments.engine.strategy import Budget, Solution
from apps.experiments.engine.synthesis import doubt, search
from apps.experiments.engine.synthesis.candidates import Candidate
from apps.experiments.engine.synthesis.config import SynthesisConfig
from apps.experiments.engine.synthesis.rules import proposals
from apps.experiments.engine.synthesis.rules.base import Pipeline
from apps.experiments.engine.synthesis.selection import ranked
from apps.experiments.engine.synthesis.strategy import STEPS_PER_CORE_SECOND, ProgramSynthesis
from apps.tasks.engine import formats
from apps.tasks.engine.grids import freeze, grid_hash, same
from apps.tasks.engine.puzzle import Grid, Puzzle

pytestmark = pytest.mark.usefixtures("prepared")

QUESTIONS = ("leave_one_out", "augment_vote")
RIVALLED = "e50d258f"
"""A training task on which three answers of one family rival."""


def grid(seed: int) -> Grid:
    """Grey and black noise."""
    return freeze(np.random.default_rng(seed).integers(0, 2, (5, 6)) * 5)


def recoloured() -> Puzzle:
    """Grey becomes red: one rule, found whatever demonstration is missing and however the grids are turned."""
    pairs = tuple((grid(seed), freeze(np.where(grid(seed) == 5, 2, 0))) for seed in range(3))
    return Puzzle("recoloured", pairs, (grid(9),))


def rival_candidates(puzzle: Puzzle) -> tuple[list[Candidate], Grid, Grid]:
    """The learned answer, dear, and two cheaper rules that memorise the demonstrations and say something else."""
    found = proposals(puzzle.train, puzzle.test_inputs, 100_000, ["cells"])[0]
    right = found.outputs[0]
    candidates = [Candidate(Pipeline((), 1200, "cells"), (right,), 1200, "rules")]
    wrong = [freeze(np.full((5, 6), colour)) for colour in (3, 4)]
    candidates += [Candidate(Pipeline((), 1000, "cells"), (answer,), 1000, "rules") for answer in wrong]
    return candidates, right, wrong[0]


def solve(config: SynthesisConfig, seconds: float = 0.3, seed: int = 0, task_id: str = RIVALLED) -> Solution:
    task = next(task for task in formats.load_canonical("arc1/training") if task.raw_id == task_id)
    return ProgramSynthesis().solve(task.puzzle(), config=config, budget=Budget(seconds, 120.0), seed=seed)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_rule_that_holds_up_overtakes_cheaper_ones_that_do_not(question: str) -> None:
    puzzle = recoloured()
    candidates, right, wrong = rival_candidates(puzzle)
    wanted = [tuple(grid_hash(answer) for item in candidates for answer in item.outputs if answer is not None)]
    if question == "leave_one_out":
        support = doubt.left_out(puzzle, candidates, wanted, 300_000)
    else:
        support = doubt.augmented(puzzle, candidates, wanted, 300_000, 0)
    assert support[0][grid_hash(right)] > 2
    assert grid_hash(wrong) not in support[0]
    assert not same(ranked(puzzle, candidates, True)[0][0].grid, right)
    assert same(ranked(puzzle, candidates, True, support)[0][0].grid, right)


def test_leaving_out_the_only_demonstration_of_a_colour_gives_its_rule_no_full_weight() -> None:
    """Blue to green is shown once: without that demonstration nothing predicts it."""
    plain = recoloured()
    given = freeze(np.where(grid(7) == 5, 1, 0))
    puzzle = Puzzle("once", (*plain.train, (given, freeze(np.where(given == 1, 3, 0)))), plain.test_inputs)
    candidates, right, _ = rival_candidates(puzzle)
    support = doubt.left_out(puzzle, candidates, [(grid_hash(right),)], 400_000)
    assert 0 < support[0][grid_hash(right)] < doubt.GENERALISES_BITS


def test_nothing_is_asked_where_two_attempts_hold_every_answer_or_one_is_clearly_ahead() -> None:
    assert doubt.rivals([{"a": 0.5, "b": 0.5}]) == [()]
    assert doubt.rivals([{"a": 0.7, "b": 0.2, "c": 0.1}]) == [()]
    assert doubt.rivals([{}]) == [()]
    assert doubt.rivals([{"a": 0.2, "b": 0.5, "c": 0.3}]) == [("b", "c", "a")]
    many = dict.fromkeys("fedcba", 1.0)
    assert doubt.rivals([many]) == [("a", "b", "c", "d")]


def test_without_doubt_the_questions_change_neither_answer_nor_steps() -> None:
    turned = tuple((grid(seed), freeze(np.rot90(grid(seed)))) for seed in range(3))
    puzzle = Puzzle("turned", turned, (grid(9),))
    asking = SynthesisConfig(leave_one_out=True, augment_vote=True)
    silent = SynthesisConfig(leave_one_out=False, augment_vote=False)
    one, two = (
        ProgramSynthesis().solve(puzzle, config=config, budget=Budget(0.3, 60.0), seed=0) for config in (asking, silent)
    )
    assert one.steps_used == two.steps_used
    assert one.details == two.details


@pytest.mark.parametrize("question", QUESTIONS)
def test_each_question_moves_the_shares_of_rival_answers_within_the_same_budget(
    question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    name = {"leave_one_out": "left_out", "augment_vote": "augmented"}[question]
    ask = getattr(doubt, name)

    def noting(*arguments: object) -> doubt.Support:
        asked.append(next(value for value in arguments if isinstance(value, int)))
        support: doubt.Support = ask(*arguments)
        return support

    monkeypatch.setattr(doubt, name, noting)
    neither = SynthesisConfig(leave_one_out=False, augment_vote=False)
    before = solve(neither)
    assert asked == []
    after = solve(neither.model_copy(update={question: True}))
    budget = int(0.3 * STEPS_PER_CORE_SECOND)
    assert asked
    assert asked[0] * search.STEPS_PER_RULE_STEP <= search.QUESTION.allowance(budget, budget)
    assert any(after.details["support"][0])
    assert before.details["support"] == []
    assert after.details["ranked"] != before.details["ranked"]
    again = solve(neither.model_copy(update={question: True}))
    assert (again.steps_used, again.details) == (after.steps_used, after.details)


def test_the_views_are_the_eight_turns_with_colours_drawn_from_the_seed_and_are_undone() -> None:
    outlooks = doubt.views(3)
    assert outlooks == doubt.views(3)
    assert outlooks != doubt.views(4)
    assert [outlook.symmetry for outlook in outlooks] == list(range(8))
    coloured = freeze(np.arange(10).reshape(2, 5))
    for outlook in outlooks:
        assert outlook.colours[0] == 0
        assert sorted(outlook.colours) == list(range(10))
        look = outlook.look(coloured)
        assert same(look.leave(look.enter(coloured)), coloured)


def test_a_failing_question_costs_no_answer_and_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> doubt.Support:
        raise ArithmeticError("lost")

    monkeypatch.setattr(doubt, "left_out", broken)
    solution = solve(SynthesisConfig(leave_one_out=True))
    assert solution.details["failures"] == ["weighing: ArithmeticError: lost"]
    assert all(len(per_test) == 2 for per_test in solution.predictions)


@pytest.mark.parametrize(
    ("name", "family"),
    [("cells", "cells"), ("completion+cells", "completion"), ("mirror:cells", "wrapped"), ("halves", "frames")],
)
def test_a_programs_family_is_one_that_can_be_asked_again(name: str, family: str) -> None:
    assert doubt.family_of(name) == family
