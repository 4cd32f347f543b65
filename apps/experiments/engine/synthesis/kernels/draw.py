"""Kernels that add cells: filling, outlines, rays, connections, symmetry and period completion."""

from __future__ import annotations

import numpy as np
from numba import njit

from apps.experiments.engine.synthesis.kernels.basics import clear, copy, label, majority, outside, rigid_cell

SIDE = 30


@njit(cache=True, nogil=True)
def holes(a, h, w, b, colour, mode):
    """Enclosed zero cells painted `colour` (0: the main one): mode 0 image and holes, 1 holes alone, 2 the open zeros alone."""
    mark = np.empty((SIDE, SIDE), np.int8)
    outside(a, h, w, mark)
    c = colour if colour > 0 else majority(a, h, w)
    found = False
    for i in range(h):
        for j in range(w):
            hole = a[i, j] == 0 and mark[i, j] == 0
            found = found or hole
            if mode == 0:
                b[i, j] = c if hole else a[i, j]
            elif mode == 1:
                b[i, j] = c if hole else 0
            else:
                b[i, j] = c if mark[i, j] == 1 else 0
    return found or mode == 2


@njit(cache=True, nogil=True)
def own_holes(a, h, w, b):
    """Each enclosed zero region filled with the colour of the cell above its first cell."""
    mark = np.empty((SIDE, SIDE), np.int8)
    outside(a, h, w, mark)
    found = False
    for i in range(h):
        for j in range(w):
            b[i, j] = a[i, j]
            if a[i, j] == 0 and mark[i, j] == 0:
                b[i, j] = b[i - 1, j]
                found = True
    return found


@njit(cache=True, nogil=True)
def outline(a, h, w, b, eight, colour):
    """The zero cells beside nonzero ones, painted `colour` (0: the neighbour's); the image itself is left out."""
    for i in range(h):
        for j in range(w):
            b[i, j] = 0
            if a[i, j] != 0:
                continue
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    y = i + dy
                    x = j + dx
                    if (not eight and dy != 0 and dx != 0) or y < 0 or x < 0 or y >= h or x >= w:
                        continue
                    if a[y, x] != 0:
                        b[i, j] = colour if colour > 0 else a[y, x]


@njit(cache=True, nogil=True)
def rim(a, h, w, b, eight, keep_rim):
    """Nonzero cells at the rim of their one-coloured region (or, reversed, those inside it)."""
    for i in range(h):
        for j in range(w):
            v = a[i, j]
            edge = False
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    if not eight and dy != 0 and dx != 0:
                        continue
                    y = i + dy
                    x = j + dx
                    if y < 0 or x < 0 or y >= h or x >= w or a[y, x] != v:
                        edge = True
            b[i, j] = v if edge == keep_rim else 0


@njit(cache=True, nogil=True)
def rays(a, h, w, b, directions, through):
    """Every nonzero cell's colour carried on until the next nonzero cell or the edge.

    `directions` is a bit set: 1 left, 2 right, 4 up, 8 down, 16 up-left, 32 up-right, 64 down-left, 128 down-right.
    `through`: rays pass over other cells without changing them.
    """
    copy(a, h, w, b)
    for k in range(8):
        if (directions >> k) & 1 == 0:
            continue
        dy = (k == 3) + (k >= 6) - (k == 2) - (k == 4 or k == 5)
        dx = (k == 1) + (k == 5 or k == 7) - (k == 0) - (k == 4 or k == 6)
        for i in range(h):
            for j in range(w):
                v = a[i, j]
                if v == 0:
                    continue
                y = i + dy
                x = j + dx
                while 0 <= y < h and 0 <= x < w:
                    if a[y, x] != 0:
                        if not through:
                            break
                    else:
                        b[y, x] = v
                    y += dy
                    x += dx


@njit(cache=True, nogil=True)
def connect(a, h, w, b, directions, colour, keep):
    """Lines between equal cells with only zeros between them: 1 across, 2 down, 4 and 8 the diagonals.

    `colour` 0 draws in the cells' colour; `keep` leaves the image in place.
    """
    found = False
    for i in range(h):
        for j in range(w):
            b[i, j] = a[i, j] if keep else 0
    for k in range(4):
        if (directions >> k) & 1 == 0:
            continue
        dy = 1 if k > 0 else 0
        dx = 1 if k == 0 or k == 2 else (0 if k == 1 else -1)
        for i in range(h):
            for j in range(w):
                v = a[i, j]
                if v == 0:
                    continue
                y = i + dy
                x = j + dx
                n = 0
                while 0 <= y < h and 0 <= x < w and a[y, x] == 0:
                    y += dy
                    x += dx
                    n += 1
                if n == 0 or not (0 <= y < h and 0 <= x < w) or a[y, x] != v:
                    continue
                found = True
                for m in range(1, n + 1):
                    b[i + m * dy, j + m * dx] = colour if colour > 0 else v
    return found


