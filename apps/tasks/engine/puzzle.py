"""What a solver may see of an ARC task: demonstrations and test inputs, never a test output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.int8]
"""A grid: 2-D array, 1..30 rows by 1..30 columns, cells 0..9. Treated as immutable everywhere."""


@dataclass(frozen=True, eq=False)
class Puzzle:
    """The blind view of a task.

    `train` holds the (input, output) demonstrations, `test_inputs` the inputs to answer. `key` names the
    task for logs only: no solver may branch on it.
    """

    key: str
    train: tuple[tuple[Grid, Grid], ...]
    test_inputs: tuple[Grid, ...]
