"""Runs stored programs again, in a process of its own: a line of JSON asks, a line answers.

    python -m apps.experiments.engine.replaying

So whoever shows programs loads no compiler. It ends with its standard input, or when nobody asked for a while.
"""

from __future__ import annotations

import json
import os
import select
import sys
from collections.abc import Mapping
from typing import Any

from apps.experiments.engine import registry
from apps.tasks.engine.grids import parse_grid, to_lists

IDLE_SECONDS = 600.0
MAX_STEPS = 40
"""Steps told of one program; what comes after them is left out."""


def answer(asked: Mapping[str, Any]) -> dict[str, Any]:
    """`steps`: for each grid, label and grid after each step of the program; or the `problem`."""
    registry.register(asked["strategy"], asked["path"])
    strategy = registry.get(asked["strategy"])
    try:
        played = [strategy.replay(asked["program_data"], parse_grid(grid)) for grid in asked["grids"]]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        return {"problem": f"{type(error).__name__}: {error}"}
    return {
        "steps": [
            [[step.label, None if step.grid is None else to_lists(step.grid)] for step in list(steps)[:MAX_STEPS]]
            for steps in played
        ]
    }


def main() -> None:
    """Answer until there is nobody to ask. What strategies print goes to standard error, not among the answers."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    questions = sys.stdin.buffer
    while select.select([questions], [], [], IDLE_SECONDS)[0] and (line := questions.readline()):
        answers.write(json.dumps(answer(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
