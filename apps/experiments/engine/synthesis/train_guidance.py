"""Train the guidance: sample programs from the DSL on real inputs, learn which primitives their results betray.

    python -m apps.experiments.engine.synthesis.train_guidance [--samples 60] [--seed 0]

Inputs are those of the ARC-AGI-1 training tasks; outputs are computed by the sampled programs, never read from the
tasks. Writes `guidance.json` beside this file. Takes about two minutes on one core.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from apps.experiments.engine.synthesis.dag import Dag, Reach, explore
from apps.experiments.engine.synthesis.guidance import WEIGHTS, generic
from apps.experiments.engine.synthesis.primitives import Palette
from apps.experiments.engine.synthesis.vocabulary import vocabulary
from apps.tasks.engine.features import FEATURE_NAMES, describe_pairs
from apps.tasks.engine.formats import TaskData, load_canonical
from apps.tasks.engine.grids import freeze

DEPTH = 235
"""Cost up to which programs are sampled: up to about three primitives."""

FEWEST = 30
"""Primitives seen in fewer samples keep their prior cost."""


def _sample(task: TaskData, generator: np.random.Generator, samples: int) -> list[tuple[list[str], NDArray[np.int8]]]:
    """(primitive names, features) of programs sampled on one task's inputs."""
    grids = [grid for grid, _ in task.train] + [grid for grid, _ in task.tests]
    demos = len(task.train)
    colours = tuple(sorted({int(c) for grid in grids for c in np.unique(grid)} - {0}))
    extra = tuple(sorted(set(colours) | {int(c) for c in generator.integers(1, 10, 2)}))
    ops = vocabulary(Palette(colours, extra), canvas=False)
    order = generator.permutation(len(ops))
    ops = [ops[i] for i in order]
    dag = explore(grids, ops, [op.cost for op in ops], np.zeros((len(grids), 2), np.int64), Reach(DEPTH, 30_000_000))
    found = []
    images = np.flatnonzero(dag.is_list[: dag.states] == 0)
    for state in generator.permutation(images[1:])[:samples].tolist():
        pairs = _pairs(dag, state, task, demos)
        if pairs is not None:
            names = [generic(op.name) for op in dag.path(state)]
            found.append((names, describe_pairs(pairs, tuple(grid for grid, _ in task.tests))))
    return found


def _pairs(
    dag: Dag, state: int, task: TaskData, demos: int
) -> tuple[tuple[NDArray[np.int8], NDArray[np.int8]], ...] | None:
    """The task's inputs with the state's images as outputs; None if an image is empty or all equal the inputs."""
    outputs = [freeze(dag.image(state, q)) for q in range(demos)]
    if any(not (out != 0).any() for out in outputs):
        return None
    return tuple((given, out) for (given, _), out in zip(task.train, outputs, strict=True))


def _fit(x: NDArray[np.float64], y: NDArray[np.float64], rounds: int = 300) -> NDArray[np.float64]:
    """Weights (outputs by inputs) of ridge-penalised logistic regressions, by gradient descent with momentum."""
    weights = np.zeros((y.shape[1], x.shape[1]))
    share = y.mean(axis=0)
    weights[:, 0] = np.log(share / (1 - share))
    velocity = np.zeros_like(weights)
    scale = 4.0 / x.shape[1]
    for _ in range(rounds):
        error = 1 / (1 + np.exp(-(x @ weights.T))) - y
        gradient = error.T @ x / len(x)
        gradient[:, 1:] += 1e-4 * weights[:, 1:]
        # Rare primitives have small gradients: scale by their variance.
        velocity = 0.9 * velocity - scale * gradient / (share * (1 - share))[:, None]
        weights += velocity
    return weights


def main() -> None:
    """Sample, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=60, help="programs sampled for each task")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    generator = np.random.default_rng(args.seed)
    rows = []
    for task in load_canonical("arc1/training"):
        rows += _sample(task, generator, args.samples)
    counts: dict[str, int] = defaultdict(int)
    for names, _ in rows:
        for name in set(names):
            counts[name] += 1
    primitives = sorted(name for name, count in counts.items() if count >= FEWEST)
    column = {name: k for k, name in enumerate(primitives)}
    x = np.ones((len(rows), len(FEATURE_NAMES) + 1))
    y = np.zeros((len(rows), len(primitives)))
    for row, (names, features) in enumerate(rows):
        x[row, 1:] = features
        for name in names:
            if name in column:
                y[row, column[name]] = 1
    weights = _fit(x, y)
    thousandths = np.round(weights * 1000).astype(int)
    share = y.mean(axis=0)
    data = {
        "trained": {"samples": len(rows), "seed": args.seed, "depth": DEPTH},
        "features": list(FEATURE_NAMES),
        "baseline": np.round(1000 * np.log(share / (1 - share))).astype(int).tolist(),
        "primitives": {name: thousandths[k].tolist() for name, k in column.items()},
    }
    WEIGHTS.write_text(json.dumps(data, separators=(",", ":")) + "\n", "utf-8")
    loss = -np.mean(y * np.log(share) + (1 - y) * np.log(1 - share))
    fitted = 1 / (1 + np.exp(-(x @ weights.T)))
    after = -np.mean(y * np.log(fitted + 1e-9) + (1 - y) * np.log(1 - fitted + 1e-9))
    print(f"{len(rows)} programs, {len(primitives)} primitives, loss {loss:.4f} before, {after:.4f} after")  # noqa: T201


if __name__ == "__main__":
    main()
