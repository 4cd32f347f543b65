"""When a solver gives up on time: by the processor time it got, so that a busy machine changes no answer."""

from __future__ import annotations

import time

WALL_FACTOR = 10
"""The wall clock stops a process that hardly gets a processor: at this many times its seconds."""


class HardStop:
    """Set when a solve begins, with everything compiled and loaded; seconds are those of `Budget.hard_seconds`."""

    def __init__(self, seconds: float) -> None:
        self._processor = time.process_time() + seconds
        self._wall = time.monotonic() + WALL_FACTOR * seconds

    def reached(self) -> bool:
        """Whether this process has used up its seconds, or waited many times as long."""
        return time.process_time() >= self._processor or time.monotonic() >= self._wall
