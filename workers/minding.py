"""The worker's side of a minder: start a service under one, keep its lease, have it stopped, hear how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workers import orphans
from workers.forkserver import BASE_DIR

_START_SECONDS = 30.0


class CannotStart(Exception):
    """There is no such program, or no minder."""


class Minded:
    """One process under its minder. May be spoken to from any thread, heard from one."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: dict[str, str],
        log: Path,
        lease_until: float,
        folder: Path = BASE_DIR,
    ) -> None:
        self._mark = orphans.new_mark()
        self.pid = 0
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._minder = subprocess.Popen(
                [sys.executable, "-m", "workers.minder", "--control", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=BASE_DIR,
                env={**os.environ, orphans.MARK: self._mark},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._control = ours
        order = {
            "op": "start",
            "command": list(command),
            "environment": environment,
            "folder": str(folder),
            "log": str(log),
            "lease_until": lease_until,
        }
        said: dict[str, Any] | None = None
        if self._say(order):
            said = self.hear(_START_SECONDS)
        if said is None or said["event"] != "started":
            self.close()
            raise CannotStart((said or {}).get("error") or "its minder did not answer")
        self.pid = int(said["pid"])

    def extend(self, until: float) -> None:
        """The lease holds until then, on the minder's clock (`workers.minder.now`)."""
        self._say({"op": "lease", "until": until})

    def stop(self, *, grace: float) -> None:
        """Ask it to end, and see to it after so many seconds; returns at once."""
        self._say({"op": "stop", "grace": grace})

    def hear(self, timeout: float) -> dict[str, Any] | None:
        """What the minder says within so many seconds; an `ended` of our own making when it is gone itself."""
        try:
            looking = select.poll()
            looking.register(self._control, select.POLLIN)
            if not looking.poll(timeout * 1000):
                return None
            data = self._take()
        except OSError:
            data = b""
        return json.loads(data) if data else {"event": "ended", "status": None, "lease": False, "tail": ""}

    def _take(self) -> bytes:
        try:
            return self._control.recv(262_144)
        except (
            ConnectionResetError
        ):  # told once, where the minder left without reading our last: its own last is still there
            return self._control.recv(262_144)

    def close(self) -> None:
        """Let go of it: whatever still runs ends now."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        self._control.close()
        try:
            self._minder.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            self._minder.kill()
            self._minder.wait()
        if self._minder.returncode != 0:  # it could not see to the end of what it had started
            orphans.kill_marked(self._mark)
            orphans.collect_dead()

    def _say(self, message: dict[str, Any]) -> bool:
        try:
            self._control.send(json.dumps(message).encode())
        except OSError:
            return False
        return True
