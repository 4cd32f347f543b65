"""Many things, a bounded number at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def in_batches(found: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` in order, the last one maybe shorter; takes no more from `found` than it gives."""
    waiting = iter(found)
    while batch := list(islice(waiting, size)):
        yield batch
