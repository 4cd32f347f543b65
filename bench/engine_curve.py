"""Score against CPU time: one set at several budgets, as a Markdown table with icecuber's points below it.

python -m bench.engine_curve --tasks arc1/training --seconds 0.1,0.2,0.4,1 [--limit 100] [--seeds 0,1,2]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys

from bench import arc_solve


def rows(args: argparse.Namespace) -> list[str]:
    """One line a budget: macro (mean and deviation over the seeds), strict, core-seconds a task."""
    lines = []
    for seconds in args.seconds.split(","):
        macros, stricts, spent = [], [], []
        for seed in args.seeds.split(","):
            arguments = ["--tasks", args.tasks, "--seconds", seconds, "--seed", seed, "--limit", str(args.limit)]
            arguments += ["--workers", str(args.workers), "--config", args.config]
            result = arc_solve.run(arc_solve.parser().parse_args(arguments))
            macros.append(100 * result["macro"])
            stricts.append(result["strict"])
            spent.append(statistics.fmean(task["core_seconds"] for task in result["tasks"].values()))
        deviation = f" ± {statistics.stdev(macros):.2f}" if len(macros) > 1 else ""
        lines.append(
            f"| {seconds} | {statistics.fmean(spent):.3f} | {statistics.fmean(macros):.2f}{deviation} | "
            f"{statistics.fmean(stricts):.1f} | {len(result['tasks'])} |"
        )
        print(lines[-1], flush=True)
    return lines


def main() -> int:
    """Command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tasks", required=True)
    options.add_argument("--seconds", default="0.1,0.2,0.4,1")
    options.add_argument("--seeds", default="0")
    options.add_argument("--limit", type=int, default=0)
    options.add_argument("--workers", type=int, default=1)
    options.add_argument("--config", default="{}")
    args = options.parse_args()
    print(f"{args.tasks}\n\n| budget s | core-s a task | macro % | strict | tasks |\n|---|---|---|---|---|")
    rows(args)
    for row in json.loads(arc_solve.ICECUBER.read_text("utf-8"))["rows"]:
        if row["set"] == args.tasks:
            print(
                f"| icecuber depth {row['depth']} | {row['core_seconds_per_task']:.3f} | {100 * row['macro']:.2f} | "
                f"{row['strict']} | {row['tasks']} |"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
