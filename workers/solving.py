"""The solving process: forked from the warm server, without Django, without the database, without a test output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from apps.experiments.engine import registry
from apps.experiments.engine.strategy import Budget, Solution
from apps.tasks.engine.grids import parse_grid, to_lists
from apps.tasks.engine.puzzle import Puzzle

Report = Callable[[str, Mapping[str, Any]], None]


def warm() -> None:
    """Import and compile every strategy, once, before the first fork."""
    for name in registry.names():
        registry.get(name).warm()


def solve(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Answer the puzzle in `arguments` with the strategy named there; what `Answer` describes, as plain JSON."""
    strategy = registry.get(arguments["strategy"])
    solution = strategy.solve(
        read_puzzle(arguments["puzzle"]),
        config=strategy.Config.model_validate(arguments["config"]),
        budget=Budget(**arguments["budget"]),
        seed=arguments["seed"],
        report=report,
    )
    return {**written(solution), "strategy_version": strategy.version}


def read_puzzle(value: Mapping[str, Any]) -> Puzzle:
    """The blind view of a task, from JSON."""
    return Puzzle(
        key=value["key"],
        train=tuple((parse_grid(source), parse_grid(target)) for source, target in value["train"]),
        test_inputs=tuple(parse_grid(grid) for grid in value["test_inputs"]),
    )


def written(solution: Solution) -> dict[str, Any]:
    """A solution as JSON."""
    return {
        "predictions": [
            [
                {
                    "grid": to_lists(attempt.grid),
                    "confidence": min(1.0, max(0.0, float(attempt.confidence))),
                    "program": attempt.program,
                    "program_data": dict(attempt.program_data),
                }
                for attempt in per_test
            ]
            for per_test in solution.predictions
        ],
        "steps_used": int(solution.steps_used),
        "hard_stopped": bool(solution.hard_stopped),
        "details": dict(solution.details),
    }
