"""The argument types that kernels declare."""

from __future__ import annotations

from numba.core import types

NUMBER = types.int64
FLAG = types.boolean
WORD = types.uint64

GRID = types.int8[:, ::1]
"""Cells in rows and columns: a grid, or the buffer of one image."""
FROZEN = types.Array(types.int8, 2, "C", readonly=True)
"""A grid that is only read, so that it may be immutable."""
LIST = types.int8[:, :, ::1]
"""Buffers of several images."""
CELLS = types.int8[::1]

NUMBERS = types.int64[::1]
TABLE = types.int64[:, ::1]
RECT = NUMBERS
"""Top, left, height, width."""
RECTS = TABLE

INDEX = types.int32[::1]
INDICES = types.int32[:, ::1]
SHORTS = types.int16[::1]
LABELS = types.int16[:, ::1]
"""For each cell the number of its component; or a table of small numbers."""
COLUMN = types.int16[:]
"""A column of such a table."""

BITS = types.uint64[::1]
BITSETS = types.uint64[:, ::1]
FLAGS = types.boolean[::1]
FLAG_ROWS = types.boolean[:, ::1]

IMAGE_OPERATION = (NUMBER, NUMBER, GRID, NUMBER, NUMBER, GRID, RECT, GRID, NUMBER, NUMBER, NUMBER, NUMBER)
"""Opcode and parameter; image, height, width; result and its rectangle; input, its height and width; the canvas's."""

SPLITTER = (NUMBER, NUMBER, GRID, NUMBER, NUMBER, RECT, LIST, RECTS)
"""Opcode and parameter; image, height, width, rectangle; the items and their rectangles."""
MEASURE = (LIST, RECTS, NUMBER, TABLE, NUMBER, NUMBER)
"""Items, rectangles, how many; their properties; height and width of the input."""
CHOOSE_ONE = (NUMBER, NUMBER, LIST, RECTS, NUMBER, TABLE)
"""Opcode and parameter; items, rectangles, how many, properties."""
CHOOSE_SOME = (*CHOOSE_ONE, NUMBERS)
"""The same, and a flag for each item."""
FOLDER = (*CHOOSE_ONE, GRID, RECT, NUMBER, NUMBER)
"""The same without flags; result and its rectangle; height and width of the input."""
