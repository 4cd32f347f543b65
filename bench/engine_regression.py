"""The regression table of solved training tasks: check it, or write it anew.

    python -m bench.engine_regression                 # re-solve every task of the table, name those lost
    python -m bench.engine_regression --update FILE   # write the table from a result of bench.arc_solve

The table is `tests/engines/solved_training.json`; a commit that loses a task says why.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bench import arc_solve

TABLE = Path(__file__).parent.parent / "tests" / "engines" / "solved_training.json"


def update(result_file: Path) -> None:
    """Write the table from a run over `arc1/training`."""
    result = json.loads(result_file.read_text("utf-8"))
    if result["set"] != "arc1/training":
        raise SystemExit(f"{result_file} holds {result['set']}, not arc1/training.")
    solved = sorted(key for key, value in result["tasks"].items() if all(value["hits"]))
    table = {key: result[key] for key in ("strategy", "version", "seconds", "seed")} | {"tasks": solved}
    TABLE.write_text(json.dumps(table, indent=0) + "\n", "utf-8")
    print(f"{len(solved)} tasks written to {TABLE}")


def check(workers: int) -> int:
    """Re-solve the table's tasks at its budget; 1 if some are lost."""
    table = json.loads(TABLE.read_text("utf-8"))
    arguments = ["--tasks", "arc1/training", "--strategy", table["strategy"], "--seconds", str(table["seconds"])]
    arguments += ["--seed", str(table["seed"]), "--workers", str(workers), "--ids", ",".join(table["tasks"])]
    result = arc_solve.run(arc_solve.parser().parse_args(arguments))
    lost = sorted(key for key, value in result["tasks"].items() if not all(value["hits"]))
    print(f"{len(table['tasks']) - len(lost)} of {len(table['tasks'])} still solved; lost: {', '.join(lost) or 'none'}")
    return 1 if lost else 0


def main() -> int:
    """Command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--update", type=Path, help="a result of bench.arc_solve over arc1/training")
    options.add_argument("--workers", type=int, default=1)
    args = options.parse_args()
    if args.update:
        update(args.update)
        return 0
    return check(args.workers)


if __name__ == "__main__":
    sys.exit(main())
