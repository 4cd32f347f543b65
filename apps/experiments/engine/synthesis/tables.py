"""Cell tables: two or three pieces of the output's size and a table from their colours at a cell to the output's.

Where laying pieces over one another fails, the output may still be a function of what the pieces show at each cell
(recolourings, logic between panels, marks that change another layer's colour).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.dag import Dag
from apps.experiments.engine.synthesis.signatures import CELLS, GRID, INDICES, NUMBER, NUMBERS, TABLE

UNSEEN = -1
COPY_FIRST = 10
COPY_SECOND = 11


@kernel(CELLS, INDICES, INDICES, NUMBERS, NUMBER, GRID, entry=True)
def piece_cells(cells, images, first, states, demos, out):
    """Row m of `out` (int8) receives piece m's cells over all demonstrations, one after the other."""
    for m in range(states.shape[0]):
        at = 0
        for q in range(demos):
            k = first[states[m], q]
            base = images[k, 0]
            for i in range(images[k, 3] * images[k, 4]):
                out[m, at] = cells[base + i]
                at += 1


@kernel(GRID, CELLS, NUMBERS, TABLE, NUMBERS, NUMBER, NUMBER, entry=True)
def fit_pairs(pieces, target, order, found, table_cost, max_found, max_steps):
    """Pairs (m, k), m <= k, whose joint colours determine the target on every cell.

    `order` is the order in which cells are compared (hard cells first). `found` (max_found x 2) receives the pairs and
    `table_cost` how many table entries each needs; pairs come cheapest indices first. Returns [found, steps].
    """
    n = 0
    steps = 0
    count = pieces.shape[0]
    table = np.zeros(100, np.int32)
    stamp = 0
    for total in range(2 * count - 1):
        for m in range(max(0, total - count + 1), total // 2 + 1):
            k = total - m
            stamp += 1
            fits = True
            entries = 0
            for t in range(order.shape[0]):
                c = order[t]
                at = pieces[m, c] * 10 + pieces[k, c]
                v = stamp * 16 + target[c]
                if table[at] < stamp * 16:
                    table[at] = v
                    entries += 1
                elif table[at] != v:
                    fits = False
                    steps += t + 12
                    break
            if steps > max_steps or stamp > 100_000_000:
                return n, steps
            if fits:
                steps += order.shape[0]
                found[n, 0] = m
                found[n, 1] = k
                table_cost[n] = entries
                n += 1
                if n >= max_found:
                    return n, steps
    return n, steps


@kernel(GRID, CELLS, NUMBERS, entry=True)
def cell_order(pieces, target, order):
    """Order cells so that those where few cheap pieces show the target's colour come first, spread over the grids."""
    cells = target.shape[0]
    right = np.zeros(cells, np.int64)
    many = min(pieces.shape[0], 64)
    for m in range(many):
        for c in range(cells):
            if pieces[m, c] == target[c]:
                right[c] += 1
    at = 0
    for want in range(many + 1):
        for c in range(cells):
            if right[c] == want:
                order[at] = c
                at += 1
    # One cell of the hard half, one of the easy half, in turn: a conflict shows early.
    plain = order.copy()
    for t in range(cells):
        order[t] = plain[t // 2] if t % 2 == 0 else plain[cells - 1 - t // 2]


@dataclass(frozen=True, eq=False)
class TableFit:
    """Two states and the table (10 x 10: output colour, or copy codes, -1 unseen) that gives the target everywhere."""

    states: tuple[int, int]
    table: tuple[int, ...]
    outputs: tuple[NDArray[np.int8] | None, ...]
    cost: int


def build_table(first: NDArray[np.int8], second: NDArray[np.int8], target: NDArray[np.int8]) -> tuple[int, ...]:
    """The table of a fitting pair; unseen entries are generalised where a copy explains all that was seen beside them."""
    table = np.full((10, 10), UNSEEN, np.int64)
    table[first, second] = target
    seen = table >= 0
    rows, columns = np.nonzero(seen)
    for v in range(10):
        column = [(int(a), int(table[a, v])) for a in rows[columns == v]]
        if len({c for _, c in column}) > 1 and all(c == a for a, c in column):
            table[~seen[:, v], v] = COPY_FIRST
    for v in range(10):
        row = [(int(b), int(table[v, b])) for b in columns[rows == v]]
        if len({c for _, c in row}) > 1 and all(c == b for b, c in row):
            free = ~seen[v] & (table[v] == UNSEEN)
            table[v, free] = COPY_SECOND
    return tuple(int(v) for v in table.ravel())


def apply_table(table: tuple[int, ...], first: NDArray[np.int8], second: NDArray[np.int8]) -> NDArray[np.int8] | None:
    """The output cell by cell; None if the pieces differ in size or show an unseen pair of colours."""
    if first.shape != second.shape:
        return None
    values = np.asarray(table, np.int64)[first.astype(np.int64) * 10 + second]
    if (values < 0).any():
        return None
    values = np.where(values == COPY_FIRST, first, np.where(values == COPY_SECOND, second, values))
    result: NDArray[np.int8] = values.astype(np.int8)
    return result


ENTRY_COST = 14
"""Description length of a table entry that is neither a copy nor nothing, in tenths of a bit."""

PAIR_COST = 45


def table_length(table: tuple[int, ...]) -> int:
    """Description length of a table in tenths of a bit: entries that differ from laying first over second."""
    length = PAIR_COST
    for at, v in enumerate(table):
        a, b = divmod(at, 10)
        if 0 <= v < 10 and v != (a if a != 0 else b):
            length += ENTRY_COST if v != b else ENTRY_COST // 2
    return length


def _distinct(states: NDArray[np.int64], pieces: NDArray[np.int8]) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """The cheapest of the pieces that look alike on every demonstration."""
    first: dict[bytes, int] = {}
    for m in range(len(states)):
        first.setdefault(pieces[m].tobytes(), m)
    rows = np.array(sorted(first.values()), np.int64)
    return states[rows], np.ascontiguousarray(pieces[rows])


def fit_tables(
    dag: Dag, states: NDArray[np.int64], target: NDArray[np.int8], demos: int, max_steps: int
) -> tuple[list[TableFit], int]:
    """Fits among the given states (cheapest first, all of the target's sizes), and the steps taken."""
    if len(states) < 2:
        return [], 0
    pieces = np.empty((len(states), target.size), np.int8)
    piece_cells(dag.cells, dag.images, dag.first, states, demos, pieces)
    states, pieces = _distinct(states, pieces)
    order = np.empty(target.size, np.int64)
    cell_order(pieces, target, order)
    steps = (len(states) + 64) * target.size
    found = np.empty((60, 2), np.int64)
    entries = np.empty(60, np.int64)
    n, used = fit_pairs(pieces, target, order, found, entries, 60, max(0, max_steps - steps))
    fits = []
    for m, k in found[:n].tolist():
        table = build_table(pieces[m], pieces[k], target)
        pair = (int(states[m]), int(states[k]))
        outputs = tuple(
            apply_table(table, dag.image(pair[0], q), dag.image(pair[1], q)) for q in range(demos, dag.pairs)
        )
        cost = int(dag.cost[pair[0]]) + int(dag.cost[pair[1]]) + table_length(table)
        fits.append(TableFit(pair, table, outputs, cost))
    return fits, steps + used
