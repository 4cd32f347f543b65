"""What must be ready before a job can start: things prepared once on a machine, and processes that have them loaded.

There is one fork server for each set of things that kinds want loaded, and one with nothing for the rest: so a kind
that takes minutes to get ready holds up nobody else's jobs, and a worker loads only what its own queues need.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from workers import hardware, orphans
from workers.forkserver import BASE_DIR, ForkServerClient
from workers.runners import Runner

logger = logging.getLogger("terrarium.workers")

_COUNT = re.compile(r"(\d[\d,]*) of (\d[\d,]*)")
_Needs = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Progress:
    """How far the warm-up of a kind is."""

    done: int = 0
    total: int = 0
    note: str = ""


class Preparation:
    """A command that prepares a machine for a kind of work, before anything is loaded for it.

    Each worker of a machine runs it when it starts: what has been done it finds done, and several at once come to an
    understanding among themselves. It says how far it is in lines such as `compiling 3 of 40`; what else it says is
    logged. Its standard input ends when its worker does, however that happens.
    """

    def __init__(self, command: tuple[str, ...], *, on_change: Callable[[], None]) -> None:
        self._command, self._on_change = command, on_change
        self.progress = Progress()
        self.done = threading.Event()
        self._stopping = False
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="preparation", daemon=True)

    def start(self) -> None:
        """Start it; `done` is set at its end."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        with self._lock:
            self._stopping = True
            if self._process is not None and self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)

    def _run(self) -> None:
        try:
            self._perform()
        except Exception:
            logger.exception("%s could not be run; what it prepares is left to whoever needs it", self._command)
        self.done.set()
        self._on_change()

    def _perform(self) -> None:
        with self._lock:
            if self._stopping:
                return
            self._process = process = subprocess.Popen(
                [sys.executable, *self._command],
                cwd=BASE_DIR,
                env={**os.environ, **hardware.thread_variables(1, fresh=False), orphans.MARK: orphans.new_mark()},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                errors="replace",
                process_group=0,
            )
        with process:
            for line in process.stdout or ():
                self._heard(line.strip())
        if process.returncode and not self._stopping:
            logger.warning("%s ended with status %d", " ".join(self._command), process.returncode)

    def _heard(self, line: str) -> None:
        found = _COUNT.search(line)
        if found is not None:
            done, total = (int(number.replace(",", "")) for number in found.groups())
            self.progress = Progress(done, total, line[: found.start()].strip()[:100])
        elif line:
            logger.info("%s: %s", self._command[-1], line[:1000])


class Warmth:
    """The fork servers of a worker, and which kinds of job are not ready yet.

    `on_change` is called, from any thread, when a kind may have become ready.
    """

    def __init__(
        self, wanted: Iterable[Runner], *, patience: float, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self._patience, self._on_change = patience, on_change
        self._lock = threading.Lock()
        self._servers: dict[_Needs, ForkServerClient] = {}
        self._preparations: dict[tuple[str, ...], Preparation] = {}
        self._runners: dict[str, Runner] = {runner.kind: runner for runner in wanted if runner.inline is None}
        self._running = self._stopped = False

    def start(self) -> None:
        """Start what the kinds wanted from the start need; returns at once."""
        self._running = True
        for runner in list(self._runners.values()):
            self._get_ready(runner)

    def stop(self) -> None:
        """End every fork server and preparation, and what runs below them."""
        with self._lock:
            self._stopped = True
            servers, preparations = list(self._servers.values()), list(self._preparations.values())
        for preparation in preparations:
            preparation.stop()
        for server in servers:
            server.hang_up()
        for server in servers:
            server.stop()

    def server_for(self, runner: Runner) -> ForkServerClient:
        """The fork server that jobs of this runner come from, started if need be."""
        self._get_ready(runner)
        return self._servers[_needs(runner)]

    def is_ready(self, runner: Runner) -> bool:
        """Whether a job of this runner could start now."""
        server, preparation = self._servers.get(_needs(runner)), self._preparations.get(runner.prepare_command)
        prepared = preparation is None or preparation.done.is_set()
        return prepared and server is not None and server.warmed.is_set()

    def cold(self) -> frozenset[str]:
        """The kinds whose jobs cannot start yet."""
        return frozenset(kind for kind, runner in list(self._runners.items()) if not self.is_ready(runner))

    def progress(self) -> dict[str, dict[str, Any]]:
        """How far each cold kind is, as JSON."""
        return {kind: asdict(self._progress_of(self._runners[kind])) for kind in sorted(self.cold())}

    def _progress_of(self, runner: Runner) -> Progress:
        preparation, server = self._preparations.get(runner.prepare_command), self._servers.get(_needs(runner))
        if preparation is not None and not preparation.done.is_set():
            return preparation.progress
        return Progress(server.loaded if server else 0, len(runner.warm), "loading")

    def _get_ready(self, runner: Runner) -> None:
        """Start preparing and loading for it, once."""
        with self._lock:
            if self._stopped:
                return
            self._runners.setdefault(runner.kind, runner)
            preparation = self._preparations.get(runner.prepare_command)
            if preparation is None and runner.prepare_command:
                preparation = Preparation(runner.prepare_command, on_change=self._on_change)
                self._preparations[runner.prepare_command] = preparation
                preparation.start()
            if _needs(runner) not in self._servers:
                after = preparation.done if preparation is not None else None
                server = ForkServerClient(
                    patience=self._patience, warm=runner.warm, warm_after=after, on_warm=self._on_change
                )
                self._servers[_needs(runner)] = server
                server.start()


def _needs(runner: Runner) -> _Needs:
    return runner.prepare_command, runner.warm
