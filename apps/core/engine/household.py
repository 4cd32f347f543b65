"""Keeps a handful of processes running: starts them, restarts one that dies, stops them all together (`make run`)."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from apps.core.engine.processes import Leader, RestartPolicy


class Kept:
    """One process to keep running; its output goes to `log_path`."""

    def __init__(self, name: str, command: Sequence[str], log_path: Path) -> None:
        self.name, self.command, self.log_path = name, command, log_path
        self.leader: Leader | None = None
        self.started_at = 0.0
        self.deaths = 0
        self.restart_at: float | None = None
        self._log: IO[bytes] | None = None

    def start(self) -> None:
        """Start the process, appending to its log."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        if self._log is None:
            self._log = self.log_path.open("ab")
        self.leader = Leader(self.command, output=self._log)
        self.started_at = time.monotonic()
        self.restart_at = None

    def signal(self, number: int) -> None:
        """Signal the whole process group, if it is alive."""
        if self.leader is not None:
            self.leader.signal(number)

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.leader is not None and self.leader.is_alive


class GaveUp(RuntimeError):
    """A process died again and again; `kept` says which."""

    def __init__(self, kept: Kept) -> None:
        super().__init__(f"{kept.name} keeps stopping. Its log: {kept.log_path}")
        self.kept = kept


class Household:
    """A handful of processes, kept running until told to stop, then ended together."""

    def __init__(
        self,
        kept: Sequence[Kept],
        *,
        say: Callable[[str], None],
        grace_seconds: float,
        policy: RestartPolicy | None = None,
    ) -> None:
        self.kept = list(kept)
        self.grace_seconds = grace_seconds
        self._say, self._policy = say, policy or RestartPolicy()
        self._stopping = False

    def start(self) -> None:
        """Start every process."""
        for one in self.kept:
            one.start()

    def request_stop(self, *_: Any) -> None:
        """Make `watch` return soon; safe as a signal handler."""
        self._stopping = True

    def watch(self, *, until: Callable[[], bool] | None = None, poll_seconds: float = 0.2) -> bool:
        """Restart what dies until asked to stop (False) or until `until()` holds (True)."""
        while not self._stopping:
            if until is not None and until():
                return True
            for one in self.kept:
                self._tend(one)
            time.sleep(poll_seconds)
        return False

    def _tend(self, one: Kept) -> None:
        now = time.monotonic()
        if one.is_alive:
            return
        if one.restart_at is None:
            one.deaths, pause = self._policy.after(one.deaths, now - one.started_at)
            if pause is None:
                raise GaveUp(one)
            one.restart_at = now + pause
            self._say(f"{one.name} stopped; starting it again.")
        if now >= one.restart_at:
            one.start()

    def stop(self) -> None:
        """Ask all to stop, wait, and insist. Returns when none is left."""
        for one in self.kept:
            one.signal(signal.SIGTERM)
        deadline = time.monotonic() + self.grace_seconds
        while time.monotonic() < deadline and any(one.is_alive for one in self.kept):
            time.sleep(0.05)
        for one in self.kept:
            one.signal(signal.SIGKILL)
            if one.leader is not None:
                one.leader.process.wait()
