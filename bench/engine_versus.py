"""Another checkout's solver beside this one's, task by task in turn: the same answers, and at which cost?

    git worktree add /tmp/before REVISION
    python -m bench.engine_versus /tmp/before [--tasks arc1/training] [--limit 40] [--seconds 0.4] [--rounds 3]

Each task is solved by both, one after the other and then in the other order, each time in a process forked from a warm
one; so that whatever else the machine does meets both alike. Of a task's core-seconds the least of all rounds counts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent.parent

SOLVER = """
import hashlib, json, os, sys
from apps.experiments.engine import registry
from apps.experiments.engine.strategy import Budget
from apps.tasks.engine.formats import load_canonical
name, seconds = sys.argv[1], float(sys.argv[2])
strategy = registry.get("program_synthesis")
strategy.warm()
tasks = {task.raw_id: task for task in load_canonical(name)}
print("ready", flush=True)
for line in sys.stdin:
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        task = tasks[line.strip()]
        solution = strategy.solve(
            task.puzzle(), config=strategy.Config(), budget=Budget(seconds, 60 + 20 * seconds), seed=0
        )
        answers = [[(p.grid.tolist(), p.program, p.confidence) for p in one] for one in solution.predictions]
        seen = hashlib.sha256(json.dumps([answers, solution.steps_used]).encode()).hexdigest()
        os.write(write, seen.encode())
        os._exit(0)
    os.close(write)
    seen = os.read(read, 64).decode()
    os.close(read)
    used = os.wait4(pid, 0)[2]
    print(json.dumps([seen, used.ru_utime + used.ru_stime]), flush=True)
"""


class Side:
    """One checkout's solver, warm, waiting for task ids."""

    def __init__(self, checkout: Path, tasks: str, seconds: float) -> None:
        one_core = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [sys.executable, "-c", SOLVER, tasks, str(seconds)],
            cwd=checkout,
            env={**os.environ, **one_core, "PYTHONPATH": str(checkout)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a solver ended early; its words stand above")
        return line

    def solve(self, task_id: str) -> tuple[str, float]:
        """A digest of all that was answered, and core-seconds."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{task_id}\n")
        self._process.stdin.flush()
        seen, seconds = json.loads(self._read())
        return seen, seconds

    def end(self) -> None:
        """No more tasks."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def main() -> int:
    """Command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("before", type=Path, help="a checkout of the other revision")
    options.add_argument("--tasks", default="arc1/training")
    options.add_argument("--limit", type=int, default=40, help="evenly spaced tasks")
    options.add_argument("--seconds", type=float, default=0.4)
    options.add_argument("--rounds", type=int, default=3)
    args = options.parse_args()
    from apps.tasks.engine.formats import load_canonical

    ids = [task.raw_id for task in load_canonical(args.tasks)]
    ids = ids[:: max(1, len(ids) // args.limit)][: args.limit]
    sides = {"before": Side(args.before, args.tasks, args.seconds), "now": Side(HERE, args.tasks, args.seconds)}
    least: dict[str, dict[str, float]] = {name: {} for name in sides}
    answers: dict[str, dict[str, Any]] = {name: {} for name in sides}
    for turn in range(args.rounds):
        for task_id in ids:
            for name in list(sides)[:: 1 if turn % 2 == 0 else -1]:
                answers[name][task_id], seconds = sides[name].solve(task_id)
                least[name][task_id] = min(seconds, least[name].get(task_id, seconds))
    for side in sides.values():
        side.end()
    before, now = least["before"], least["now"]
    other = [task_id for task_id in ids if answers["before"][task_id] != answers["now"][task_id]]
    ratios = [now[task_id] / before[task_id] for task_id in ids]
    print(
        f"{len(ids)} of {args.tasks}, {args.seconds} s, {args.rounds} rounds, load {os.getloadavg()[0]:.1f}: core-s a task "
        f"{sum(before.values()) / len(ids):.4f} before, {sum(now.values()) / len(ids):.4f} now; ratio of the sums "
        f"{sum(now.values()) / sum(before.values()):.3f}, median of the tasks' ratios {statistics.median(ratios):.3f}; "
        f"answered otherwise: {', '.join(other) or 'none'}"
    )
    return 1 if other else 0


if __name__ == "__main__":
    sys.exit(main())
