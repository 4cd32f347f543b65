"""The process in which this web server runs stored programs again: begun when first asked, kept while it is asked.

A server that ran them itself would load the solver's compiler, and a program that never ends would hold a request.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from apps.experiments.engine import registry

ROOT = Path(__file__).resolve().parents[2]
Grid = list[list[int]]


class CannotReplay(Exception):
    """Why the program cannot be run again, in words."""


class Replayer:
    """One process, one question at a time."""

    def __init__(self, seconds: float = 60.0) -> None:
        self.seconds = seconds
        """How long an answer may take, the first one with its imports and, in a fresh clone, its compiling."""
        self.process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    def steps(
        self, strategy: str, program_data: Mapping[str, Any], grids: Sequence[Grid]
    ) -> list[list[tuple[str, Grid | None]]]:
        """For each grid, label and grid after each step. Raises `CannotReplay`, and `UnknownStrategy`."""
        question = {
            "strategy": strategy,
            "path": registry.path_of(strategy),
            "program_data": program_data,
            "grids": grids,
        }
        with self._lock:
            said = self._ask(json.dumps(question).encode() + b"\n")
        if "problem" in said:
            raise CannotReplay(said["problem"])
        return [[(label, grid) for label, grid in one] for one in said["steps"]]

    def close(self) -> None:
        """End the process, if there is one."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def _ask(self, question: bytes) -> dict[str, Any]:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(question)
            process.stdin.flush()
            if not select.select([process.stdout], [], [], self.seconds)[0]:
                raise CannotReplay(f"it took longer than {self.seconds:g} seconds")
            said: dict[str, Any] = json.loads(process.stdout.readline())
        except (CannotReplay, OSError, ValueError) as error:
            self.close()
            raise error if isinstance(error, CannotReplay) else CannotReplay("its process ended") from error
        return said

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is not None and self.process.poll() is not None:
            self.close()
        if self.process is None:
            command = [sys.executable, "-m", "apps.experiments.engine.replaying"]
            self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self.process


REPLAYER = Replayer()
"""That of this process."""
