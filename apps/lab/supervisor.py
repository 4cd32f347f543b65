"""Keeps a handful of processes running: starts them, restarts one that dies, stops them all together.

Each child leads its own session, so that Ctrl-C reaches only the supervisor, which then asks each to stop and
insists after a grace period. A supervisor that is itself killed takes its children along (PDEATHSIG).
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from apps.core import graces

GRACE_SECONDS = graces.MACHINE
_STEADY_SECONDS = 30.0
_PR_SET_PDEATHSIG = 1
_QUICK_DEATHS_ALLOWED = 5


def _die_with(parent: int) -> Callable[[], None]:
    def prepare() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


@dataclass
class Service:
    """One process to keep running; its output goes to `log_path`."""

    name: str
    command: Sequence[str]
    log_path: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    quick_deaths: int = 0
    restart_at: float | None = None
    _log: IO[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start the process, appending to its log."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        if self._log is None:
            self._log = self.log_path.open("ab")
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),
        )
        self.started_at = time.monotonic()
        self.restart_at = None

    def signal(self, number: int) -> None:
        """Signal the whole process group, if it is alive."""
        if self.process is not None and self.process.poll() is None:
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                return

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None


class GaveUp(RuntimeError):
    """A service died again and again; `service` says which."""

    def __init__(self, service: Service) -> None:
        super().__init__(f"{service.name} keeps stopping. Its log: {service.log_path}")
        self.service = service


class Supervisor:
    """Runs services until told to stop."""

    def __init__(self, services: Sequence[Service], *, say: Callable[[str], None]) -> None:
        self.services = list(services)
        self._say = say
        self._stopping = False

    def start(self) -> None:
        """Start every service."""
        for service in self.services:
            service.start()

    def request_stop(self) -> None:
        """Make `watch` return soon; safe in a signal handler."""
        self._stopping = True

    def watch(self, *, until: Callable[[], bool] | None = None, poll_seconds: float = 0.2) -> bool:
        """Restart what dies until asked to stop (False) or until `until()` holds (True)."""
        while not self._stopping:
            if until is not None and until():
                return True
            for service in self.services:
                self._tend(service)
            time.sleep(poll_seconds)
        return False

    def _tend(self, service: Service) -> None:
        now = time.monotonic()
        if service.is_alive:
            return
        if service.restart_at is None:
            steady = now - service.started_at > _STEADY_SECONDS
            service.quick_deaths = 0 if steady else service.quick_deaths + 1
            if service.quick_deaths >= _QUICK_DEATHS_ALLOWED:
                raise GaveUp(service)
            delay = 0.0 if steady else min(2.0 ** (service.quick_deaths - 1) - 1, 10.0)
            service.restart_at = now + delay
            self._say(f"{service.name} stopped; starting it again.")
        if now >= service.restart_at:
            service.start()

    def stop(self) -> None:
        """Ask all to stop, wait, and insist. Returns when none is left."""
        for service in self.services:
            service.signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < deadline and any(service.is_alive for service in self.services):
            time.sleep(0.05)
        for service in self.services:
            service.signal(signal.SIGKILL)
            if service.process is not None:
                service.process.wait()
