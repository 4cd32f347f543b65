"""What is the same for everybody who watches: read once for all who were told of the same events."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from apps.core.live.log import Position

T = TypeVar("T")
KEPT_SECONDS = 10.0


@dataclass
class _Place(Generic[T]):
    """The latest state of one key, and whose turn it is to read it."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    position: Position | None = None
    state: T | None = None
    used_at: float = 0.0


class SharedState(Generic[T]):
    """The present state of many keys, each read once a position of the log.

    A state that was read for a later event holds for an earlier one too: it was read after both. States are shared
    between threads, so nobody changes one.
    """

    def __init__(self) -> None:
        self._places: dict[Hashable, _Place[T]] = {}
        self._lock = threading.Lock()

    def at(self, key: Hashable, position: Position, read: Callable[[], T]) -> T:
        """The state at or after `position`; `read` reads it, once, while whoever asks for the same waits."""
        place = self._place(key)
        with place.turn:
            if place.position is None or place.position < position or place.state is None:
                place.state, place.position = read(), position
            return place.state

    def _place(self, key: Hashable) -> _Place[T]:
        now = time.monotonic()
        with self._lock:
            for old in [name for name, place in self._places.items() if now - place.used_at > KEPT_SECONDS]:
                del self._places[old]
            place = self._places.setdefault(key, _Place())
            place.used_at = now
            return place
