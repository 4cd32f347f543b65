"""One contract for every strategy there is: those registered, and the simplest one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from apps.experiments.engine import registry
from apps.experiments.engine.strategy import ATTEMPTS_PER_TEST, Budget, Solution, Strategy, StrategyConfig
from apps.tasks.engine.grids import freeze, is_valid, same
from apps.tasks.engine.puzzle import Puzzle
from tests.apps.experiments.strategies import Echo
from workers.solving import written

SMALL = Budget(core_seconds=0.05, hard_seconds=600.0)


def puzzle(key: str = "mirror") -> Puzzle:
    """Mirrored left to right, with two tests."""
    rng = np.random.default_rng(5)
    grids = [freeze(rng.integers(0, 5, (3 + n % 2, 4))) for n in range(5)]
    return Puzzle(key, tuple((grid, freeze(grid[:, ::-1])) for grid in grids[:3]), tuple(grids[3:]))


def noise() -> Puzzle:
    """Nothing to be learned, at the limits of size."""
    rng = np.random.default_rng(6)
    large, one = freeze(rng.integers(0, 10, (30, 30))), freeze(np.zeros((1, 1)))
    return Puzzle("noise", ((large, one), (one, large)), (one, large))


@pytest.mark.usefixtures("prepared")
class Contract:
    """What whoever runs a strategy relies on."""

    strategy: Strategy
    name: str

    def solve(self, task: Puzzle, *, seed: int = 0, budget: Budget = SMALL) -> Solution:
        """An answer with the options as they come."""
        return self.strategy.solve(task, config=self.strategy.Config(), budget=budget, seed=seed)

    def test_it_says_what_it_is_and_explains_each_option(self) -> None:
        one = self.strategy
        assert one.name == self.name
        assert all((one.version.strip(), one.title.strip(), one.summary.strip()))
        assert issubclass(one.Config, StrategyConfig)
        options = one.Config.model_json_schema().get("properties", {})
        assert [name for name, option in options.items() if not option.get("description")] == []

    def test_options_nobody_has_are_refused(self) -> None:
        with pytest.raises(ValueError, match="no_such_option"):
            self.strategy.Config.model_validate({"no_such_option": 1})

    @pytest.mark.parametrize("task", [puzzle(), noise()], ids=["rule", "noise"])
    def test_each_test_input_gets_up_to_two_distinct_valid_grids(self, task: Puzzle) -> None:
        solution = self.solve(task)
        assert len(solution.predictions) == len(task.test_inputs)
        for attempts in solution.predictions:
            assert len(attempts) <= ATTEMPTS_PER_TEST
            assert all(is_valid(one.grid) and 0 <= one.confidence <= 1 for one in attempts)
            assert len(attempts) < 2 or not same(attempts[0].grid, attempts[1].grid)
        assert solution.steps_used >= 0
        assert not solution.hard_stopped

    def test_an_answer_crosses_the_pipe_as_json(self) -> None:
        said = written(self.solve(puzzle()))
        assert json.loads(json.dumps(said))["predictions"] == said["predictions"]

    def test_the_same_question_gets_the_same_answer_whatever_its_key(self) -> None:
        first, second = (written(self.solve(task, seed=3)) for task in (puzzle(), puzzle("another")))
        assert first == second

    def test_the_question_is_left_alone(self) -> None:
        task, kept = puzzle(), puzzle()
        self.solve(task)
        assert all(same(a, c) and same(b, d) for (a, b), (c, d) in zip(task.train, kept.train, strict=True))
        assert all(same(a, b) for a, b in zip(task.test_inputs, kept.test_inputs, strict=True))

    def test_a_program_replays_to_its_grid_after_it_was_stored(self) -> None:
        task = puzzle()
        told = [
            (given, one)
            for given, attempts in zip(task.test_inputs, self.solve(task).predictions, strict=True)
            for one in attempts
            if one.program_data
        ]
        assert told
        for given, one in told:
            steps = self.strategy.replay(json.loads(json.dumps(one.program_data)), given)
            assert same(steps[-1].grid, one.grid)
            assert all(step.label for step in steps)

    @pytest.mark.parametrize("budget", [Budget(0.0, 600.0), Budget(1e-6, 600.0), Budget(5.0, 0.0)])
    def test_hardly_any_effort_gives_few_answers_and_no_failure(self, budget: Budget) -> None:
        for task in (puzzle(), noise()):
            assert len(self.solve(task, budget=budget).predictions) == len(task.test_inputs)

    def test_what_it_reports_is_of_a_known_kind(self) -> None:
        heard: list[tuple[str, Mapping[str, Any]]] = []
        self.strategy.solve(
            puzzle(),
            config=self.strategy.Config(),
            budget=SMALL,
            seed=0,
            report=lambda kind, said: heard.append((kind, said)),
        )
        assert {kind for kind, _ in heard} <= {"log", "progress", "metrics"}
        json.dumps([dict(said) for _, said in heard])


class TestEcho(Contract):
    """The simplest one: the contract asks nothing that only a search can do."""

    strategy, name = Echo(), "echo"


for _name in registry.names():
    globals()[f"Test_{_name}"] = type(f"Test_{_name}", (Contract,), {"strategy": registry.get(_name), "name": _name})


def test_no_registered_strategy_is_left_out() -> None:
    assert {f"Test_{name}" for name in registry.names()} <= set(globals())
