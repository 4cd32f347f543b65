"""The worker's side of the fork server: keep one alive, launch children, hear of their ends."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apps.core.engine.processes import become_subreaper
from workers import hardware, orphans
from workers.runners import ChildTask

logger = logging.getLogger("terrarium.workers")

BASE_DIR = Path(__file__).resolve().parent.parent

WARM_SECONDS = 600.0
"""Compiling everything for the first time takes about a minute and a half of one core; a busy machine has less to give."""


class Gone(Exception):
    """The fork server died or does not answer; what ran under it is lost, a new one comes."""


@dataclass
class Child:
    """A launched process: its pipes, and how it ended once it has."""

    number: int
    report: int
    output: int
    asks: int
    pid: int = 0
    pidfd: int = -1
    error: str = ""
    launched: threading.Event = field(default_factory=threading.Event)
    exited: threading.Event = field(default_factory=threading.Event)
    status: int | None = None
    cpu_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    orphaned: bool = False

    def has_exited(self) -> bool:
        """Whether the process is gone, asked of the kernel."""
        if self.exited.is_set():
            return True
        return self.pidfd >= 0 and bool(select.select([self.pidfd], [], [], 0)[0])

    def close(self) -> None:
        """Give the descriptors back."""
        for descriptor in (self.report, self.output, self.asks, self.pidfd):
            if descriptor >= 0:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        self.report = self.output = self.asks = self.pidfd = -1


class ForkServerClient:
    """Keeps a fork server running and speaks with it. Its thread starts the process, because the process dies with it."""

    def __init__(
        self,
        *,
        patience: float = 15.0,
        warm: tuple[str, ...] = (),
        warm_after: threading.Event | None = None,
        on_warm: Callable[[], None] = lambda: None,
    ) -> None:
        self._patience = patience
        self._wanted, self._warm_after, self._on_warm = warm, warm_after, on_warm
        self.loaded = 0
        """How much of what is wanted has been loaded."""
        self.warmed = threading.Event()
        """Set while a server runs that has loaded what is wanted."""
        if not warm:
            self.warmed.set()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._children: dict[int, Child] = {}
        self._heated = threading.Event()
        self._warming: tuple[str, ...] = ()
        self._cold: set[str] = set()
        self._deadly: Counter[str] = Counter()
        self._process: subprocess.Popen[bytes] | None = None
        self._mark = ""
        self._control: socket.socket | None = None
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fork-server", daemon=True)

    def start(self) -> None:
        """Start the process; it warms up in the background."""
        become_subreaper()
        self._thread.start()

    def stop(self) -> None:
        """End the process and every child."""
        self.hang_up()
        self._thread.join(timeout=3)
        self._end_process()

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._process.pid if self._process else None

    def launch(self, task: ChildTask, *, memory_mb: int, fresh: bool = False, environment: dict[str, str]) -> Child:
        """Run a task in a new child; returns once it exists. `Gone` when the fork server fails meanwhile."""
        if not self._ready.wait(self._patience):
            raise Gone("no fork server")
        task_fd = os.memfd_create("task")
        report_read, report_write = os.pipe2(os.O_CLOEXEC)
        output_read, output_write = os.pipe2(os.O_CLOEXEC)
        asks_read, asks_write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(asks_write, False)
        child = Child(next(self._numbers), report_read, output_read, asks_write)
        message = {
            "op": "launch",
            "id": child.number,
            "memory_mb": memory_mb,
            "fresh": fresh,
            "environment": environment,
        }
        try:
            with os.fdopen(os.dup(task_fd), "wb") as file:
                file.write(json.dumps({"entry": task.entry, "arguments": task.arguments}).encode())
            with self._lock:
                self._children[child.number] = child
            self._send(message, [task_fd, report_write, output_write, asks_read])
            self._await(child.launched)
        except BaseException:
            self._forget(child)
            child.close()
            raise
        finally:
            for descriptor in (task_fd, report_write, output_write, asks_read):
                os.close(descriptor)
        if child.orphaned or not child.pid:
            self._forget(child)
            child.close()
            raise Gone(child.error or "the fork server died while launching")
        with contextlib.suppress(ProcessLookupError):
            child.pidfd = os.pidfd_open(child.pid)
        return child

    def kill(self, child: Child) -> None:
        """End a child and what it started; returns at once."""
        if child.pidfd >= 0:
            with contextlib.suppress(ProcessLookupError, OSError):
                signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)
        with contextlib.suppress(Gone):
            self._send({"op": "kill", "id": child.number})

    def collect(self, child: Child, *, seconds: float) -> None:
        """Let go of a child: what still runs of it is killed; waits a moment for its exit status."""
        if not child.has_exited():
            self.kill(child)
        if not child.exited.wait(seconds) and not child.has_exited():
            logger.error("process %d does not end, though it was killed", child.pid)
        self._forget(child)
        child.close()

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._spawn()
                self._listen()
            except Exception:
                logger.exception("the fork server could not be kept")
            self._lost()
            if not self._stopping.is_set():
                logger.warning("the fork server ended; starting another")
                self._stopping.wait(0.05 if time.monotonic() - began > 2 else 1.0)

    def _spawn(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._mark = orphans.new_mark()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "workers.children", "--control", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=BASE_DIR,
                env={**os.environ, **hardware.thread_variables(1, fresh=False), orphans.MARK: self._mark},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 2, 0))  # a stopped server: Gone
        self._control, self._process = ours, process
        if self._stopping.is_set():
            self.hang_up()

    def _listen(self) -> None:
        control = self._control
        if control is None:
            return
        while True:
            try:
                data = control.recv(65536)
            except OSError:
                return
            if not data:
                return
            self._heard(json.loads(data))

    def _heard(self, message: dict[str, Any]) -> None:
        if message["event"] == "ready":
            self._ready.set()
            if self._wanted:
                threading.Thread(target=self._preheat, name="warm-up", daemon=True).start()
            return
        if message["event"] == "loaded":
            self.loaded = message["count"]
            return
        if message["event"] == "warmed":
            for name, error in message["errors"].items():
                logger.warning("warming up %s: %s", name, error)
            self._heated.set()
            return
        with self._lock:
            child = self._children.get(message["id"])
        if child is None:
            return
        if message["event"] == "launched":
            child.pid, child.error = message["pid"], message.get("error", "")
            child.launched.set()
        elif message["event"] == "exited":
            child.status = message["status"]
            child.cpu_seconds, child.peak_memory_mb = message["cpu_seconds"], message["peak_memory_mb"]
            child.exited.set()

    def _preheat(self) -> None:
        """Have the server of now load what is wanted, when it may."""
        mark = self._mark
        while self._warm_after is not None and not self._warm_after.wait(0.5):
            if mark != self._mark or self._stopping.is_set():
                return
        with contextlib.suppress(Gone):
            self._heat(mark)
        with self._lock:
            if mark == self._mark:
                self.loaded = len(self._wanted)
                self.warmed.set()
        self._on_warm()

    def _heat(self, mark: str) -> None:
        with self._lock:
            if mark != self._mark:
                return
            names = self._warming = tuple(name for name in self._wanted if name not in self._cold)
            self._heated.clear()
        self._send({"op": "warm", "names": list(names)})
        finished = self._heated.wait(WARM_SECONDS)
        with self._lock:
            if mark == self._mark:
                self._warming = ()
        if not finished:
            self._cold.update(names)
            self._give_up()

    def _lost(self) -> None:
        """The process is gone: so are its children, by their death signal; what they started fell to us."""
        self._ready.clear()
        self._end_process()
        with self._lock:
            mark, self._mark = self._mark, ""
            self.loaded = 0
            if self._wanted:
                self.warmed.clear()
            children = list(self._children.values())
            self._deadly.update(self._warming)  # what was being loaded may have killed it: twice is no accident
            self._cold.update(name for name in self._warming if self._deadly[name] >= 2)
            self._warming = ()
        for child in children:
            child.orphaned = True
            child.launched.set()
            child.exited.set()
        self._heated.set()
        orphans.kill_marked(mark)
        orphans.collect_dead()

    def _end_process(self) -> None:
        process = self._process
        if process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1 if self._stopping.is_set() else 0.2)
        process.kill()
        process.wait()
        self._process = None

    def hang_up(self) -> None:
        """Ask the process to end; returns at once. See `stop`."""
        self._stopping.set()
        control = self._control
        if control is not None:
            with contextlib.suppress(OSError):
                control.shutdown(socket.SHUT_RDWR)

    # --- requests ---------------------------------------------------------------------------------------------------

    def _await(self, event: threading.Event) -> None:
        """Wait for an answer; a server that neither warms up nor answers is replaced."""
        waited = 0.0
        while not event.wait(0.25):
            waited = 0.0 if self._warming else waited + 0.25
            if waited >= self._patience:
                self._give_up()

    def _give_up(self) -> None:
        process = self._process
        if process is not None:
            logger.error("the fork server does not answer; replacing it")
            process.kill()
        raise Gone("the fork server does not answer")

    def _send(self, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
        control = self._control
        if control is None or not self._ready.is_set():
            raise Gone("no fork server")
        try:
            socket.send_fds(control, [json.dumps(message).encode()], descriptors or [])
        except OSError as error:
            raise Gone(str(error)) from None

    def _forget(self, child: Child) -> None:
        with self._lock:
            self._children.pop(child.number, None)
