"""A client that follows the event log over HTTP, whatever happens to the server."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import Any

import httpx


class Follower:
    """Reads the stream of everything, or of one topic; after each break it goes on from the last cursor it saw."""

    def __init__(self, address: str, token: str, *, topic: str = "") -> None:
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}"}
        self._topic = topic
        self._cursor = "start"
        self._stopping = threading.Event()
        self.seen: list[tuple[str, int]] = []
        """`(job, seq)` of every event of a job, in the order they came."""
        self.cursors: list[str] = []
        """The cursor of every event, of a job or not, in the order they came."""
        self.connections = 0
        self.resets = 0
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        """Start following."""
        self._thread.start()

    def stop(self) -> None:
        """Stop."""
        self._stopping.set()
        self._thread.join(timeout=5)

    def wait_for(self, count: int, *, seconds: float) -> None:
        """Wait until that many were seen; returns anyway when time is up."""
        until = time.monotonic() + seconds
        while len(self.cursors) < count and time.monotonic() < until:
            time.sleep(0.1)

    def _run(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(httpx.HTTPError):
                self._follow()
            self._stopping.wait(0.1)

    def _follow(self) -> None:
        headers = {**self._headers, "Last-Event-ID": self._cursor}
        timeout = httpx.Timeout(5.0, read=20.0)
        stream = f"{self._address}/api/v1/events/stream"
        with httpx.stream("GET", stream, params={"topic": self._topic}, headers=headers, timeout=timeout) as answer:
            answer.raise_for_status()
            self.connections += 1
            fields: dict[str, str] = {}
            for line in answer.iter_lines():
                if self._stopping.is_set():
                    return
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                    continue
                self._event(fields)
                fields = {}

    def _event(self, fields: dict[str, str]) -> None:
        kind = fields.get("event", "")
        if kind == "reset":
            self.resets += 1
        elif kind and kind not in ("open", "ping"):
            message: dict[str, Any] = json.loads(fields.get("data", "{}"))
            self.cursors.append(fields.get("id", ""))
            if message.get("job_id"):
                self.seen.append((message["job_id"], message["seq"]))
        if fields.get("id"):
            self._cursor = fields["id"]
