"""What a child said and nobody has written down yet.

Nothing that counts is dropped: while too much waits to be written, `is_full` has the reader leave the child's pipe alone,
so that the child waits. Lines of log may be thinned, in a flood, and a line says how many at the place where it happened.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from django.utils import timezone

from apps.core.jobs.reports import Checkpoint, Log, Progress, Report, Said

FULL = 2_000
FULL_BYTES = 4 * 1024 * 1024
_BRIM = 5
"""So many times that many lines may wait; those beyond are left out even if there is an allowance."""


class Allowance:
    """How many lines, and how much text, may be said: a store that fills again while it is not used."""

    def __init__(self, *, lines: int = 20_000, text: int = 8 * 1024 * 1024, refill_seconds: float = 1_000.0) -> None:
        self._most = (float(lines), float(text))
        self._left = self._most
        self._refill_seconds = refill_seconds
        self._at = time.monotonic()
        self._dry = False

    def take(self, size: int) -> bool:
        """Whether a line of that size may be said. Once dry, not before there is enough for more than a line."""
        now = time.monotonic()
        share = (now - self._at) / self._refill_seconds
        self._at = now
        lines, text = (min(most, left + share * most) for most, left in zip(self._most, self._left, strict=True))
        self._left = (lines, text)
        need = 0.01 if self._dry else 0.0
        self._dry = lines < max(1.0, need * self._most[0]) or text < max(float(size), need * self._most[1])
        if self._dry:
            return False
        self._left = (lines - 1.0, text - size)
        return True


class Words:
    """The words of one execution, in order. `on_need` is called when they should be written soon."""

    def __init__(self, *, on_need: Callable[[], None] = lambda: None, allowance: Allowance | None = None) -> None:
        self._on_need = on_need
        self._allowance = allowance or Allowance()
        self._lock = threading.Lock()
        self._waiting: list[tuple[Said, int]] = []
        self._progress: Said | None = None
        self._bytes = 0
        self._left_out = 0

    @property
    def is_full(self) -> bool:
        """Whether as much waits to be written as should."""
        return len(self._waiting) >= FULL or self._bytes >= FULL_BYTES

    @property
    def are_any(self) -> bool:
        """Whether anything waits to be written."""
        return bool(self._waiting) or self._progress is not None

    def say(self, report: Report) -> None:
        """Something was said now."""
        said = Said(report, timezone.now())
        with self._lock:
            if isinstance(report, Progress):
                self._progress = said  # only the last of several counts
                return
            size = len(str(report.stored()))
            if report.may_be_thinned and (
                len(self._waiting) >= _BRIM * FULL
                or self._bytes >= _BRIM * FULL_BYTES
                or not self._allowance.take(size)
            ):
                self._left_out += 1
                return
            self._mark_gap()
            if isinstance(report, Checkpoint):
                self._flush_progress()
            self._append(said, size)
            need = isinstance(report, Checkpoint) or len(self._waiting) == FULL // 2 or self.is_full
        if need:
            self._on_need()

    def all(self) -> list[Said]:
        """What waits to be written, in order; for whoever writes, one at a time."""
        with self._lock:
            if self._waiting and self._progress is not None and isinstance(self._waiting[-1][0].report, Progress):
                self._waiting.pop()  # it could not be written, and is out of date
            self._flush_progress()
            return [one for one, _ in self._waiting]

    def last(self) -> list[Said]:
        """The same when nothing more will be said."""
        with self._lock:
            self._mark_gap()
        return self.all()

    def written(self, said: list[Said]) -> None:
        """These, the first of what waits, are written down for good."""
        with self._lock:
            self._bytes -= sum(size for _, size in self._waiting[: len(said)])
            del self._waiting[: len(said)]

    def _append(self, said: Said, size: int) -> None:
        self._waiting.append((said, size))
        self._bytes += size

    def _flush_progress(self) -> None:
        """A checkpoint says how far the work was, too: what was said before must not be written after it."""
        if self._progress is not None:
            self._append(self._progress, 0)
            self._progress = None

    def _mark_gap(self) -> None:
        if self._left_out:
            lines = "1 log line" if self._left_out == 1 else f"{self._left_out:,} log lines"
            self._append(
                Said(Log(level="WARNING", message=f"{lines} left out here: too many at once."), timezone.now()), 0
            )
            self._left_out = 0
