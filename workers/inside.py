"""What runs inside a job's own process: the work is called, may speak, and hears what is asked of it.

Imports nothing of Django: the work's process has none.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import math
import os
import resource
import select
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Literal, NoReturn

MAX_FRAME = 64 * 1024 * 1024
HEADER = struct.Struct("!I")

Ask = Literal["", "pause", "release", "cancel", "stop_early", "timeout", "deadline"]


class Stopped(BaseException):
    """The work ends here, unfinished, because it was asked to. Not an `Exception`, so that no library swallows it."""


class Refused(Exception):
    """A checkpoint that the lab does not take."""

    code = "checkpoint_refused"


class Report:
    """What the work is given to speak with, and to hear what is asked of it. Safe to use from several threads.

    `report("log", {...})` says something; see `apps.core.jobs.reports` for what may be said.
    """

    def __init__(self, report_fd: int, asks_fd: int) -> None:
        self._report_fd, self._asks_fd = report_fd, asks_fd
        self._speaking, self._hearing = threading.Lock(), threading.Lock()
        self._heard = b""
        self._ask: Ask = ""
        self._until = 0.0
        self._checkpoints = 0
        self._kept = 0
        self._refused: dict[int, str] = {}

    def __call__(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Say something; blocks while the worker is behind, so nothing is lost. A metric may be NaN or infinite."""
        said = spelled(payload) if kind == "metrics" else dict(payload)
        self.send({"type": "report", "kind": kind, "payload": said})

    def checkpoint(self, *, step: int = 0, **more: Any) -> int:
        """A place to go on from, with `artefact`, `size_bytes`, `fraction`, `note`, `state`; returns its number.

        Once `kept` has reached that number the lab has written it down: what only older ones need may go.
        """
        with self._speaking:
            self._checkpoints += 1
            number = self._checkpoints
        self.send({"type": "report", "kind": "checkpoint", "payload": {"step": step, **more}, "number": number})
        return number

    @property
    def kept(self) -> int:
        """The number of the last checkpoint that the lab has written down; `Refused` if it did not take one."""
        self._listen(0.0)
        for number, why in self._refused.items():
            raise Refused(f"Checkpoint {number}: {why}")
        return self._kept

    def asked(self, *, wait: float = 0.0) -> Ask:
        """What is asked of the work now, if anything; waits so many seconds for it.

        After a question there are `seconds_left` to write a checkpoint and call `stop`, or simply to return the result:
        asked to `stop_early`, the best there is so far. Then the process is killed.
        """
        self._listen(wait)
        return self._ask

    def seconds_left(self) -> float:
        """How long there is to answer; infinite while nothing is asked."""
        return max(0.0, self._until - time.monotonic()) if self._ask else float("inf")

    def stop(self) -> NoReturn:
        """End here as was asked; another execution goes on from the last checkpoint."""
        raise Stopped

    def send(self, frame: Mapping[str, Any]) -> None:
        """Write one frame: its length, then JSON."""
        body = json.dumps(frame, allow_nan=False, separators=(",", ":")).encode()
        if len(body) > MAX_FRAME:
            raise ValueError(f"{len(body)} bytes are more than a job may hand over at once ({MAX_FRAME}).")
        data = memoryview(HEADER.pack(len(body)) + body)
        with self._speaking:
            while data:
                data = data[os.write(self._report_fd, data) :]

    def _listen(self, wait: float) -> None:
        until = time.monotonic() + wait
        with self._hearing:
            while self._asks_fd >= 0:
                patience = 0.0 if self._ask else max(0.0, until - time.monotonic())
                if not select.select([self._asks_fd], [], [], patience)[0]:
                    return
                data = os.read(self._asks_fd, 65536)
                if not data:
                    self._asks_fd = -1
                    break
                *lines, self._heard = (self._heard + data).split(b"\n")
                for line in lines:
                    self._take(json.loads(line))
        if wait > 0 and not self._ask:  # nobody will ask any more
            time.sleep(max(0.0, until - time.monotonic()))

    def _take(self, said: dict[str, Any]) -> None:
        if "ask" in said:
            self._ask, self._until = said["ask"], said["until"]
        elif "refused" in said:
            self._refused[said["refused"]] = said["why"]
        else:
            self._kept = max(self._kept, said["kept"])


def spelled(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures with a word where there is no number, which JSON has no way to write."""
    return {
        key: spelled(value) if isinstance(value, Mapping) else str(float(value)) if _is_none(value) else value
        for key, value in figures.items()
    }


def _is_none(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def resolve(entry: str) -> Callable[..., Any]:
    """The function named `package.module:function`."""
    module, _, name = entry.partition(":")
    found = getattr(import_module(module), name)
    if not callable(found):
        raise TypeError(f"{entry} is not a function")
    return found  # type: ignore[no-any-return]


def perform(task_fd: int, report_fd: int, asks_fd: int) -> None:
    """Do the task and hand over its result or its error. Never raises."""
    report = Report(report_fd, asks_fd)
    try:
        with os.fdopen(task_fd, "rb") as file:
            file.seek(0)
            task = json.load(file)
        result = resolve(task["entry"])(task["arguments"], report)
        report.send({"type": "result", "result": result if result is not None else {}})
    except Stopped:
        report.send({"type": "stopped"})
    except BaseException as error:
        _lift_memory_limit()
        report.send(describe(error))


def describe(error: BaseException) -> dict[str, Any]:
    """An error as a frame. An exception may carry `retryable = True` and a `code` of its own."""
    memory = isinstance(error, MemoryError)
    code = "out_of_memory" if memory else str(getattr(error, "code", "") or type(error).__name__)
    message = str(error) or ("It needed more memory than a job may have." if memory else type(error).__name__)
    return {
        "type": "error",
        "code": code[:64],
        "message": message[:8000],
        "trace": "".join(traceback.format_exception(error))[-32000:],
        "retryable": bool(getattr(error, "retryable", False)),
    }


def limit_memory(memory_mb: int) -> None:
    """Allow `memory_mb` of private memory beyond what the process was born with (0: no limit)."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_mb <= 0:
        return
    with open("/proc/self/status") as status:
        data_kb = next((int(line.split()[1]) for line in status if line.startswith("VmData:")), 0)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, ((data_kb + memory_mb * 1024) * 1024, hard))


def _lift_memory_limit() -> None:
    """Room to say what went wrong."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def be_child(task_fd: int, report_fd: int, asks_fd: int, memory_mb: int) -> NoReturn:
    """The whole life of a job's process, once it stands alone."""
    faulthandler.enable()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    limit_memory(memory_mb)
    perform(task_fd, report_fd, asks_fd)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(0)
