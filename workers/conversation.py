"""Listening to a child until it is gone, and telling it what is asked of it."""

from __future__ import annotations

import json
import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from workers.forkserver import Child
from workers.pipes import BrokenFrame, FrameReader, LineReader

_LOOK_SECONDS = 0.5
_LINGER_SECONDS = 5.0
"""How long a process may take to end once it has handed over its result."""
_READ = 262_144


class Conversation:
    """One child's pipes. `hold` returns when the process is gone and has been heard to the end."""

    def __init__(
        self,
        child: Child,
        *,
        hear: Callable[[Mapping[str, Any]], None],
        lines: Callable[[list[str]], None],
        is_full: Callable[[], bool],
        kill: Callable[[], None],
        is_over: Callable[[], bool],
    ) -> None:
        self._child, self._hear, self._say_lines = child, hear, lines
        self._is_full, self._kill, self._is_over = is_full, kill, is_over
        self._frames, self._lines = FrameReader(), LineReader()
        self._untold: deque[Mapping[str, Any]] = deque()
        self._telling = threading.Lock()
        self._over = False
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._killed_at = 0.0
        self.outcome: dict[str, Any] | None = None
        """Its result, its error, or that it stopped as asked."""
        self.broken = ""
        """What is wrong with what it wrote, if anything."""

    @property
    def tail(self) -> str:
        """The last of its output."""
        return self._lines.tail

    def tell(self, said: Mapping[str, Any]) -> None:
        """Say something to the work, at the latest when there is room in its pipe. From any thread."""
        with self._telling:
            if "kept" in said:  # the last one tells of all before
                self._untold = deque(one for one in self._untold if "kept" not in one)
            self._untold.append(said)
        self._pass_on()

    def go_on(self) -> None:
        """There may be room again for what it says. From any thread."""
        with self._telling:
            if not self._over:
                os.eventfd_write(self._wake, 1)

    def end(self) -> None:
        """Nothing more is said to it; its pipes may be closed."""
        with self._telling:
            self._over = True
            os.close(self._wake)

    def hold(self) -> None:
        """Until the process is gone and its pipes are empty."""
        child = self._child
        linger: float | None = None
        with selectors.DefaultSelector() as selector:
            for descriptor in (child.report, child.output):
                os.set_blocking(descriptor, False)
            for descriptor in (child.pidfd, self._wake):
                if descriptor >= 0:
                    selector.register(descriptor, selectors.EVENT_READ)
            closed: set[int] = set()
            while True:
                self._choose(selector, closed)
                ready = {key.fd for key, _ in selector.select(_LOOK_SECONDS)}
                if self._wake in ready:
                    os.eventfd_read(self._wake)
                gone = child.has_exited()
                # Output is read before reports and heard after them: what was reported before it was printed comes first.
                if child.output in ready and not self._is_full():
                    ready.add(child.report)
                pipes = [one for one in (child.output, child.report) if one not in closed and (gone or one in ready)]
                read = [(one, data) for one in pipes if (data := _read(one)) is not None]
                for descriptor, data in reversed(read):
                    self._take(descriptor, data)
                    gone = gone and not data
                    if not data:
                        closed.add(descriptor)
                self._pass_on()
                if gone:
                    self._say_lines(self._lines.feed(b"", end=True))
                    return
                if self.outcome is not None and linger is None:
                    linger = time.monotonic() + _LINGER_SECONDS
                if self.broken or self._is_over() or (linger is not None and time.monotonic() > linger):
                    self._insist()

    def _insist(self) -> None:
        if time.monotonic() > self._killed_at + _LOOK_SECONDS:
            self._killed_at = time.monotonic()
            self._kill()

    def _choose(self, selector: selectors.BaseSelector, closed: set[int]) -> None:
        """What to wait for: not for more reports while too much waits to be written, so that the child waits too."""
        for descriptor in (self._child.report, self._child.output):
            wanted = descriptor not in closed and not (descriptor == self._child.report and self._is_full())
            registered = descriptor in selector.get_map()
            if wanted and not registered:
                selector.register(descriptor, selectors.EVENT_READ)
            elif registered and not wanted:
                selector.unregister(descriptor)

    def _take(self, descriptor: int, data: bytes) -> None:
        if descriptor == self._child.output:
            self._say_lines(self._lines.feed(data))
        elif not self.broken:
            try:
                for frame in self._frames.feed(data):
                    if frame.get("type") in ("result", "error", "stopped"):
                        self.outcome = self.outcome or frame
                    else:
                        self._hear(frame)
            except BrokenFrame as error:
                self.broken = str(error)

    def _pass_on(self) -> None:
        """Write what fits; the rest later."""
        with self._telling:
            while self._untold and not self._over:
                try:
                    os.write(self._child.asks, json.dumps(self._untold[0]).encode() + b"\n")
                except BlockingIOError:
                    return
                except OSError:  # it hears nothing any more
                    self._untold.clear()
                    return
                self._untold.popleft()


def _read(descriptor: int) -> bytes | None:
    """What is there now: None when nothing is, empty at the end."""
    try:
        return os.read(descriptor, _READ)
    except BlockingIOError:
        return None
    except OSError:
        return b""
