"""Ending work from outside: asked first, if its runner grants it time, then killed."""

from __future__ import annotations

import threading
import time
from typing import Literal

Stop = Literal["release", "pause", "stop_early", "cancel", "timeout", "deadline", "memory", "unwritable", "fenced"]

_RANK: tuple[Stop, ...] = (
    *("release", "pause", "stop_early", "cancel", "timeout", "deadline"),
    *("memory", "unwritable", "fenced"),
)
"""A later one overrules an earlier one."""
_AT_ONCE = frozenset({"memory", "unwritable", "fenced"})
"""Nothing that the work could still say would help."""


class Stopping:
    """Why work is to end, and when it is killed for not having ended."""

    def __init__(self, *, grace_seconds: float) -> None:
        self._grace = grace_seconds
        self._lock = threading.Lock()
        self.reason: Stop | None = None
        self.kill_at: float | None = None
        """On the monotonic clock."""

    def request(self, stop: Stop) -> bool:
        """End it for this reason. True when that is news; one that weighs less changes nothing, but never delays."""
        with self._lock:
            news = self.reason is None or _RANK.index(stop) > _RANK.index(self.reason)
            until = time.monotonic() + (0.0 if stop in _AT_ONCE else self._grace)
            if news:
                self.reason = stop
            if self.kill_at is None or ((news or stop == "release") and until < self.kill_at):
                self.kill_at = until
            return news

    def take_back(self, stop: Stop) -> bool:
        """Go on, if this is the reason and there is time. True when it was taken back."""
        with self._lock:
            if self.reason != stop or self.kill_at is None or time.monotonic() >= self.kill_at:
                return False
            self.reason = self.kill_at = None
            return True

    @property
    def is_over(self) -> bool:
        """Whether the time to end has passed."""
        return self.kill_at is not None and time.monotonic() >= self.kill_at
