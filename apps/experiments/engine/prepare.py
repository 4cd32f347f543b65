"""Compile the solver ahead of its first task, on all cores: `python -m apps.experiments.engine.prepare`.

For whoever installs or starts a lab:

- It needs this repository and the packages numba, numpy and pydantic; no settings, no database. So it can run while the
  other packages are still being installed.
- It may be run at any time and by several at once: what is compiled is kept (`kept.folder`) and found again by what it
  was made of; a second run waits for the first and tells its progress. Killed half-way, it leaves what it had done.
- Standard output gets lines such as `preparing 40 of 152 (26 %)`, the last one `ready 152 of 152 (100 %)` or
  `failed ...`; the exit status is 0 when all is ready. With `--until-eof` it ends early when its standard input closes.
- The same stands in `progress.json` in that folder; `kept.progress()` reads it without loading anything.

`Strategy.warm` calls `ensure`, which does the same from within a process and returns at once when nothing is missing.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import gc
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from apps.experiments.engine import kept, registry
from apps.experiments.engine.compiled import KERNELS, Kernel
from apps.experiments.engine.kept import Progress

ROOT = Path(__file__).parents[3]
FORGET_SECONDS = 7 * 86_400
MOST_JOBS = 8
"""With more processes the longest chain of callers decides."""

Tell = Callable[[Progress], None]


def kernels() -> list[Kernel]:
    """The kernels of all strategies, called ones before their callers."""
    registry.load_kernels()
    found: dict[Kernel, None] = {}

    def add(one: Kernel) -> None:
        for called in one.calls:
            add(called)
        found[one] = None

    for kernel in KERNELS:
        add(kernel)
    return list(found)


def missing() -> list[Kernel]:
    """Those that are not kept on disk."""
    return [kernel for kernel in kernels() if not kernel.path.exists()]


def ensure() -> None:
    """Have everything compiled, by processes of their own. For `Strategy.warm`.

    Where that fails (nothing can be written, no process can be started) kernels are compiled by whoever calls them.
    """
    if not missing():
        return
    command = [sys.executable, "-m", "apps.experiments.engine.prepare", "--until-eof"]
    # Its end of the pipe closes when this process ends, however it does: nobody compiles for the dead.
    with contextlib.suppress(OSError):
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        with process:
            process.wait()


def prepare(jobs: int, tell: Tell, watch: int | None = None) -> Progress:
    """Compile what is missing with that many processes; ends early when the file descriptor `watch` is closed."""
    everything = kernels()
    with _alone(tell):
        work = _Work(everything, missing())
        if work.waiting:
            tell(work.progress())
            work.run(min(jobs, len(work.waiting), MOST_JOBS), tell, watch)
        _forget_others(everything)
        tell(work.progress())
    return work.progress()


@contextlib.contextmanager
def _alone(tell: Tell) -> Iterator[None]:
    """Wait for another run to end, telling what it tells."""
    kept.folder().mkdir(parents=True, exist_ok=True)
    with open(kept.folder() / "lock", "w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                progress = kept.progress()
                if progress is not None and progress.state == "preparing":
                    tell(progress)
                time.sleep(0.5)
        yield


@dataclass(eq=False)
class _Process:
    """A process that compiles what it is told to, one kernel after another."""

    pid: int
    line: socket.socket
    busy: Kernel | None = None


@dataclass
class _Work:
    """Which kernels wait for which, and who compiles what."""

    everything: list[Kernel]
    waiting: list[Kernel]
    processes: list[_Process] = field(default_factory=list)
    done: set[Kernel] = field(default_factory=set)
    failure: str = ""

    def __post_init__(self) -> None:
        self.done = set(self.everything) - set(self.waiting)
        weight = {kernel: len(kernel.py_func.__code__.co_code) for kernel in self.everything}
        self._weight = weight
        rank = dict(weight)  # of itself and the longest chain of callers after it
        for kernel in reversed(self.everything):
            for called in kernel.calls:
                rank[called] = max(rank[called], weight[called] + rank[kernel])
        self.waiting.sort(key=lambda kernel: -rank[kernel])

    def progress(self) -> Progress:
        """What can be said of it now."""
        share = sum(self._weight[kernel] for kernel in self.done) * 100 // max(1, sum(self._weight.values()))
        state = "failed" if self.failure else "ready" if len(self.done) == len(self.everything) else "preparing"
        return Progress(state, len(self.done), len(self.everything), share, self.failure)

    def run(self, jobs: int, tell: Tell, watch: int | None) -> None:
        """Until nothing waits or something fails."""
        for _ in range(jobs):
            self.processes.append(_start(self.everything, [process.line for process in self.processes]))
        try:
            while self.waiting or any(process.busy for process in self.processes):
                self._hand_out()
                lines = [process.line for process in self.processes if process.busy]
                heard: list[socket.socket | int] = [*lines]
                readable, _, _ = select.select(heard if watch is None else [*heard, watch], [], [])
                if watch in readable and not os.read(watch or 0, 1):
                    self.failure = "stopped"
                for process in self.processes:
                    if process.line in readable:
                        self._hear(process)
                if self.failure:
                    return
                tell(self.progress())
        finally:
            for process in self.processes:
                process.line.close()
            for process in self.processes:
                os.waitpid(process.pid, 0)

    def _hand_out(self) -> None:
        for process in self.processes:
            if process.busy:
                continue
            process.busy = next((one for one in self.waiting if self.done.issuperset(one.calls)), None)
            if process.busy:
                self.waiting.remove(process.busy)
                process.line.send(self.everything.index(process.busy).to_bytes(4, "big"))

    def _hear(self, process: _Process) -> None:
        answer = process.line.recv(65536).decode()
        kernel, process.busy = process.busy, None
        if answer != "done" or kernel is None:
            self.failure = answer or f"the process that compiled {kernel.name if kernel else 'nothing'} ended"
        else:
            self.done.add(kernel)


def _start(everything: Sequence[Kernel], others: list[socket.socket]) -> _Process:
    """Fork: the registries that numba fills when it is imported are there already."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid:
        theirs.close()
        return _Process(pid, ours)
    for line in (ours, *others):
        line.close()  # so that each hears when the one who asks is gone
    try:
        # numba makes millions of objects that live on: looking for garbage among them takes a tenth of the time.
        gc.set_threshold(200_000, 50, 1000)
        while number := theirs.recv(4):
            theirs.send(_compile(everything[int.from_bytes(number, "big")]).encode())
    finally:
        os._exit(0)


