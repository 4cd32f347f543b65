"""What a row of a file of examples is, and how much of anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Format = Literal["csv", "json", "jsonl", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "json", "jsonl", "parquet")
MAX_ROW = 4 * 2**20
"""Bytes of one row."""

MAX_COLUMNS = 1_000
MAX_ROWS = 10_000_000
MAX_UNPACKED = 20 * 2**30
MAX_RATIO = 200
"""An archive of text packs 3 to 30 to 1; what unpacks to more than this is made to fill a disk."""


class Row(NamedTuple):
    """A row and where it begins: a line of a text, the number of a row of Parquet."""

    line: int
    values: Mapping[str, Any]
