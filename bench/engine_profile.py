"""Where the time of a synthesis solve goes, and how many steps a core-second holds.

    python -m bench.engine_profile [--tasks arc1/training] [--limit 40] [--seconds 0.4]

Prints steps per core-second of the enumeration (for `strategy.STEPS_PER_CORE_SECOND`) and CPU time by stage.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import bench.single_core  # noqa: F401  (before numpy)
from apps.experiments.engine.hardstop import HardStop
from apps.experiments.engine.strategy import silent
from apps.experiments.engine.synthesis import search, strategy
from apps.experiments.engine.synthesis.config import SynthesisConfig
from bench.arc_solve import load_tasks

STAGES = {
    "explore": "enumeration",
    "compose": "composition",
    "proposals": "learned rules",
    "cellwise": "rules on intermediate images",
    "guided_costs": "guidance",
}


def main() -> int:
    """Command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tasks", default="arc1/training")
    options.add_argument("--limit", type=int, default=40)
    options.add_argument("--seconds", type=float, default=0.4)
    args = options.parse_args()
    spent: dict[str, float] = defaultdict(float)
    steps = 0

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **named: Any) -> Any:
            nonlocal steps
            start = time.process_time()
            result = function(*arguments, **named)
            spent[name] += time.process_time() - start
            steps += result.steps if name == "explore" else 0
            return result

        return wrapper

    strategy.ProgramSynthesis().warm()
    for name in STAGES:
        setattr(search, name, timed(name, getattr(search, name)))
    tasks = load_tasks(args.tasks)
    tasks = tasks[:: max(1, len(tasks) // args.limit)]
    budget = int(args.seconds * strategy.STEPS_PER_CORE_SECOND)
    start = time.process_time()
    for task in tasks:
        one = search.Search(task.puzzle(), SynthesisConfig(), budget, HardStop(600.0), 0, silent)
        one.run()
    total = time.process_time() - start
    print(
        f"{len(tasks)} tasks, {total / len(tasks):.3f} core-s a task; {steps / spent['explore'] / 1e6:.0f} million steps a core-s"
    )
    for name, stage in STAGES.items():
        print(f"| {stage} | {spent[name] / len(tasks):.4f} | {100 * spent[name] / total:.0f} % |")
    print(
        f"| the rest | {(total - sum(spent.values())) / len(tasks):.4f} | {100 * (1 - sum(spent.values()) / total):.0f} % |"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
