"""The strategy as a whole: solves, replays, explains, keeps its bounds, and gives the same answer twice."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import numpy as np
import pytest

from apps.experiments.engine import registry, scoring
from apps.experiments.engine.strategy import Budget, Solution
from apps.experiments.engine.synthesis.config import SynthesisConfig
from apps.experiments.engine.synthesis.strategy import ProgramSynthesis
from apps.tasks.engine import formats
from apps.tasks.engine.grids import freeze, is_valid, same
from apps.tasks.engine.puzzle import Puzzle

pytestmark = pytest.mark.usefixtures("prepared")

SOLVED = json.loads((Path(__file__).parent / "solved_training.json").read_text("utf-8"))
TRAINING = {task.raw_id: task for task in formats.load_canonical("arc1/training")}
SAMPLE = sorted(SOLVED["tasks"])[:: max(1, len(SOLVED["tasks"]) // 12)]


def solve(
    task: formats.TaskData, seconds: float = 0.3, config: SynthesisConfig | None = None, seed: int = 0
) -> Solution:
    return registry.get("program_synthesis").solve(
        task.puzzle(), config=config or SynthesisConfig(), budget=Budget(seconds, 120.0), seed=seed
    )


def grids_of(solution: Solution) -> list[list[list[list[int]]]]:
    return [[p.grid.tolist() for p in predictions] for predictions in solution.predictions]


@pytest.mark.parametrize("task_id", SAMPLE)
def test_what_was_solved_stays_solved(task_id: str) -> None:
    task = TRAINING[task_id]
    solution = solve(task, SOLVED["seconds"])
    assert all(scoring.hits([[p.grid for p in per_test] for per_test in solution.predictions], task.truths()))


@pytest.mark.parametrize("task_id", SAMPLE[:6])
def test_every_answer_replays_to_the_same_grid_and_says_how(task_id: str) -> None:
    task = TRAINING[task_id]
    strategy = ProgramSynthesis()
    for (source, _), predictions in zip(task.tests, solve(task).predictions, strict=True):
        assert 1 <= len(predictions) <= 2
        assert all(0 <= p.confidence <= 1 for p in predictions)
        assert len(predictions) < 2 or not same(predictions[0].grid, predictions[1].grid)
        for prediction in predictions:
            data = json.loads(json.dumps(prediction.program_data))
            steps = strategy.replay(data, source)
            assert same(steps[-1].grid, prediction.grid)
            assert all(step.label for step in steps)
            assert "def solve(grid):" in prediction.program


def test_the_same_run_twice_gives_the_same_answer() -> None:
    task = TRAINING[SAMPLE[3]]
    first, second = solve(task), solve(task)
    assert grids_of(first) == grids_of(second)
    assert first.steps_used == second.steps_used


def test_the_input_grids_are_left_alone() -> None:
    task = TRAINING[SAMPLE[0]]
    before = [given.copy() for given, _ in task.train]
    solve(task, 0.1)
    assert all(same(a, b) for a, (b, _) in zip(before, task.train, strict=True))


def test_the_key_of_a_puzzle_has_no_influence() -> None:
    task = TRAINING[SAMPLE[1]]
    puzzle = task.puzzle()
    renamed = Puzzle("another", puzzle.train, puzzle.test_inputs)
    strategy, budget = ProgramSynthesis(), Budget(0.2, 60.0)
    one = strategy.solve(puzzle, config=SynthesisConfig(), budget=budget, seed=0)
    two = strategy.solve(renamed, config=SynthesisConfig(), budget=budget, seed=0)
    assert grids_of(one) == grids_of(two)


@pytest.mark.parametrize("option", [name for name in SynthesisConfig.model_fields if name != "max_cost"])
def test_every_option_changes_what_is_done(option: str) -> None:
    """On some of a handful of tasks, steps, states or candidates differ (or, for the vote, the confidence)."""

    def trace(config: SynthesisConfig, task: formats.TaskData) -> tuple[object, ...]:
        solution = solve(task, 0.2, config)
        return solution.steps_used, dict(solution.details), [p.confidence for s in solution.predictions for p in s]

    config = SynthesisConfig.model_validate({option: not SynthesisConfig.model_fields[option].default})
    unsolved = [task for task_id, task in TRAINING.items() if task_id not in SOLVED["tasks"]][:3]
    tasks = [TRAINING[SAMPLE[0]], TRAINING[SAMPLE[2]], *unsolved]
    assert any(trace(config, task) != trace(SynthesisConfig(), task) for task in tasks)


def test_a_tiny_budget_and_odd_puzzles_give_an_answer_or_none_but_never_fail() -> None:
    strategy = ProgramSynthesis()
    one = freeze(np.zeros((1, 1)))
    large = freeze(np.full((30, 30), 9))
    noise = freeze(np.random.default_rng(0).integers(0, 10, (30, 30)))
    for puzzle in (
        Puzzle("blank", ((one, one),), (one,)),
        Puzzle("growing", ((one, large), (one, large)), (one, large)),
        Puzzle("noise", ((noise, noise[::-1]),) * 10, (noise, noise.T, large, one)),
    ):
        for seconds in (0.0001, 0.05):
            solution = strategy.solve(puzzle, config=SynthesisConfig(), budget=Budget(seconds, 60.0), seed=0)
            assert len(solution.predictions) == len(puzzle.test_inputs)
            assert all(is_valid(p.grid) for predictions in solution.predictions for p in predictions)


def test_the_clock_is_only_a_marked_hard_stop() -> None:
    task = next(task for task_id, task in TRAINING.items() if task_id not in SOLVED["tasks"])
    solution = registry.get("program_synthesis").solve(
        task.puzzle(), config=SynthesisConfig(), budget=Budget(5.0, 0.0), seed=0
    )
    assert solution.hard_stopped
    assert not solve(task, 0.05).hard_stopped


@pytest.mark.slow
def test_the_largest_tasks_stay_within_their_bounds() -> None:
    def cells(task: formats.TaskData) -> int:
        return sum(given.size + wanted.size for given, wanted in task.train) + sum(
            given.size for given, _ in task.tests
        )

    for task in sorted(TRAINING.values(), key=cells)[-20:]:
        before = resource.getrusage(resource.RUSAGE_SELF)
        solution = solve(task, 0.4)
        after = resource.getrusage(resource.RUSAGE_SELF)
        assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 4.0
        assert after.ru_maxrss < 1_500_000
        assert not solution.hard_stopped
