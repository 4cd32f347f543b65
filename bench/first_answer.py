"""The first impression: from a fresh clone's start to its page, the solver's readiness, its first answer and its last.

    python -m bench.first_answer                # with this environment; databases and machine code made anew
    python -m bench.first_answer --environment  # the environment too, as `make run` makes it

Clones this repository's last commit into a temporary folder, starts it as `make run` does, and looks into its database.
Seconds are of the clock, from the start of the command; core-seconds are those of all its processes until then.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 1800.0
ANSWERED = "SELECT COUNT(*) FROM experiments_solve WHERE score IS NOT NULL"
OPEN = "SELECT COUNT(*) FROM experiments_solve WHERE status IN ('pending', 'queued', 'running', 'paused')"


class Lab:
    """A lab that is being started, and what its clock says."""

    def __init__(self, folder: Path, *, environment: bool) -> None:
        self.folder = folder
        self.began = time.monotonic()
        command = [sys.executable, "manage.py", "up"]
        if environment:
            command = ["make", "run"]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        own = {"TERRARIUM_STORAGE_ROOT": str(folder / "var"), "TERRARIUM_API_PORT": str(port)}
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("TERRARIUM_", "NUMBA_", "DJANGO_", "DATABASE_"))
        }
        self.process = subprocess.Popen(
            command, cwd=folder, env={**kept, **own}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.page = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if "http://" in line:
                self.page.set()

    def figures(self) -> tuple[float, float]:
        """Seconds since the start, and core-seconds of all its processes."""
        used = 0.0
        with contextlib.suppress(psutil.NoSuchProcess):
            first = psutil.Process(self.process.pid)
            for one in (first, *first.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    used += sum(one.cpu_times()[:4])
        return time.monotonic() - self.began, used

    def count(self, statement: str) -> int:
        """What its database says; 0 before there is one."""
        found = sorted((self.folder / "var").glob("*.sqlite3"))
        if not found:
            return 0
        try:
            with contextlib.closing(sqlite3.connect(f"file:{found[0]}?mode=ro", uri=True)) as database:
                return int(database.execute(statement).fetchone()[0])
        except sqlite3.Error:
            return 0

    def until(self, what: str, ready: object) -> tuple[float, float]:
        """Wait, then tell the figures."""
        assert callable(ready)
        while not ready():
            if self.process.poll() is not None or time.monotonic() - self.began > PATIENCE:
                raise SystemExit(f"no {what}: the lab ended, or half an hour passed")
            time.sleep(0.1)
        return self.figures()

    def stop(self) -> None:
        """As Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(120)
        self.process.kill()


def main() -> int:
    """Command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--environment", action="store_true", help="make the environment too")
    args = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="first-answer-") as name:
        folder = Path(name) / "lab"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
        load = os.getloadavg()[0]
        lab = Lab(folder, environment=args.environment)
        try:
            rows = [
                ("the page", lab.until("page", lab.page.is_set)),
                ("the first answer", lab.until("answer", lambda: lab.count(ANSWERED))),
                ("all answers", lab.until("end", lambda: lab.count(ANSWERED) and not lab.count(OPEN))),
            ]
            answers = lab.count(ANSWERED)
        finally:
            lab.stop()
    print(
        f"{os.cpu_count()} cores, load {load:.1f} at the start and {os.getloadavg()[0]:.1f} at the end; {answers} answers"
    )
    print("| until | s | after the page | core-s |\n|---|--:|--:|--:|")
    for what, (seconds, used) in rows:
        print(f"| {what} | {seconds:.0f} | {seconds - rows[0][1][0]:.0f} | {used:.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
