"""Fit the model behind a synthesis answer's confidence, on a run over training tasks.

    python -m bench.arc_solve --tasks arc1/training --seconds 0.4 --out run.json
    python -m bench.engine_calibrate run.json

Writes `apps/experiments/engine/synthesis/confidence.json` and prints predicted against true shares.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from apps.experiments.engine.synthesis.selection import CALIBRATION

NAMES = ("constant", "share", "cost", "rank")


def main() -> int:
    """Command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("run", type=Path)
    run = json.loads(options.parse_args().run.read_text("utf-8"))
    if run["set"] != "arc1/training":
        raise SystemExit("Fit on arc1/training only: the other sets are for measuring.")
    rows, truths = [], []
    for task in run["tasks"].values():
        for choices, right in zip(task["details"].get("ranked", []), task["first_hits"], strict=True):
            for rank, (share, cost) in enumerate(choices):
                rows.append([1.0, share, cost / 1000, rank])
                truths.append(right == rank)
    x, y = np.array(rows), np.array(truths, float)
    weights = np.zeros(len(NAMES))
    for _ in range(20_000):
        weights += 0.5 * x.T @ (y - 1 / (1 + np.exp(-x @ weights))) / len(y)
    p = 1 / (1 + np.exp(-x @ weights))
    loss = float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
    data = {
        "fitted": {"set": run["set"], "seconds": run["seconds"], "answers": len(y), "log_loss": round(loss, 3)},
        "weights": {name: round(float(w), 3) for name, w in zip(NAMES, weights, strict=True)},
    }
    CALIBRATION.write_text(json.dumps(data, indent=2) + "\n", "utf-8")
    for low in np.arange(0, 1, 0.1):
        inside = (p >= low) & (p < low + 0.1)
        if inside.any():
            print(f"said {p[inside].mean():.2f}, true {y[inside].mean():.2f}, answers {inside.sum()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