@njit(cache=True, nogil=True)
def spread(a, h, w, b, eight):
    """Zero cells take the colour of the nearest nonzero cell; equal distances go to the first in reading order."""
    queue = np.empty(SIDE * SIDE, np.int32)
    head = 0
    tail = 0
    for i in range(h):
        for j in range(w):
            b[i, j] = a[i, j]
            if a[i, j] != 0:
                queue[tail] = i * SIDE + j
                tail += 1
    if tail == 0 or tail == h * w:
        return False
    while head < tail:
        y = queue[head] // SIDE
        x = queue[head] % SIDE
        head += 1
        for dy in range(-1, 2):
            for dx in range(-1, 2):
                ny = y + dy
                nx = x + dx
                if (not eight and dy != 0 and dx != 0) or ny < 0 or nx < 0 or ny >= h or nx >= w or b[ny, nx] != 0:
                    continue
                b[ny, nx] = b[y, x]
                queue[tail] = ny * SIDE + nx
                tail += 1
    return True


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def boxes(a, h, w, b, colour, mode):
    """Each component's bounding box (8 neighbours): mode 0 its zero cells filled, 1 only those cells, 2 a frame around it."""
    labels = np.empty((SIDE, SIDE), np.int16)
    n = label(a, h, w, labels, True, False, 0)
    if n == 0:
        return False
    box = np.empty((n + 1, 4), np.int64)
    box[:, 0] = h
    box[:, 1] = w
    box[:, 2] = -1
    box[:, 3] = -1
    main = np.zeros(n + 1, np.int8)
    for i in range(h):
        for j in range(w):
            k = labels[i, j]
            if k > 0:
                main[k] = a[i, j]
                box[k, 0] = min(box[k, 0], i)
                box[k, 1] = min(box[k, 1], j)
                box[k, 2] = max(box[k, 2], i)
                box[k, 3] = max(box[k, 3], j)
    if mode == 1:
        clear(b, h, w)
    else:
        copy(a, h, w, b)
    for k in range(1, n + 1):
        c = colour if colour > 0 else main[k]
        grow = 1 if mode == 2 else 0
        for i in range(max(0, box[k, 0] - grow), min(h, box[k, 2] + 1 + grow)):
            for j in range(max(0, box[k, 1] - grow), min(w, box[k, 3] + 1 + grow)):
                if mode == 2 and box[k, 0] <= i <= box[k, 2] and box[k, 1] <= j <= box[k, 3]:
                    continue
                if a[i, j] == 0:
                    b[i, j] = c
    return True


@njit(cache=True, nogil=True)
def smooth(a, h, w, b):
    """Each cell takes the majority of its 3 x 3 neighbourhood if some colour has five or more cells."""
    counts = np.zeros(10, np.int64)
    for i in range(h):
        for j in range(w):
            counts[:] = 0
            for y in range(max(0, i - 1), min(h, i + 2)):
                for x in range(max(0, j - 1), min(w, j + 2)):
                    counts[a[y, x]] += 1
            b[i, j] = a[i, j]
            for c in range(10):
                if counts[c] >= 5:
                    b[i, j] = c


@njit(cache=True, nogil=True)
def largest_empty(a, h, w, b, colour, squares):
    """The largest all-zero rectangle (or all largest zero squares) painted `colour`, nothing else."""
    up = np.zeros(SIDE, np.int64)
    best = 0
    top, left, bottom, right = 0, 0, -1, -1
    clear(b, h, w)
    for i in range(h):
        for j in range(w):
            up[j] = up[j] + 1 if a[i, j] == 0 else 0
        for j in range(w):
            low = SIDE
            for x in range(j, w):
                low = min(low, up[x])
                if low == 0:
                    break
                side = min(low, x - j + 1)
                area = side * side if squares else low * (x - j + 1)
                if squares and side != x - j + 1:
                    continue
                if area > best:
                    best = area
                    top = i - (side if squares else low) + 1
                    left, bottom, right = j, i, x
    if best < 4:
        return False
    for i in range(top, bottom + 1):
        for j in range(left, right + 1):
            b[i, j] = colour
    return True


