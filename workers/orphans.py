"""Finding processes that outlived the worker they belong to.

Everything below a fork server carries `JOB_SERVER=<worker's pid>:<its start>:<token>` in its first environment, wherever
it ran off to. Usually nothing is found: children die with their fork server and it takes their processes along. What
is left is a process that left its session while fork server and worker were killed together.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import time
from collections.abc import Callable

from apps.core.engine.processes import children_of

MARK = "JOB_SERVER"


def new_mark() -> str:
    """The mark of a fork server that this process is about to start."""
    return f"{os.getpid()}:{_start_of(os.getpid())}:{secrets.token_hex(8)}"


def kill_marked(mark: str) -> int:
    """Kill everything that carries this mark. Returns how many were found."""
    return _kill(lambda found: found == mark)


def collect_dead(*, seconds: float = 0.3) -> None:
    """Collect what fell to this process and has died, so that no zombie stays. Looks for a while: some are dying.

    What is of this process' own session it started itself and waits for.
    """
    until, own = time.monotonic() + seconds, str(os.getsid(0))
    while time.monotonic() < until:
        for pid in children_of(os.getpid()):
            fields = _stat(pid)
            if fields and fields[0] == "Z" and fields[3] != own:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
        time.sleep(0.02)


def kill_orphans() -> int:
    """Kill everything whose worker is gone. Returns how many were found."""
    return _kill(_worker_is_gone)


def _kill(wanted: Callable[[str], bool]) -> int:
    """Until none is found, since a process may have forked while we looked."""
    killed: set[int] = set()
    for _ in range(10):
        found = [pid for pid, mark in _marked() if wanted(mark)]
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        killed.update(found)
        if not found:
            break
        time.sleep(0.02)
    return len(killed)


def _marked() -> list[tuple[int, str]]:
    prefix = f"{MARK}=".encode()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                mark = next((one for one in file.read().split(b"\0") if one.startswith(prefix)), None)
        except OSError:
            continue
        if mark is not None:
            found.append((int(name), mark[len(prefix) :].decode("ascii", "replace")))
    return found


def _worker_is_gone(mark: str) -> bool:
    pid, _, rest = mark.partition(":")
    started, _, _ = rest.partition(":")
    return not pid.isdigit() or _start_of(int(pid)) != started


def _start_of(pid: int) -> str:
    """When a living process started, in ticks since boot; empty when there is none."""
    fields = _stat(pid)
    return fields[19] if fields and fields[0] != "Z" else ""


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name, the state first; empty when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []
