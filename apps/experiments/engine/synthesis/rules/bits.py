"""Literals over a feature table as packed bit rows, and the searches over them; compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.kernels.basics import popcount
from apps.experiments.engine.synthesis.rules.order import largest_first
from apps.experiments.engine.synthesis.signatures import (
    BITS,
    BITSETS,
    CELLS,
    FLAGS,
    GRID,
    INDEX,
    INDICES,
    NUMBER,
    NUMBERS,
)

EQ, GE, NE, LT, SAME, DIFFERENT = 0, 1, 2, 3, 4, 5
"""Operators of a literal: value equal, at least, not equal, below; equal to the cell's own colour, or not."""

_OFFSET = 1


@kernel(BITSETS, NUMBER, NUMBER)
def _set(words: Any, row: int, col: int) -> None:
    words[row, col // 64] |= np.uint64(1) << np.uint64(col % 64)


@kernel(INDICES, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)
def _say(meta: Any, row: int, feature: int, operator: int, value: int, cost: int) -> None:
    meta[row, 0] = feature
    meta[row, 1] = operator
    meta[row, 2] = value
    meta[row, 3] = cost


@kernel(GRID, GRID, CELLS, INDEX, FLAGS, NUMBER, NUMBER, entry=True)
def literals(train: Any, test: Any, kinds: Any, costs: Any, compare: Any, own: int, value_cost: int) -> Any:  # noqa: C901
    """Every literal that is neither always nor never true on the training columns.

    Returns (meta, train words, test words); meta rows are feature, operator, value, cost. Kinds: 0 colour,
    1 class, 2 number. `compare` marks the features whose equality with feature `own` is a literal too.
    """
    f, n = train.shape
    m = test.shape[1]
    count = 0
    seen = np.zeros((f, 160), np.int32)
    for i in range(f):
        for j in range(n):
            seen[i, train[i, j] + _OFFSET] += 1
        distinct = 0
        for v in range(160):
            if 0 < seen[i, v] < n:
                distinct += 1
        count += 2 * distinct
        if kinds[i] == 2 and distinct > 2:
            count += 2 * distinct
        if compare[i]:
            count += 2
    meta = np.zeros((count, 4), np.int32)
    a = np.zeros((count, (n + 63) // 64), np.uint64)
    b = np.zeros((count, (m + 63) // 64), np.uint64)
    k = 0
    for i in range(f):
        distinct = 0
        for v in range(160):
            if 0 < seen[i, v] < n:
                distinct += 1
        first = True
        for v in range(160):
            if not 0 < seen[i, v] < n:
                continue
            value = v - _OFFSET
            extra = 100 if distinct == 2 else value_cost
            _say(meta, k, i, EQ, value, costs[i] + extra)
            _say(meta, k + 1, i, NE, value, costs[i] + extra + 40)
            for j in range(n):
                if train[i, j] == value:
                    _set(a, k, j)
                else:
                    _set(a, k + 1, j)
            for j in range(m):
                if test[i, j] == value:
                    _set(b, k, j)
                else:
                    _set(b, k + 1, j)
            k += 2
            if kinds[i] == 2 and distinct > 2:
                if first:
                    first = False
                    continue
                _say(meta, k, i, GE, value, costs[i] + value_cost + 50)
                _say(meta, k + 1, i, LT, value, costs[i] + value_cost + 60)
                for j in range(n):
                    if train[i, j] >= value:
                        _set(a, k, j)
                    else:
                        _set(a, k + 1, j)
                for j in range(m):
                    if test[i, j] >= value:
                        _set(b, k, j)
                    else:
                        _set(b, k + 1, j)
                k += 2
        if compare[i]:
            hits = 0
            for j in range(n):
                if train[i, j] == train[own, j]:
                    hits += 1
            if 0 < hits < n:
                _say(meta, k, i, SAME, 0, costs[i] + 150)
                _say(meta, k + 1, i, DIFFERENT, 0, costs[i] + 170)
                for j in range(n):
                    if train[i, j] == train[own, j]:
                        _set(a, k, j)
                    else:
                        _set(a, k + 1, j)
                for j in range(m):
                    if test[i, j] == test[own, j]:
                        _set(b, k, j)
                    else:
                        _set(b, k + 1, j)
                k += 2
    return meta[:k], a[:k], b[:k]


@kernel(BITSETS, BITSETS, entry=True)
def hashes(a: Any, b: Any) -> Any:
    """A 64-bit hash of each row of (a, b) together."""
    out = np.zeros(len(a), np.uint64)
    for i in range(len(a)):
        x = np.uint64(1469598103934665603)
        for j in range(a.shape[1]):
            x = (x ^ a[i, j]) * np.uint64(0x9E3779B97F4A7C15)
            x ^= x >> np.uint64(31)
        for j in range(b.shape[1]):
            x = (x ^ b[i, j]) * np.uint64(0xC2B2AE3D27D4EB4F)
            x ^= x >> np.uint64(29)
        out[i] = x
    return out


@kernel(BITSETS, BITS, entry=True)
def counts(rows: Any, mask: Any) -> Any:
    """Bits each row shares with `mask`."""
    out = np.zeros(len(rows), np.int64)
    for i in range(len(rows)):
        total = 0
        for j in range(rows.shape[1]):
            total += popcount(rows[i, j] & mask[j])
        out[i] = total
    return out


@kernel(BITSETS, BITS, NUMBER, entry=True)
def unions(rows: Any, mask: Any, limit: int) -> Any:
    """Pairs (i, j), i <= j, of rows whose union covers `mask`, in index order, at most `limit` of them."""
    out = np.zeros((limit, 2), np.int32)
    n = 0
    for j in range(len(rows)):
        for i in range(j + 1):
            good = True
            for w in range(rows.shape[1]):
                if mask[w] & ~(rows[i, w] | rows[j, w]):
                    good = False
                    break
            if good:
                if n == limit:
                    return out[:n]
                out[n, 0] = i
                out[n, 1] = j
                n += 1
    return out[:n]


@kernel(BITSETS, NUMBERS, BITS, BITS, NUMBER, NUMBER, entry=True)
def conjunctions(lit: Any, costs: Any, must: Any, never: Any, best: int, width: int) -> Any:  # noqa: C901
    """Conjunctions of one to three literals true on all of `must` and on none of `never`, cheapest first.

    Literals are sorted by cost. Returns (rows of three literal indices padded with -1, their costs), at most
    `best`; pairs are drawn from the first 2*width useful literals, triples from the first width.
    """
    n, w = lit.shape
    found = np.full((best, 3), -1, np.int32)
    price = np.full(best, 1 << 30, np.int64)
    useful = np.empty(n, np.int32)
    m = 0
    total = 0
    for j in range(w):
        total += popcount(never[j])
    held = 0
    for i in range(n):
        good = True
        for j in range(w):
            if must[j] & ~lit[i, j]:
                good = False
                break
        if not good:
            continue
        wrong = 0
        for j in range(w):
            wrong += popcount(never[j] & lit[i, j])
        if wrong == 0:
            held = _keep(found, price, held, i, -1, -1, costs[i])
        elif wrong < total:
            useful[m] = i
            m += 1
    pairs = min(m, 2 * width)
    cut = np.empty((pairs, w), np.uint64)
    for a in range(pairs):
        for j in range(w):
            cut[a, j] = lit[useful[a], j] & never[j]
    for a in range(pairs):
        for b in range(a):
            cost = costs[useful[a]] + costs[useful[b]]
            if held == best and cost >= price[best - 1]:
                break
            good = True
            for j in range(w):
                if cut[a, j] & cut[b, j]:
                    good = False
                    break
            if good:
                held = _keep(found, price, held, useful[b], useful[a], -1, cost + 60)
    if held == 0:
        joint = np.empty(w, np.uint64)
        limit = min(m, width)
        for a in range(limit):
            for b in range(a):
                for j in range(w):
                    joint[j] = cut[a, j] & cut[b, j]
                for c in range(b):
                    cost = costs[useful[a]] + costs[useful[b]] + costs[useful[c]]
                    if held == best and cost >= price[best - 1]:
                        break
                    good = True
                    for j in range(w):
                        if joint[j] & cut[c, j]:
                            good = False
                            break
                    if good:
                        held = _keep(found, price, held, useful[c], useful[b], useful[a], cost + 160)
    return found[:held], price[:held]


@kernel(INDICES, NUMBERS, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)
def _keep(found: Any, price: Any, held: int, a: int, b: int, c: int, cost: int) -> int:
    best = len(price)
    if held == best and cost >= price[best - 1]:
        return held
    i = min(held, best - 1)
    while i > 0 and price[i - 1] > cost:
        price[i] = price[i - 1]
        for j in range(3):
            found[i, j] = found[i - 1, j]
        i -= 1
    price[i] = cost
    found[i, 0] = a
    found[i, 1] = b
    found[i, 2] = c
    return min(held + 1, best)


@kernel(BITSETS, NUMBERS, BITS, BITS, NUMBER, entry=True)
def widest(lit: Any, costs: Any, wanted: Any, never: Any, width: int) -> Any:
    """The pair of literals (or single, second -1) true on none of `never` and on most of `wanted`.

    Ties go to the cheaper; returns (first, second, covered). Pairs come from the `width` most promising.
    """
    n, w = lit.shape
    score = np.empty(n, np.int64)
    for i in range(n):
        hit = 0
        wrong = 0
        for j in range(w):
            hit += popcount(lit[i, j] & wanted[j])
            wrong += popcount(lit[i, j] & never[j])
        score[i] = hit * 4096 // (wrong + 1) if hit else -1
    order = largest_first(score)
    first = -1
    second = -1
    covered = 0
    price = 1 << 30
    for a in range(min(n, width)):
        p = order[a]
        if score[p] <= 0:
            break
        for b in range(a + 1):
            q = order[b]
            good = True
            for j in range(w):
                if lit[p, j] & lit[q, j] & never[j]:
                    good = False
                    break
            if not good:
                continue
            hit = 0
            for j in range(w):
                hit += popcount(lit[p, j] & lit[q, j] & wanted[j])
            cost = costs[p] if p == q else costs[p] + costs[q]
            if hit > covered or (hit == covered and cost < price):
                first = p
                second = q if q != p else -1
                covered = hit
                price = cost
    return first, second, covered


@kernel(BITSETS, INDEX, BITS, entry=True)
def conjoin(lit: Any, items: Any, full: Any) -> Any:
    """The intersection of `full` and the rows named by the non-negative `items`."""
    out = full.copy()
    for i in items:
        if i >= 0:
            for j in range(len(out)):
                out[j] &= lit[i, j]
    return out


@kernel(BITS, NUMBER, entry=True)
def unpack(words: Any, n: int) -> Any:
    """The first `n` bits of a row as booleans."""
    out = np.zeros(n, np.bool_)
    for j in range(n):
        out[j] = (words[j // 64] >> np.uint64(j % 64)) & np.uint64(1)
    return out


@kernel(GRID, NUMBERS, BITSETS, NUMBERS, NUMBER, entry=True)
def pure_splits(train: Any, inside: Any, right: Any, features: Any, limit: int) -> Any:
    """For each feature whose every value's cells share a right action: that action for each value.

    `inside` holds the columns considered. Returns (n, 162): feature, number of values, then for value v the
    first action right on all its columns at 2 + v + 1 (-1: value unseen).
    """
    out = np.full((len(features), 162), -1, np.int32)
    n = 0
    n_actions = len(right)
    w = right.shape[1]
    rows = np.zeros((160, w), np.uint64)
    for i in features:
        rows[:] = 0
        values = 0
        seen = np.zeros(160, np.int8)
        for j in inside:
            v = train[i, j] + _OFFSET
            if seen[v] == 0:
                seen[v] = 1
                values += 1
            rows[v, j // 64] |= np.uint64(1) << np.uint64(j % 64)
        if values < 2 or values > limit:
            continue
        good = True
        for v in range(160):
            if seen[v] == 0:
                continue
            chosen = -1
            for a in range(n_actions):
                fits = True
                for j in range(w):
                    if rows[v, j] & ~right[a, j]:
                        fits = False
                        break
                if fits:
                    chosen = a
                    break
            if chosen < 0:
                good = False
                break
            out[n, 2 + v] = chosen
        if good:
            out[n, 0] = i
            out[n, 1] = values
            n += 1
        else:
            for v in range(out.shape[1]):
                out[n, v] = -1
    return out[:n]
