"""Run a strategy blind over ARC tasks and score it: no database, one forked process a task, CPU time counted.

    python -m bench.arc_solve --tasks arc1/training --strategy program_synthesis --seconds 1 --seed 0 --out out.json

`--tasks` is a canonical set (`arc1/training`, `arc1/evaluation`, `arc2/training`, `arc2/evaluation`), `arc2/clean`
(the ARC-AGI-2 training tasks in neither ARC-AGI-1 set) or a folder of task files. The solver's process is forked
from a warm parent and holds no test output. `core_seconds` is CPU time (user + system) of the whole process tree,
imports included; a task's own figure is its process's.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import selectors
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bench.single_core  # noqa: F401  (before numpy)
from apps.experiments.engine import registry, scoring
from apps.experiments.engine.strategy import ATTEMPTS_PER_TEST, Budget, Strategy, StrategyConfig
from apps.tasks.engine import formats
from apps.tasks.engine.grids import parse_grid, same, to_lists
from apps.tasks.engine.puzzle import Grid, Puzzle

ICECUBER = Path(__file__).parent / "data" / "icecuber.json"
AGGREGATES_ONLY = ("arc1/evaluation", "arc2/evaluation")


@dataclass
class Running:
    """A child at work: its task's id, the pipe it answers on, what came so far, and when it is killed."""

    task_id: str
    pid: int
    pipe: int
    kill_at: float
    received: bytearray


def load_tasks(name: str) -> list[formats.TaskData]:
    """The tasks of a canonical set, of the clean hold-out, or of a folder."""
    if name in formats.CANONICAL_SETS:
        return formats.load_canonical(name)
    if name == "arc2/clean":
        return formats.load_clean_arc2()
    folder = Path(name)
    if not folder.is_dir():
        known = ", ".join([*formats.CANONICAL_SETS, "arc2/clean"])
        raise SystemExit(f"--tasks {name}: neither a folder nor one of {known}.")
    return list(formats.load_folder(folder))


