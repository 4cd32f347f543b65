"""Sorting, compiled once for all that sort."""

from __future__ import annotations

from typing import Any

import numpy as np

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.signatures import NUMBERS

RUN = 16
"""Stretches sorted by insertion before they are merged."""


@kernel(NUMBERS)
def largest_first(values: Any) -> Any:
    """Indices in order of falling value; equal ones keep their order."""
    n = len(values)
    order = np.empty(n, np.int64)
    other = np.empty(n, np.int64)
    for i in range(n):
        k = i
        start = i - i % RUN
        while k > start and values[order[k - 1]] < values[i]:
            order[k] = order[k - 1]
            k -= 1
        order[k] = i
    width = RUN
    while width < n:
        for low in range(0, n, 2 * width):
            middle = min(low + width, n)
            high = min(low + 2 * width, n)
            a = low
            b = middle
            for k in range(low, high):
                if a < middle and (b >= high or values[order[a]] >= values[order[b]]):
                    other[k] = order[a]
                    a += 1
                else:
                    other[k] = order[b]
                    b += 1
        order, other = other, order
        width *= 2
    return order
