"""Which kinds of training tasks a run lost: counts by what their demonstrations show.

python -m bench.engine_losses run.json        # a result of bench.arc_solve over arc1/training
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from apps.tasks.engine.features import FEATURE_NAMES, describe
from apps.tasks.engine.formats import load_canonical

KINDS = (
    ("same_size", "only_additions", "same size, cells only added"),
    ("same_size", "only_deletions", "same size, cells only removed"),
    ("same_size", "same_nonzero_counts", "same size, cells moved"),
    ("same_size", "few_changes", "same size, few cells changed"),
    ("same_size", "", "same size, other"),
    ("smaller", "part_of_input", "a part of the input"),
    ("smaller", "one_cell_out", "one cell"),
    ("smaller", "constant_out_size", "smaller, of constant size"),
    ("smaller", "", "smaller, other"),
    ("larger", "holds_input", "larger, holding the input"),
    ("larger", "", "larger, other"),
    ("", "", "sizes vary"),
)
"""(feature, second feature, words): a task is of the first kind all of whose features it has."""


def main() -> int:
    """Command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("run", type=Path)
    run = json.loads(options.parse_args().run.read_text("utf-8"))
    if run["set"] != "arc1/training":
        raise SystemExit("Losses are looked at on arc1/training only.")
    outcome: Counter[tuple[str, str]] = Counter()
    for task in load_canonical("arc1/training"):
        if task.raw_id not in run["tasks"]:
            continue
        shown = {name for name, value in zip(FEATURE_NAMES, describe(task.puzzle()), strict=True) if value} | {""}
        kind = next(words for one, two, words in KINDS if one in shown and two in shown)
        result = run["tasks"][task.raw_id]
        if all(result["hits"]):
            end = "solved"
        elif all(result["attempts"]):
            end = "wrong programs"
        else:
            end = "no program"
        outcome[kind, end] += 1
    print("| kind | tasks | solved | wrong programs | no program |\n|---|---|---|---|---|")
    for _, _, words in KINDS:
        counts = [outcome[words, end] for end in ("solved", "wrong programs", "no program")]
        if sum(counts):
            print(f"| {words} | {sum(counts)} | {counts[0]} | {counts[1]} | {counts[2]} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
