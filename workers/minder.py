"""The minder of one service: a small process without Django between a worker and the process that serves.

    python -m workers.minder --control FD     (started by `workers.minding`)

It starts the service in a session of its own, keeps its output, and ends it with everything it started: when it is told to,
when the worker's end of the control socket closes (so whichever way the worker dies), and when the lease that the worker
renews has run out (so also when the worker is stopped, or cannot reach its database). Nothing outlives its lease.

Control messages are JSON datagrams. In: `start`, then `lease` (until when, on the clock that goes on while the machine
sleeps) and `stop` (with seconds of grace). Out: `started` or `refused`, then `ended`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from apps.core.engine.processes import PR_SET_PDEATHSIG, Leader, become_subreaper, kill_descendants, kill_group, libc

TAIL_BYTES = 8_000
LOG_BYTES = 5_000_000
"""A log that has grown to this is put aside, and the one put aside before it goes."""
_DRAIN_BYTES = 1_000_000


def now() -> float:
    """Seconds that also pass while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Output:
    """What a service writes: kept in a log of bounded size, and its end in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._size = 0
        self.tail = b""

    def take(self, data: bytes) -> None:
        """Keep some more. A full disk must not end what serves."""
        self.tail = (self.tail + data)[-TAIL_BYTES:]
        with contextlib.suppress(OSError):
            if self._file < 0 or self._size > LOG_BYTES:
                self._open()
            self._size += os.write(self._file, data)

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            self._path.replace(self._path.with_suffix(".1.log"))
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._file).st_size


class Minder:
    """Starts one process, and sees to it that it ends."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._lease_until = 0.0
        self._kill_at: float | None = None
        self._worker_is_there = True

    def run(self) -> None:
        """Until the service has ended."""
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGCONT)  # even when stopped: go on, and find the socket closed
        become_subreaper()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        order = self._hear()
        if order is None:
            return
        self._lease_until = order["lease_until"]
        output = Output(Path(order["log"]))
        read, write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(read, False)
        try:
            leader = _start(order, write)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self._say({"event": "refused", "error": f"{type(error).__name__}: {error}"})
            return
        os.close(write)
        self._say({"event": "started", "pid": leader.pid})
        lease_ran_out = self._watch(leader, read, output)
        if leader.is_alive:
            kill_group(leader.pid)
            leader.process.wait()
        kill_descendants()
        _drain(read, output, limit=_DRAIN_BYTES)
        self._say(
            {
                "event": "ended",
                "status": leader.process.returncode,
                "lease": lease_ran_out,
                "tail": output.tail.decode("utf-8", "replace"),
            }
        )

    def _watch(self, leader: Leader, read: int, output: Output) -> bool:
        """Until it has ended or must: then whether that is because its lease ran out."""
        listening = [self._control.fileno(), self._wake_read, read]
        while leader.is_alive:
            until = self._lease_until if self._kill_at is None else min(self._lease_until, self._kill_at)
            ready, _, _ = select.select(listening, [], [], min(1.0, max(0.0, until - now())))
            if self._wake_read in ready:
                os.read(self._wake_read, 4096)
                _collect(leader)
            if read in ready and not _drain(read, output, limit=65_536):
                listening.remove(read)
            if listening[0] in ready:
                self._obey(leader)
            if not self._worker_is_there or (self._kill_at is not None and now() >= self._kill_at):
                return False
            if now() >= self._lease_until:
                return True
        return False

    def _obey(self, leader: Leader) -> None:
        said = self._hear()
        if said is None:
            self._worker_is_there = False
        elif said["op"] == "lease":
            self._lease_until = said["until"]
        elif said["op"] == "stop":
            leader.signal(signal.SIGTERM)
            self._kill_at = min(now() + said["grace"], self._kill_at or float("inf"))

    def _hear(self) -> dict[str, Any] | None:
        """One message; None when there will be no more."""
        try:
            data = self._control.recv(262_144)
        except OSError:
            return None
        return json.loads(data) if data else None

    def _say(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self._control.send(json.dumps(message).encode())


def _start(order: dict[str, Any], output: int) -> Leader:
    return Leader(
        order["command"],
        output=output,
        environment={**os.environ, **order["environment"]},
        folder=Path(order["folder"]),
        death_signal=signal.SIGKILL,
    )


def _drain(read: int, output: Output, *, limit: int) -> bool:
    """Take what is there, up to a limit; False when nothing more can come."""
    taken = 0
    while taken < limit:
        try:
            data = os.read(read, 65_536)
        except BlockingIOError:
            return True
        if not data:
            return False
        output.take(data)
        taken += len(data)
    return True


def _collect(leader: Leader) -> None:
    """Those that fell to us and have ended. The leader is left to whoever asks for its status."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid == leader.pid:
            return
        with contextlib.suppress(ChildProcessError):
            os.waitpid(ended.si_pid, os.WNOHANG)


def main(arguments: list[str] | None = None) -> None:
    """Be a minder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--control", type=int, required=True)
    options = parser.parse_args(arguments)
    Minder(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=options.control)).run()


if __name__ == "__main__":
    main()
