"""How large anything may become: the bounds of a grid, of a list of images, and of one search's memory."""

from __future__ import annotations

from apps.tasks.engine.grids import MAX_SIDE

SIDE = MAX_SIDE
"""Rows and columns of the buffers that hold one image."""

COLOURS = 10
"""Colours of a cell, 0 (empty) among them."""

MAX_LIST = 64
"""Images in one list."""

MAX_STATES = 120_000
MAX_IMAGES = 1_500_000
MAX_CELLS = 96_000_000
"""States, images and cells of one enumeration: at most about 250 MB, whatever the budget."""

MAX_COST = 640
"""Longest program, in tenths of a bit."""

HASH_SLOTS = 1 << 19
"""Places for the hashes of states already met; a power of two, several times `MAX_STATES`."""

MAX_PIECES = 12_000
"""Images of the output's size, cheapest first, that enter one composition."""

MAX_TABLE_PIECES = 3_000
"""Those of them that are joined by tables."""

MAX_RULE_CELLS = 9_000
"""Demonstration cells beyond which no rules for cells are learned: a bound on time and memory."""
