"""Processes that are kept: each with all it starts in a session of its own, ended as a whole, gone when its parent is.

Knows what Linux offers for that and nothing of what the processes do. `make run` keeps its few with it (`household`), a
worker's minder each service, the fork server its children.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
libc = ctypes.CDLL(None, use_errno=True)
_LINUX = sys.platform == "linux"
_HEEDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def become_subreaper() -> None:
    """What descendants leave behind falls to this process, not to the first of the machine."""
    if _LINUX:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int, number: int) -> None:
    """Called in a child: a signal once the thread that started it ends, and the end if it has already."""
    if not _LINUX:
        return
    libc.prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(70)


def children_of(pid: int) -> list[int]:
    """The direct children of a process, of all its threads."""
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found.extend(int(number) for number in file.read().split())
        except OSError:
            continue
    return found


def kill_group(pid: int, *, group: bool = True) -> None:
    """End a process and, as the leader of its group, the group."""
    if group:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def kill_descendants(*, tries: int = 100) -> None:
    """End everything below this process, a subreaper, and collect it; a process may have forked while we looked."""
    for _ in range(tries):
        for pid in children_of(os.getpid()):
            kill_group(pid, group=False)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        select.select([], [], [], 0.02)


class Leader:
    """A process that leads its own session, so that a signal to our terminal does not reach it, and goes when we go."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        output: int | IO[bytes],
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        death_signal: int = signal.SIGTERM,
    ) -> None:
        parent = os.getpid()

        def prepare() -> None:
            die_with(parent, death_signal)
            for number in _HEEDED:  # what we ignore it would ignore too
                signal.signal(number, signal.SIG_DFL)

        self.process: subprocess.Popen[bytes] = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if environment is None else dict(environment),
            cwd=folder,
            start_new_session=True,
            preexec_fn=prepare,
        )
        self.pid = self.process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def signal(self, number: int) -> None:
        """Signal the whole group, if its leader is alive."""
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)


@dataclass(frozen=True)
class RestartPolicy:
    """When a process that ended is started again: at once if it had run steadily, else after pauses that grow, and after too
    many early deaths in a row not at all."""

    steady_seconds: float = 30.0
    limit: int = 5
    longest_seconds: float = 10.0
    unit_seconds: float = 1.0

    def after(self, deaths: int, seconds: float) -> tuple[int, float | None]:
        """After `deaths` early ones, one ended that had run for `seconds`: how many there are now, and the pause before the
        next try; None: give up."""
        if seconds > self.steady_seconds:
            return 0, 0.0
        deaths += 1
        if deaths >= self.limit:
            return deaths, None
        return deaths, min((2.0 ** (deaths - 1) - 1) * self.unit_seconds, self.longest_seconds)
