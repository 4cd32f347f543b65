"""Learned guidance: how likely each primitive is, given what the demonstrations show.

A logistic model for each primitive (its colour constant left out) over `features.FEATURE_NAMES`, trained by
`python -m apps.experiments.engine.synthesis.train_guidance` on programs sampled from the DSL. The search adds
-log2(p(primitive | features) / p(primitive)) to a primitive's cost: likely ones come earlier, unlikely ones later.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apps.experiments.engine.synthesis.primitives import Primitive
from apps.tasks.engine.features import FEATURE_NAMES, describe
from apps.tasks.engine.puzzle import Puzzle

WEIGHTS = Path(__file__).with_name("guidance.json")
LARGEST_SHIFT = (-25, 30)
"""Bounds of what guidance may add to a primitive's cost, in tenths of a bit."""

_CONSTANT = re.compile(r"_\d$")
_COLOURED: tuple[str, ...] = (
    "keep_colour_",
    "erase_colour_",
    "paint_",
    "invert_",
    "background_",
    "fill_box_",
    "frame_",
    "fill_holes_",
)
_COLOURED += ("holes_", "outline_8_", "outline_4_", "between_", "box_gaps_", "mirror_about_", "turn_about_")
_COLOURED += ("pick_with_", "pick_without_", "with_", "without_")


def generic(name: str) -> str:
    """A primitive's name without its colour constant."""
    plain = name.removeprefix("each_")
    stem = _CONSTANT.sub("_", plain)
    if stem != plain and stem in _COLOURED:
        return name[: len(name) - 1] + "c"
    return name


@cache
def _model() -> tuple[dict[str, int], NDArray[np.int64], NDArray[np.int64]] | None:
    """Row of each primitive, weights (row by feature) and baseline log-odds, in thousandths; None without a file."""
    if not WEIGHTS.exists():
        return None
    data = json.loads(WEIGHTS.read_text("utf-8"))
    if data["features"] != list(FEATURE_NAMES):
        raise ValueError("guidance.json was trained on other features; run train_guidance again.")
    rows = {name: row for row, name in enumerate(data["primitives"])}
    weights = np.array([data["primitives"][name] for name in rows], np.int64)
    return rows, weights, np.array(data["baseline"], np.int64)


def guided_costs(puzzle: Puzzle, ops: list[Primitive]) -> list[int]:
    """Each primitive's cost for this puzzle, in tenths of a bit; the prior costs if nothing was learned."""
    model = _model()
    if model is None:
        return [op.cost for op in ops]
    rows, weights, baseline = model
    seen = np.concatenate([[1], describe(puzzle)]).astype(np.int64)
    # Integers up to here, so that no machine orders the search differently.
    log_odds = (weights @ seen) - baseline
    shifts = np.clip(-(log_odds * 10_000 // 693_147), *LARGEST_SHIFT)
    costs = []
    for op in ops:
        row = rows.get(generic(op.name))
        costs.append(max(20, op.cost + (int(shifts[row]) if row is not None else 0)))
    return costs
