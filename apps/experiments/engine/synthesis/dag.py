"""The states an enumeration found, and how it is begun from a task's grids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apps.experiments.engine.synthesis.enumeration import (
    GATES,
    MEASURING,
    Arena,
    Operations,
    Queues,
    States,
    enumerate_states,
)
from apps.experiments.engine.synthesis.kernels.measure import measure
from apps.experiments.engine.synthesis.limits import HASH_SLOTS, MAX_CELLS, MAX_COST, MAX_IMAGES, MAX_STATES
from apps.experiments.engine.synthesis.primitives import Primitive
from apps.tasks.engine.puzzle import Grid


@dataclass
class Dag:
    """The states found: arrays indexed by state (and pair), images in one arena.

    `first[s, q]` is the index of state s's first image for pair q, `images[k]` = [cell offset, top, left, height,
    width]. `parent` and `via` (index into `ops`) lead back to state 0, the inputs.
    """

    ops: list[Primitive]
    pairs: int
    cells: NDArray[np.int8]
    images: NDArray[np.int32]
    first: NDArray[np.int32]
    is_list: NDArray[np.int8]
    parent: NDArray[np.int32]
    via: NDArray[np.int32]
    cost: NDArray[np.int32]
    states: int
    steps: int
    reached: int

    def path(self, state: int) -> list[Primitive]:
        """The primitives that lead from the input to `state`."""
        path = []
        while state > 0:
            path.append(self.ops[self.via[state]])
            state = int(self.parent[state])
        return path[::-1]

    def image(self, state: int, pair: int) -> NDArray[np.int8]:
        """The (first) image of `state` for one pair: a copy."""
        at, _, _, height, width = (int(v) for v in self.images[self.first[state, pair]])
        return self.cells[at : at + height * width].reshape(height, width).copy()


class Reach(NamedTuple):
    """How far an enumeration goes: the longest program, the most steps; whether states met before are dropped."""

    cost: int
    steps: int
    prune: bool = True


def explore(grids: list[Grid], ops: list[Primitive], costs: list[int], canvas: NDArray[np.int64], reach: Reach) -> Dag:
    """Enumerate from the given inputs (one a pair); `canvas` is [height, width] for each pair, 0 where unknown."""
    pairs = len(grids)
    arena = Arena(np.empty(MAX_CELLS, np.int8), np.empty((MAX_IMAGES, 5), np.int32))
    by_pair = (MAX_STATES + 1, pairs)
    ways = [np.full(MAX_STATES + 1, -1, np.int32) for _ in range(4)]
    states = States(np.empty(by_pair, np.int32), np.empty(by_pair, np.int32), np.zeros(MAX_STATES + 1, np.int8), *ways)
    queues = Queues(np.full(MAX_COST + 1, -1, np.int32), np.full(MAX_COST + 1, -1, np.int32))
    operations = Operations(
        np.array([op.kind for op in ops], np.int64), _addresses(ops), np.array([op.code for op in ops], np.int64),
        np.array([op.p for op in ops], np.int64), np.array(costs, np.int64),
    )  # fmt: skip
    used = np.zeros(4, np.int64)
    for q, grid in enumerate(grids):
        height, width = grid.shape
        arena.cells[used[0] : used[0] + grid.size] = grid.ravel()
        arena.images[q] = (used[0], 0, 0, height, width)
        states.first[0, q], states.amount[0, q] = q, 1
        used[0] += grid.size
    used[1], used[2] = pairs, 1
    states.cost[0] = 0
    queues.heads[0] = queues.tails[0] = 0
    reached = enumerate_states(
        arena, states, queues, np.zeros(HASH_SLOTS, np.int64), used, operations, measure.address(MEASURING.signature),
        canvas, min(reach.cost, MAX_COST), reach.steps, reach.prune,
    )  # fmt: skip
    return Dag(
        ops, pairs, arena.cells, arena.images, states.first, states.is_list, states.parent, states.via, states.cost,
        int(used[2]), int(used[3]), int(reached),
    )  # fmt: skip


def _addresses(ops: list[Primitive]) -> NDArray[np.int64]:
    """Where each primitive's kernel stands in this process."""
    known = {
        (kernel, kind): kernel.address(GATES[kind].signature) for kernel, kind in {(o.kernel, o.kind) for o in ops}
    }
    return np.array([known[op.kernel, op.kind] for op in ops], np.int64)
