"""The golden file: what `program_synthesis` answers to a hundred training tasks, tied to its version.

    python -m bench.engine_golden            # solve all of them, name those answered otherwise
    python -m bench.engine_golden --renew    # write the answers anew; refused where the version is the same

The file is `tests/engines/golden_answers.json`; the suite holds the solver against it. A change that answers otherwise
gives the strategy a new `version`, so that results of two solvers are never taken for those of one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import bench.single_core  # noqa: F401  (before numpy)
from apps.experiments.engine.strategy import Budget, Prediction, Strategy
from apps.experiments.engine.synthesis.strategy import STEPS_PER_CORE_SECOND, ProgramSynthesis
from apps.tasks.engine.formats import TaskData, load_canonical

FILE = Path(__file__).parent.parent / "tests" / "engines" / "golden_answers.json"
CORE_SECONDS = 0.1
HARD_SECONDS = 600.0
RUNS: dict[str, dict[str, Any]] = {
    "as it comes": {"seed": 0, "config": {}, "of_training": 4},
    "asked in doubt": {"seed": 1, "config": {"leave_one_out": True, "augment_vote": True}, "of_training": 40},
}
"""By name: seed, options, and that one task in so many is solved."""


@cache
def tasks_of(run: str) -> dict[str, TaskData]:
    """The tasks of a run by id."""
    return {task.raw_id: task for task in load_canonical("arc1/training")[:: RUNS[run]["of_training"]]}


def answered(strategy: Strategy, task: TaskData, run: str) -> dict[str, Any]:
    """A task's answer as the file keeps it: steps taken, and for each test input its attempts, best first."""
    solution = strategy.solve(
        task.puzzle(),
        config=strategy.Config.model_validate(RUNS[run]["config"]),
        budget=Budget(CORE_SECONDS, HARD_SECONDS),
        seed=RUNS[run]["seed"],
    )
    return {
        "steps": solution.steps_used,
        "attempts": [[_attempt(prediction) for prediction in per_test] for per_test in solution.predictions],
    }


def _attempt(prediction: Prediction) -> list[Any]:
    """Rows of digits, confidence, and a digest of the program."""
    rows = " ".join("".join(map(str, row)) for row in prediction.grid.tolist())
    program = json.dumps([prediction.program, prediction.program_data], sort_keys=True)
    return [rows, prediction.confidence, hashlib.sha256(program.encode()).hexdigest()[:12]]


def read() -> dict[str, Any]:
    """The file's content."""
    content: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return content


def solved_now(strategy: Strategy) -> dict[str, Any]:
    """The file's content as it would be written now."""
    return {
        "strategy": strategy.name,
        "version": strategy.version,
        "steps": int(CORE_SECONDS * STEPS_PER_CORE_SECOND),
        "runs": {
            run: {key: answered(strategy, task, run) for key, task in tasks_of(run).items()} for run in sorted(RUNS)
        },
    }


def otherwise(golden: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """The tasks whose answers differ, each with the name of its run; those only one side has among them."""
    found = []
    for run in sorted(golden["runs"].keys() | now["runs"].keys()):
        old, new = golden["runs"].get(run, {}), now["runs"].get(run, {})
        found += [f"{key} ({run})" for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
    return found


def refusal(golden: dict[str, Any], now: dict[str, Any]) -> str:
    """Why `now` must not take the place of `golden`; empty if it may."""
    changed = otherwise(golden, now)
    if golden["version"] != now["version"] or not changed:
        return ""
    return (
        f"{len(changed)} of the answers are not those kept for version {golden['version']}: {', '.join(changed[:8])}"
        f"{' ...' if len(changed) > 8 else ''}. Give the strategy a new version, then renew."
    )


def main() -> int:
    """Command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--renew", action="store_true", help="write the answers anew, for a new version")
    args = options.parse_args()
    strategy = ProgramSynthesis()
    strategy.warm()
    now = solved_now(strategy)
    golden = read() if FILE.exists() else {**now, "runs": {}, "version": ""}
    if not args.renew:
        changed = otherwise(golden, now)
        print(f"version {now['version']}, kept {golden['version']}; answered otherwise: {', '.join(changed) or 'none'}")
        return 1 if changed or golden["version"] != now["version"] else 0
    if why := refusal(golden, now):
        print(why, file=sys.stderr)
        return 1
    FILE.write_text(json.dumps(now, indent=1) + "\n", "utf-8")
    print(f"{sum(map(len, now['runs'].values()))} answers of version {now['version']} written to {FILE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
