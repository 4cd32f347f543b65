"""The answers of solvers nobody disturbs: in processes of their own, without Django, a database or a worker.

python -m tests.chaos.reference < cases.jsonl > answers.jsonl
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bench.single_core  # noqa: F401  (before numpy)

ROOT = Path(__file__).resolve().parents[2]
Case = tuple[str, dict[str, Any]]
"""One cell: its name, and exactly what its job was given."""


def answers(cases: Sequence[Case]) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each case its name and what the solver hands over; as many solvers at once as there are cores."""
    solvers = min(len(cases), len(os.sched_getaffinity(0)))
    with ThreadPoolExecutor(max(1, solvers)) as threads:
        for answered in threads.map(_answers, [cases[number::solvers] for number in range(solvers)]):
            yield from answered


def _answers(cases: Sequence[Case]) -> list[tuple[str, dict[str, Any]]]:
    """A process for these, which is no part of the lab."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TERRARIUM_")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.reference"],
        input="\n".join(json.dumps(case) for case in cases),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=ROOT,
        env=environment,
    )
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def main() -> None:
    """Solve what is read."""
    from workers.solving import solve

    for line in sys.stdin:
        name, arguments = json.loads(line)
        print(json.dumps([name, solve(arguments, lambda kind, payload: None)]), flush=True)


if __name__ == "__main__":
    main()