def _cap_memory(megabytes: int) -> None:
    """Limit what this process may allocate beyond what it already maps."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    limit = pages * resource.getpagesize() + megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _child(strategy: Strategy, puzzle: Puzzle, config: StrategyConfig, budget: Budget, seed: int, pipe: int) -> None:
    """Solve one puzzle and write the answer to the pipe as JSON. Runs in the forked process."""
    _cap_memory(budget.memory_mb)
    try:
        solution = strategy.solve(puzzle, config=config, budget=budget, seed=seed)
        answer: dict[str, Any] = {
            "predictions": [
                [{"grid": to_lists(p.grid), "confidence": p.confidence, "program": p.program} for p in per_test]
                for per_test in solution.predictions
            ],
            "steps": solution.steps_used,
            "hard_stopped": solution.hard_stopped,
            "details": dict(solution.details),
        }
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    with os.fdopen(pipe, "wb") as stream:
        stream.write(json.dumps(answer).encode())


def _start(
    strategy: Strategy, task_id: str, puzzle: Puzzle, config: StrategyConfig, budget: Budget, seed: int
) -> Running:
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read_end)
        code = 1
        try:
            _child(strategy, puzzle, config, budget, seed, write_end)
            code = 0
        finally:
            os._exit(code)
    os.close(write_end)
    return Running(task_id, pid, read_end, time.monotonic() + 2 * budget.hard_seconds, bytearray())


def _finish(child: Running) -> dict[str, Any]:
    """Reap a child: its answer and its CPU seconds and peak memory."""
    os.close(child.pipe)
    _, status, usage = os.wait4(child.pid, 0)
    try:
        answer: dict[str, Any] = json.loads(bytes(child.received))
    except ValueError:
        answer = {"error": f"ended with status {status} and no answer"}
    answer["core_seconds"] = usage.ru_utime + usage.ru_stime
    answer["peak_mb"] = usage.ru_maxrss / 1024
    return answer


def solve_all(
    strategy: Strategy,
    puzzles: Sequence[tuple[str, Puzzle]],
    config: StrategyConfig,
    budget: Budget,
    seed: int,
    workers: int,
) -> dict[str, dict[str, Any]]:
    """Answer every puzzle, `workers` at a time, each in its own process; results in the order of `puzzles`."""
    waiting = list(reversed(puzzles))
    running: dict[int, Running] = {}
    answers: dict[str, dict[str, Any]] = {}
    selector = selectors.DefaultSelector()
    while waiting or running:
        while waiting and len(running) < workers:
            task_id, puzzle = waiting.pop()
            child = _start(strategy, task_id, puzzle, config, budget, seed)
            running[child.pipe] = child
            selector.register(child.pipe, selectors.EVENT_READ)
        for key, _ in selector.select(timeout=1.0):
            child = running[key.fd]
            chunk = os.read(key.fd, 1 << 16)
            if chunk:
                child.received += chunk
                continue
            selector.unregister(key.fd)
            del running[key.fd]
            answers[child.task_id] = _finish(child)
        for child in running.values():
            if time.monotonic() > child.kill_at:
                os.kill(child.pid, signal.SIGKILL)
    return {task_id: answers[task_id] for task_id, _ in puzzles}


def _first_hit(attempts: Sequence[Grid], truth: Grid | None) -> int:
    """Which attempt was right (0 or 1), -1 if none."""
    return next((k for k, attempt in enumerate(attempts[:ATTEMPTS_PER_TEST]) if same(attempt, truth)), -1)


def _scored(tasks: Sequence[formats.TaskData], answers: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Per task: attempts (a pair a test input), hits, core-seconds, confidence."""
    results = {}
    for task in tasks:
        answer = answers[task.raw_id]
        predictions = answer.get("predictions") or [[] for _ in task.tests]
        attempts = [[p["grid"] for p in per_test] for per_test in predictions]
        grids = [[parse_grid(grid) for grid in per_test] for per_test in attempts]
        results[task.raw_id] = {
            "attempts": attempts,
            "hits": scoring.hits(grids, task.truths()),
            "first_hits": [_first_hit(per_test, truth) for per_test, truth in zip(grids, task.truths(), strict=True)],
            "core_seconds": round(answer["core_seconds"], 4),
            "confidence": min((per_test[0]["confidence"] if per_test else 0.0) for per_test in predictions),
            "peak_mb": round(answer["peak_mb"], 1),
            "steps": answer.get("steps", 0),
            "hard_stopped": answer.get("hard_stopped", False),
            "programs": [[p["program"] for p in per_test] for per_test in predictions],
            "error": answer.get("error", ""),
            "details": answer.get("details", {}),
        }
    return results


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Do the run the command line asks for; the returned object is what `--out` receives."""
    tasks = load_tasks(args.tasks)[args.skip :]
    if args.limit:
        tasks = tasks[:: max(1, len(tasks) // args.limit)][: args.limit]
    if args.ids:
        wanted = set(args.ids.split(","))
        tasks = [task for task in tasks if task.raw_id in wanted]
    strategy = registry.get(args.strategy)
    config = strategy.Config.model_validate_json(args.config)
    hard_seconds = args.hard_seconds or 20 * args.seconds + 60
    budget = Budget(core_seconds=args.seconds, hard_seconds=hard_seconds, memory_mb=args.memory_mb)
    strategy.warm()
    puzzles = [(task.raw_id, task.puzzle()) for task in tasks]
    answers = solve_all(strategy, puzzles, config, budget, args.seed, args.workers)
    results = _scored(tasks, answers)
    totals = scoring.summarise({key: value["hits"] for key, value in results.items()})
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = sum(value["core_seconds"] for value in results.values())
    return {
        "strategy": strategy.name,
        "version": strategy.version,
        "seconds": args.seconds,
        "seed": args.seed,
        "macro": totals.macro,
        "micro": totals.micro,
        "strict": totals.strict,
        "core_seconds": round(own.ru_utime + own.ru_stime + children, 3),
        "set": args.tasks,
        "config": json.loads(args.config),
        "parent_core_seconds": round(own.ru_utime + own.ru_stime, 3),
        "tasks": results,
    }


def _print_icecuber(name: str) -> None:
    rows = [row for row in json.loads(ICECUBER.read_text("utf-8"))["rows"] if row["set"] == name]
    for row in rows:
        print(
            f"  icecuber depth {row['depth']} ({row['tasks']} tasks): macro {100 * row['macro']:.2f} % "
            f"at {row['core_seconds_per_task']:.3f} core-s a task, strict {row['strict']}"
        )


def report(result: dict[str, Any], compare_with: str) -> None:
    """Print the aggregates, icecuber's measured figures for the same set, and the paired test if asked for."""
    tasks = result["tasks"]
    count = max(1, len(tasks))
    seconds = sorted(value["core_seconds"] for value in tasks.values())
    low, high = scoring.wilson(result["macro"] * count, count)
    errors = [key for key, value in tasks.items() if value["error"]]
    print(
        f"{result['set']}: {result['strategy']} {result['version']}, {result['seconds']} s, seed {result['seed']}, "
        f"{len(tasks)} tasks\n"
        f"  macro {100 * result['macro']:.2f} % (95 % {100 * low:.1f} to {100 * high:.1f}), "
        f"micro {100 * result['micro']:.2f} %, strict {result['strict']}\n"
        f"  core-s a task: mean {result['core_seconds'] / count:.3f} with imports, median "
        f"{seconds[len(seconds) // 2] if seconds else 0:.3f}, max {seconds[-1] if seconds else 0:.2f}; "
        f"peak MB max {max((v['peak_mb'] for v in tasks.values()), default=0):.0f}; "
        f"hard stops {sum(v['hard_stopped'] for v in tasks.values())}; errors {len(errors)}"
    )
    if errors and result["set"] not in AGGREGATES_ONLY:
        print("  first error:", errors[0], tasks[errors[0]]["error"])
    elif errors:
        print("  first error:", tasks[errors[0]]["error"].split(":")[0])
    _print_icecuber(result["set"])
    if compare_with:
        other = json.loads(Path(compare_with).read_text("utf-8"))
        paired = scoring.compare(
            {key: value["hits"] for key, value in tasks.items()},
            {key: value["hits"] for key, value in other["tasks"].items()},
        )
        print(f"  against {compare_with}: {paired}")


