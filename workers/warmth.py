"""What must be ready before a job can start: things prepared once on a machine, and processes that have them loaded.

There is one fork server for each set of things that kinds want loaded, and one with nothing for the rest: so a kind
that takes minutes to get ready holds up nobody else's jobs, and a worker loads only what its own queues need.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workers import hardware, orphans
from workers.forkserver import BASE_DIR, ForkServerClient
from workers.runners import Runner

logger = logging.getLogger("terrarium.workers")

_LOOK_SECONDS = 0.5
_Needs = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Progress:
    """How far the warm-up of a kind is."""

    done: int = 0
    total: int = 0
    note: str = ""


class Preparation:
    """A command that prepares a machine for a kind of work, run once at a time on it. It says how far it is in lines of JSON, `{"done": 3, "total": 40, "note": "..."}`;
    what else it says is logged.
    """

    def __init__(self, command: tuple[str, ...], *, folder: Path, on_change: Callable[[], None]) -> None:
        self._command, self._folder, self._on_change = command, folder, on_change
        self.progress = Progress()
        self.done = threading.Event()
        self._stopping = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="preparation", daemon=True)

    def start(self) -> None:
        """Start it, or wait until another worker of this machine has done it."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        with self._lock:
            self._stopping.set()
            if self._process is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, 9)

    def _run(self) -> None:
        try:
            with self._turn():
                if not self._stopping.is_set():
                    self._perform()
        except Exception:
            logger.exception("%s could not be run; what it prepares is done in the fork server", self._command)
        self.done.set()
        self._on_change()

    @contextlib.contextmanager
    def _turn(self) -> Any:
        """One worker of a machine after the other: the second finds the work done."""
        self._folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256("\0".join(self._command).encode()).hexdigest()[:16]
        with (self._folder / f"{name}.{hardware.boot_id() or 'machine'}").open("w") as file:
            while not self._stopping.is_set():
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    self.progress = Progress(note="another worker of this machine is at it")
                    self._stopping.wait(_LOOK_SECONDS)
            yield

    def _perform(self) -> None:
        with self._lock:
            if self._stopping.is_set():
                return
            self._process = process = subprocess.Popen(
                [sys.executable, *self._command],
                cwd=BASE_DIR,
                env={**os.environ, **hardware.thread_variables(1, fresh=False), orphans.MARK: orphans.new_mark()},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
                errors="replace",
                process_group=0,
            )
        assert process.stdout is not None
        for line in process.stdout:
            self._heard(line.strip())
        status = process.wait()
        if status and not self._stopping.is_set():
            logger.warning("%s ended with status %d", " ".join(self._command), status)

    def _heard(self, line: str) -> None:
        with contextlib.suppress(ValueError, TypeError, KeyError):
            said = json.loads(line)
            self.progress = Progress(int(said["done"]), int(said["total"]), str(said.get("note", ""))[:200])
            return
        if line:
            logger.info("%s: %s", self._command[-1], line)


class Warmth:
    """The fork servers of a worker, and which kinds of job are not ready yet.

    `on_change` is called, from any thread, when a kind may have become ready.
    """

    def __init__(
        self, wanted: Iterable[Runner], *, folder: Path, patience: float, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self._folder, self._patience, self._on_change = folder, patience, on_change
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
                preparation = Preparation(
                    runner.prepare_command, folder=self._folder / "preparations", on_change=self._on_change
                )
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
