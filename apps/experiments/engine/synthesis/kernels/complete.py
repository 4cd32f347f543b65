"""Kernels that complete a pattern: symmetry, period, patches seen elsewhere."""

from __future__ import annotations

import numpy as np

from apps.experiments.engine.compiled import kernel
from apps.experiments.engine.synthesis.kernels.basics import copy, rigid_cell
from apps.experiments.engine.synthesis.signatures import GRID, NUMBER


@kernel(GRID, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)
def _mirror_score(a, h, w, k, sy, sx):
    """Matching nonzero pairs under a reflection about (sy/2, sx/2), or -1 on a conflict. k: 0 left-right, 1 up-down, 2 turn, 3 transpose."""
    score = 0
    for i in range(h):
        for j in range(w):
            v = a[i, j]
            if v == 0:
                continue
            y = i
            x = j
            if k == 0:
                x = sx - j
            elif k == 1:
                y = sy - i
            elif k == 2:
                y = sy - i
                x = sx - j
            else:
                y = j - sx
                x = i + sx
            if 0 <= y < h and 0 <= x < w:
                u = a[y, x]
                if u == v:
                    score += 1
                elif u != 0:
                    return -1
    return score


@kernel(GRID, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)
def _mirror_apply(a, h, w, k, sy, sx):
    """Copy nonzero cells onto their empty mirror places, in place; how many were filled."""
    filled = 0
    for i in range(h):
        for j in range(w):
            if a[i, j] != 0:
                continue
            y = i
            x = j
            if k == 0:
                x = sx - j
            elif k == 1:
                y = sy - i
            elif k == 2:
                y = sy - i
                x = sx - j
            else:
                y = j - sx
                x = i + sx
            if 0 <= y < h and 0 <= x < w and a[y, x] != 0:
                a[i, j] = a[y, x]
                filled += 1
    return filled


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER)
def complete_symmetry(a, h, w, b, p):
    """Fill zero cells so that the image becomes symmetric about its best axis.

    p is a bit set: 1 left-right, 2 up-down, 4 half turn, 8 transpose. False if nothing fits or nothing changes.
    """
    copy(a, h, w, b)
    filled = 0
    for k in range(4):
        if (p >> k) & 1 == 0:
            continue
        best = 0
        best_y = 0
        best_x = 0
        if k == 0:
            for sx in range(w // 2, w - 1 + w // 2 + 1):
                score = _mirror_score(b, h, w, k, 0, sx)
                if score > best or (score == best and score > 0 and abs(sx - w + 1) < abs(best_x - w + 1)):
                    best, best_x = score, sx
        elif k == 1:
            for sy in range(h // 2, h - 1 + h // 2 + 1):
                score = _mirror_score(b, h, w, k, sy, 0)
                if score > best or (score == best and score > 0 and abs(sy - h + 1) < abs(best_y - h + 1)):
                    best, best_y = score, sy
        elif k == 2:
            for sy in range(h - 3, h + 2):
                for sx in range(w - 3, w + 2):
                    score = _mirror_score(b, h, w, k, sy, sx)
                    if score > best:
                        best, best_y, best_x = score, sy, sx
        else:
            for sx in range(-2, 3):
                score = _mirror_score(b, h, w, k, 0, sx)
                if score > best or (score == best and score > 0 and abs(sx) < abs(best_x)):
                    best, best_x = score, sx
        if best == 0:
            return False
        filled += _mirror_apply(b, h, w, k, best_y, best_x)
    return filled > 0


@kernel(GRID, NUMBER, NUMBER, NUMBER, NUMBER)
def _period_fits(a, h, w, dy, dx):
    """Whether nonzero cells (dy, dx) apart never disagree, with at least one that agrees."""
    agree = 0
    for i in range(h):
        y = i + dy
        if y < 0 or y >= h:
            continue
        for j in range(w):
            x = j + dx
            if x < 0 or x >= w:
                continue
            if a[i, j] != 0 and a[y, x] != 0:
                if a[i, j] != a[y, x]:
                    return False
                agree += 1
    return agree > 0


@kernel(GRID, NUMBER, NUMBER, NUMBER, NUMBER)
def _period_fill(b, h, w, dy, dx):
    """Copy nonzero cells along +-(dy, dx) into zero cells, in place, until nothing changes; how many were filled."""
    filled = 0
    changed = True
    while changed:
        changed = False
        for i in range(h):
            for j in range(w):
                if b[i, j] != 0:
                    continue
                for s in range(-1, 2, 2):
                    y = i + s * dy
                    x = j + s * dx
                    if 0 <= y < h and 0 <= x < w and b[y, x] != 0:
                        b[i, j] = b[y, x]
                        changed = True
                        filled += 1
                        break
    return filled


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER)
def complete_period(a, h, w, b, p):
    """Fill zero cells by the smallest period: 0 across and down, 1 across, 2 down, 3 a slanted one. False if nothing fits."""
    copy(a, h, w, b)
    filled = 0
    if p == 3:
        for dy in range(1, h // 2 + 1):
            for m in range(1, min(w, 2 * dy + 5)):
                for s in range(-1, 2, 2):
                    if _period_fits(b, h, w, dy, s * m):
                        return _period_fill(b, h, w, dy, s * m) > 0
        return False
    if p != 2:
        found = False
        for dx in range(1, w // 2 + 2):
            if dx < w and _period_fits(b, h, w, 0, dx):
                filled += _period_fill(b, h, w, 0, dx)
                found = True
                break
        if not found:
            return False
    if p != 1:
        found = False
        for dy in range(1, h // 2 + 2):
            if dy < h and _period_fits(b, h, w, dy, 0):
                filled += _period_fill(b, h, w, dy, 0)
                found = True
                break
        if not found:
            return False
    return filled > 0


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER)
def symmetric_union(a, h, w, b, p):
    """The image laid over its own mirror images about its middle: 0 left-right, 1 up-down, 2 both, 3 all eight (square)."""
    copy(a, h, w, b)
    if p == 3 and h != w:
        return False
    for k in range(1, 8):
        if (p == 0 and k != 4) or (p == 1 and k != 5) or (p == 2 and k not in (2, 4, 5)):
            continue
        for i in range(h):
            for j in range(w):
                y, x = rigid_cell(k, i, j, h, w)
                if b[y, x] == 0:
                    b[y, x] = a[i, j]
    return True


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER, NUMBER)
def complete_about(a, h, w, b, colour, fold):
    """Zero cells filled by mirroring about the centre of one colour's box; fold 4, or 8 with the diagonals.

    False if the colour is absent or nothing changes. Where mirror places disagree the first found wins.
    """
    top, left, bottom, right = h, w, -1, -1
    for i in range(h):
        for j in range(w):
            if a[i, j] == colour:
                top = min(top, i)
                bottom = max(bottom, i)
                left = min(left, j)
                right = max(right, j)
    if bottom < 0:
        return False
    sy = top + bottom
    sx = left + right
    if fold == 8 and (sy + sx) % 2 == 1:
        return False
    copy(a, h, w, b)
    changed = False
    for i in range(h):
        for j in range(w):
            v = a[i, j]
            if v == 0:
                continue
            for k in range(1, fold):
                dy = 2 * i - sy
                dx = 2 * j - sx
                if k >= 4:
                    dy, dx = dx, dy
                if k % 4 == 1 or k % 4 == 3:
                    dy = -dy
                if k % 4 >= 2:
                    dx = -dx
                y = (dy + sy) // 2
                x = (dx + sx) // 2
                if 0 <= y < h and 0 <= x < w and b[y, x] == 0:
                    b[y, x] = v
                    changed = True
    return changed


@kernel(GRID, NUMBER, NUMBER, GRID, NUMBER)
def patch_fill(a, h, w, b, side):
    """Zero cells filled from fully known patches seen elsewhere (all eight symmetries), the best-known places first.

    A place is filled when at least half its cells are known and the patches that agree with them all say the same.
    False if any zero cell remains.
    """
    copy(a, h, w, b)
    cells = side * side
    patches = np.empty((4096, cells), np.int8)
    keys = np.zeros(16384, np.int64)
    n = 0
    for i in range(h - side + 1):
        for j in range(w - side + 1):
            whole = True
            for y in range(side):
                for x in range(side):
                    if a[i + y, j + x] == 0:
                        whole = False
            if not whole:
                continue
            for k in range(8):
                key = np.int64(7)
                for y in range(side):
                    for x in range(side):
                        ty, tx = rigid_cell(k, y, x, side, side)
                        patches[n, ty * side + tx] = a[i + y, j + x]
                for c in range(cells):
                    key = key * 11 + patches[n, c]
                at = (key ^ (key >> 15)) & 16383
                while keys[at] != 0 and keys[at] != key:
                    at = (at + 1) & 16383
                if keys[at] == key:
                    continue
                keys[at] = key
                n += 1
                if n >= 4000:
                    return False
    if n == 0 or n > 600:
        return False
    zeros = 0
    for i in range(h):
        for j in range(w):
            if b[i, j] == 0:
                zeros += 1
    if zeros == 0 or zeros * 2 > h * w:
        return False
    progress = True
    answer = np.empty(cells, np.int8)
    want = cells - 1
    while zeros > 0 and want >= cells // 2:
        progress = False
        for i in range(h - side + 1):
            for j in range(w - side + 1):
                known = 0
                for y in range(side):
                    for x in range(side):
                        if b[i + y, j + x] != 0:
                            known += 1
                if known < want or known == cells:
                    continue
                matches = 0
                for m in range(n):
                    fits = True
                    for c in range(cells):
                        v = b[i + c // side, j + c % side]
                        if v != 0 and v != patches[m, c]:
                            fits = False
                            break
                    if not fits:
                        continue
                    if matches == 0:
                        for c in range(cells):
                            answer[c] = patches[m, c]
                    else:
                        for c in range(cells):
                            if answer[c] != patches[m, c]:
                                answer[c] = 0
                    matches += 1
                if matches == 0:
                    continue
                for c in range(cells):
                    if b[i + c // side, j + c % side] == 0 and answer[c] != 0:
                        b[i + c // side, j + c % side] = answer[c]
                        zeros -= 1
                        progress = True
        if not progress:
            want -= 1
        else:
            want = cells - 1
    return zeros == 0