def parser() -> argparse.ArgumentParser:
    """The command line's options."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tasks", required=True, help="a canonical set, arc2/clean, or a folder of task files")
    options.add_argument("--strategy", default="program_synthesis")
    options.add_argument("--seconds", type=float, default=1.0, help="core-seconds a task")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--out", default="", help="write the result here as JSON")
    options.add_argument("--config", default="{}", help="the strategy's config as JSON")
    options.add_argument("--workers", type=int, default=1)
    options.add_argument("--limit", type=int, default=0, help="only this many tasks, evenly spaced")
    options.add_argument("--skip", type=int, default=0, help="leave out the first tasks")
    options.add_argument("--ids", default="", help="only these ids, comma-separated")
    options.add_argument("--hard-seconds", type=float, default=0, help="wall-clock stop a task (default 60 + 20 x S)")
    options.add_argument("--memory-mb", type=int, default=2048)
    options.add_argument("--compare", default="", help="an earlier result to compare with, task by task")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    args = parser().parse_args(argv)
    result = run(args)
    if args.out:
        Path(args.out).parent.mkdir(parents=True, exist_ok=True)
        Path(args.out).write_text(json.dumps(result) + "\n", "utf-8")
    report(result, args.compare)
    return 0


if __name__ == "__main__":
    sys.exit(main())