@njit(cache=True, nogil=True)
def ruled_lines(a, h, w, b, keep):
    """Keep (or erase) the rows and columns of one nonzero colour; False if there are none."""
    row = np.zeros(SIDE, np.int8)
    column = np.zeros(SIDE, np.int8)
    found = False
    for i in range(h):
        same = a[i, 0] != 0
        for j in range(w):
            if a[i, j] != a[i, 0]:
                same = False
        if same:
            row[i] = 1
            found = True
    for j in range(w):
        same = a[0, j] != 0
        for i in range(h):
            if a[i, j] != a[0, j]:
                same = False
        if same:
            column[j] = 1
            found = True
    for i in range(h):
        for j in range(w):
            b[i, j] = a[i, j] if (row[i] == 1 or column[j] == 1) == keep else 0
    return found


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def extend_lines(a, h, w, b, through):
    """Every straight run of two or more equal cells, one cell thick, carried on both ways until blocked or the edge."""
    copy(a, h, w, b)
    found = False
    for k in range(4):
        dy = 1 if k > 0 else 0
        dx = 1 if k == 0 or k == 2 else (0 if k == 1 else -1)
        for i in range(h):
            for j in range(w):
                v = a[i, j]
                if v == 0:
                    continue
                y, x = i - dy, j - dx
                if 0 <= y < h and 0 <= x < w and a[y, x] == v:
                    continue
                n = 0
                y, x = i, j
                thin = True
                while 0 <= y < h and 0 <= x < w and a[y, x] == v:
                    for s in range(-1, 2, 2):
                        py, px = y + s * dx, x + s * dy
                        if k >= 2:
                            py, px = y, x + s
                        if 0 <= py < h and 0 <= px < w and a[py, px] == v:
                            thin = False
                    n += 1
                    y += dy
                    x += dx
                if n < 2 or not thin:
                    continue
                for s in range(2):
                    ey, ex = (y, x) if s == 0 else (i - dy, j - dx)
                    sy = dy if s == 0 else -dy
                    sx = dx if s == 0 else -dx
                    while 0 <= ey < h and 0 <= ex < w:
                        if a[ey, ex] != 0:
                            if not through:
                                break
                        else:
                            b[ey, ex] = v
                            found = True
                        ey += sy
                        ex += sx
    return found


@njit(cache=True, nogil=True)
def between_corners(a, h, w, b, colour):
    """Rectangles spanned by four equal cells at their corners: what lies inside painted `colour`, nothing else."""
    clear(b, h, w)
    found = False
    for top in range(h):
        for left in range(w):
            v = a[top, left]
            if v == 0:
                continue
            for right in range(left + 2, w):
                if a[top, right] != v:
                    continue
                for bottom in range(top + 2, h):
                    if a[bottom, left] == v and a[bottom, right] == v:
                        for i in range(top + 1, bottom):
                            for j in range(left + 1, right):
                                if a[i, j] == 0:
                                    b[i, j] = colour
                                    found = True
                        break
                break
    return found


@njit(cache=True, nogil=True)
def empty_blocks(a, h, w, b, side, colour):
    """Cells of all-zero squares of the given side, painted `colour`, nothing else; False if there are none."""
    clear(b, h, w)
    found = False
    for i in range(h - side + 1):
        for j in range(w - side + 1):
            clean = True
            for y in range(i, i + side):
                for x in range(j, j + side):
                    if a[y, x] != 0:
                        clean = False
            if clean:
                found = True
                for y in range(i, i + side):
                    for x in range(j, j + side):
                        b[y, x] = colour
    return found


@njit(cache=True, nogil=True)
def parity(a, h, w, b, p):
    """Every other line: 0 even rows, 1 odd rows, 2 even columns, 3 odd columns, 4 and 5 the two chequer halves."""
    for i in range(h):
        for j in range(w):
            k = i if p < 2 else (j if p < 4 else i + j)
            b[i, j] = a[i, j] if k % 2 == p % 2 else 0


@njit(cache=True, nogil=True)
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
                        answer[:] = patches[m]
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


@njit(cache=True, nogil=True)
def apply_draw(code, p, a, h, w, b, r):
    """Dispatch of this module's image operations; see `primitives.DRAW_OPS` for what each code means."""
    if code <= 2:
        return holes(a, h, w, b, p, code)
    if code == 3:
        return own_holes(a, h, w, b)
    if code == 4 or code == 5:
        outline(a, h, w, b, code == 5, p)
        return True
    if code == 6:
        rim(a, h, w, b, p % 2 == 1, p < 2)
        return True
    if code == 7 or code == 8:
        rays(a, h, w, b, p, code == 8)
        return True
    if code == 9:
        return connect(a, h, w, b, p, 0, True)
    if code == 10:
        return connect(a, h, w, b, 3, p, False)
    if code == 11:
        return spread(a, h, w, b, p == 1)
    if code == 12:
        return complete_symmetry(a, h, w, b, p)
    if code == 13:
        return complete_period(a, h, w, b, p)
    if code == 14 or code == 15 or code == 16:
        return boxes(a, h, w, b, p, code - 14)
    if code == 17:
        smooth(a, h, w, b)
        return True
    if code == 18:
        return largest_empty(a, h, w, b, p, False)
    if code == 19:
        return ruled_lines(a, h, w, b, p == 1)
    if code == 20:
        return symmetric_union(a, h, w, b, p)
    if code == 21 or code == 22:
        return complete_about(a, h, w, b, p, 4 if code == 21 else 8)
    if code == 23:
        return extend_lines(a, h, w, b, p == 1)
    if code == 24:
        return between_corners(a, h, w, b, p)
    if code == 25:
        return empty_blocks(a, h, w, b, p, 1)
    if code == 26:
        parity(a, h, w, b, p)
        return True
    if code == 27:
        return patch_fill(a, h, w, b, p)
    return False
