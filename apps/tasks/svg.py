"""Grids as SVG text: one path a colour, rows run-length coded. Presentation attributes only, so that a strict
content policy and a file on disk show the same picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from html import escape

ARC_COLOURS = (
    "#000000",
    "#0074d9",
    "#ff4136",
    "#2ecc40",
    "#ffdc00",
    "#aaaaaa",
    "#f012be",
    "#ff851b",
    "#7fdbff",
    "#870c25",
)
"""ARC's ten colours by value."""

COLOUR_NAMES = ("black", "blue", "red", "green", "yellow", "grey", "magenta", "orange", "cyan", "maroon")

_LINE = "#555555"
_DARK_ON = frozenset({3, 4, 5, 7, 8})
"""Colours light enough for dark digits."""

_LARGEST_CELL = 32
_LINES_FROM = 5
"""Cells smaller than this many pixels are drawn without lines between them, or the lines would be all one sees."""

Cells = Sequence[Sequence[int]]


def cell_pixels(rows: int, columns: int, size: int) -> int:
    """Whole pixels a cell, so that edges fall on pixels, for a picture of about `size` on its longer side."""
    return max(1, min(_LARGEST_CELL, size // max(rows, columns)))


def _runs(cells: Cells) -> dict[int, list[str]]:
    """Per colour, the path pieces that paint its horizontal runs."""
    runs: dict[int, list[str]] = defaultdict(list)
    for y, row in enumerate(cells):
        start = 0
        for x in range(1, len(row) + 1):
            if x == len(row) or row[x] != row[start]:
                runs[row[start]].append(f"M{start} {y}h{x - start}v1h-{x - start}z")
                start = x
    return runs


def _paint(cells: Cells) -> str:
    return "".join(
        f'<path fill="{ARC_COLOURS[colour]}" d="{"".join(pieces)}"/>' for colour, pieces in sorted(_runs(cells).items())
    )


def _lines(rows: int, columns: int, cell: int) -> str:
    """A frame, so that black cells stand out from a dark page, and lines between the cells where they are large."""
    path = f"M0 0h{columns}v{rows}h-{columns}z"
    if cell >= _LINES_FROM:
        path += "".join(f"M0 {y}h{columns}" for y in range(1, rows))
        path += "".join(f"M{x} 0v{rows}" for x in range(1, columns))
    return f'<path fill="none" stroke="{_LINE}" stroke-width="1" vector-effect="non-scaling-stroke" d="{path}"/>'


def _digits(cells: Cells) -> str:
    """Every cell's number, light or dark to stand out from its colour."""
    words = {"#111111": [], "#ffffff": []}  # type: dict[str, list[str]]
    for y, row in enumerate(cells):
        for x, value in enumerate(row):
            ink = "#111111" if value in _DARK_ON else "#ffffff"
            words[ink].append(f'<text x="{x}.5" y="{y}.69">{value}</text>')
    return "".join(
        f'<g fill="{ink}" font-size=".55" text-anchor="middle" font-family="ui-monospace,monospace">{"".join(texts)}</g>'
        for ink, texts in words.items()
        if texts
    )


LEAST_SHARE = 0.4
"""A grid beside a wider one is drawn to its scale, but never narrower than this share of it: it is to be read."""


def _frame(rows: int, columns: int, cell: int, label: str, body: str, beside: int = 0) -> str:
    name = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    wide = max(columns, min(beside, int(columns / LEAST_SHARE)))
    wide += (wide - columns) % 2  # as much room on either side, so that edges stay on pixels
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="arc-grid" width="{wide * cell}" height="{rows * cell}" '
        f'viewBox="{(columns - wide) // 2} 0 {wide} {rows}" shape-rendering="crispEdges" overflow="visible" {name}>{body}</svg>'
    )


def grid_svg(
    cells: Cells, *, size: int = 160, cell: int = 0, digits: bool = False, label: str | None = None, beside: int = 0
) -> str:
    """A grid as SVG, its longer side about `size` pixels, or every cell exactly `cell` pixels.

    `beside` gives the picture the width of so many columns, the grid in its middle: several, one beside the other,
    keep one scale whatever the page makes of their width.

    `label` is what a screen reader says (its dimensions by default; "" hides it as decoration). Digits show where
    a cell has room for one.
    """
    rows, columns = len(cells), len(cells[0])
    cell = cell or cell_pixels(rows, columns, size)
    body = _paint(cells) + _lines(rows, columns, cell)
    if digits and cell >= 2 * _LINES_FROM:
        body += _digits(cells)
    return _frame(rows, columns, cell, describe(cells) if label is None else label, body, beside)


def describe(cells: Cells) -> str:
    """A grid in words: its dimensions and colours."""
    present = sorted({value for row in cells for value in row})
    return f"{len(cells)} by {len(cells[0])} grid: {', '.join(COLOUR_NAMES[value] for value in present)}"


def difference(predicted: Cells, truth: Cells) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Cells (row, column) that are wrong: painted in the prediction but other in the truth (or beyond it); and
    those of the truth that the prediction does not reach."""
    wrong, missing = [], []
    for y, row in enumerate(predicted):
        for x, value in enumerate(row):
            if y >= len(truth) or x >= len(truth[0]) or truth[y][x] != value:
                wrong.append((y, x))
    for y in range(len(truth)):
        missing += [(y, x) for x in range(len(truth[0])) if y >= len(predicted) or x >= len(predicted[0])]
    return wrong, missing


def difference_sentence(predicted: Cells, truth: Cells) -> str:
    """The difference in words."""
    wrong, missing = difference(predicted, truth)
    if not wrong and not missing:
        return "Exactly the truth"
    if (len(predicted), len(predicted[0])) != (len(truth), len(truth[0])):
        return f"{len(predicted)} by {len(predicted[0])}, the truth is {len(truth)} by {len(truth[0])}"
    return f"{len(wrong)} of {len(truth) * len(truth[0])} cells differ"


def diff_svg(
    predicted: Cells, truth: Cells, *, size: int = 160, cell: int = 0, label: str | None = None, beside: int = 0
) -> str:
    """The prediction with its errors marked: what is right is faded, each wrong cell carries the true colour as a
    diamond, a cell beyond the truth a cross, and cells never reached are outlined around their true colour."""
    rows, columns = max(len(predicted), len(truth)), max(len(predicted[0]), len(truth[0]))
    wrong, missing = difference(predicted, truth)
    wrong_set = set(wrong)
    faded = "".join(
        f"M{x} {y}h1v1h-1z"
        for y, row in enumerate(predicted)
        for x in range(len(row))
        if (wrong or missing) and (y, x) not in wrong_set
    )
    body = _paint(predicted)
    if faded:
        body += f'<path class="arc-right" fill="#7d8580" fill-opacity=".55" d="{faded}"/>'
    cell = cell or cell_pixels(rows, columns, size)
    body += _lines(rows, columns, cell)
    body += _marks(wrong, missing, truth)
    sentence = difference_sentence(predicted, truth)
    return _frame(rows, columns, cell, sentence if label is None else label, body, beside)


def _marks(wrong: list[tuple[int, int]], missing: list[tuple[int, int]], truth: Cells) -> str:
    diamonds: dict[int, list[str]] = defaultdict(list)
    crosses, outlines = [], []
    for y, x in wrong:
        if y < len(truth) and x < len(truth[0]):
            diamonds[truth[y][x]].append(f"M{x}.5 {y}.15l.35 .35l-.35 .35l-.35 -.35z")
        else:
            crosses.append(f"M{x}.2 {y}.2l.6 .6m0 -.6l-.6 .6")
    for y, x in missing:
        diamonds[truth[y][x]].append(f"M{x}.5 {y}.15l.35 .35l-.35 .35l-.35 -.35z")
        outlines.append(f"M{x}.04 {y}.04h.92v.92h-.92z")
    body = "".join(
        f'<path fill="{ARC_COLOURS[colour]}" stroke="#ffffff" stroke-width=".09" shape-rendering="auto" d="{"".join(pieces)}"/>'
        for colour, pieces in sorted(diamonds.items())
    )
    if outlines:
        body = (
            f'<path fill="none" stroke="#7d8580" stroke-width=".08" stroke-dasharray=".2 .12" d="{"".join(outlines)}"/>'
            + body
        )
    if crosses:
        path = "".join(crosses)
        body += f'<path fill="none" stroke="#000000" stroke-width=".2" shape-rendering="auto" d="{path}"/>'
        body += f'<path fill="none" stroke="#ffffff" stroke-width=".1" shape-rendering="auto" d="{path}"/>'
    return body


def pair_svg(source: Cells, target: Cells, *, size: int = 72, label: str = "") -> str:
    """A demonstration as one picture: input, arrow, output, both to the same scale and centred."""
    rows = max(len(source), len(target))
    cell = cell_pixels(max(rows, len(source[0]), len(target[0])), 1, size)
    gap = 14 / cell
    columns = len(source[0]) + gap + len(target[0])
    left_y = round((rows - len(source)) * cell / 2) / cell
    right_y = round((rows - len(target)) * cell / 2) / cell
    parts = []
    for cells, x, y in ((source, 0.0, left_y), (target, len(source[0]) + gap, right_y)):
        lines = _lines(len(cells), len(cells[0]), cell)
        parts.append(f'<g transform="translate({x:g} {y:g})">{_paint(cells)}{lines}</g>')
    middle, tip = round(rows * cell / 2) / cell, len(source[0]) + gap - 3 / cell
    arrow = f"M{len(source[0]) + 3 / cell:g} {middle:g}H{tip:g}m{-3 / cell:g} {-3 / cell:g}l{3 / cell:g} {3 / cell:g}l{-3 / cell:g} {3 / cell:g}"
    parts.append(
        f'<path fill="none" stroke="#8a948e" stroke-width="1.5" vector-effect="non-scaling-stroke" shape-rendering="auto" d="{arrow}"/>'
    )
    name = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="arc-pair" width="{round(columns * cell)}" height="{rows * cell}" '
        f'viewBox="0 0 {columns:g} {rows}" shape-rendering="crispEdges" overflow="visible" {name}>{"".join(parts)}</svg>'
    )