def _compile(kernel: Kernel) -> str:
    try:
        kernel.seal()
    except Exception as error:
        words = " ".join(str(error).split())
        return f"{kernel.name}: {type(error).__name__}: {words}"[:500]
    return "done" if kernel.path.exists() else f"nothing can be written to {kernel.path.parent}"


def _forget_others(everything: Sequence[Kernel]) -> None:
    """Remove code of other sources a week after it was made."""
    used = {kernel.path for kernel in everything}
    with contextlib.suppress(OSError):
        for path in kept.folder().glob("*.bin"):
            if path not in used and path.stat().st_mtime < time.time() - FORGET_SECONDS:
                path.unlink()


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes (default: all cores)")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input closes")
    options = parser.parse_args(arguments)
    said = ""

    def tell(progress: Progress) -> None:
        nonlocal said
        kept.report(progress)
        if progress.line() != said:
            said = progress.line()
            print(said, flush=True)  # noqa: T201 - its output

    try:
        end = prepare(options.jobs, tell, 0 if options.until_eof else None)
    except OSError as error:
        end = Progress("failed", 0, 0, 0, f"{kept.folder()}: {error}")
        print(end.line(), flush=True)  # noqa: T201
    return 0 if end.state == "ready" else 1


if __name__ == "__main__":
    sys.exit(main())
