"""The pulse of a worker: twice a second it asks what is wanted of its jobs and writes what they said.

Every third of a lease it renews all leases in one statement and notes what each execution used so far.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Protocol

from django.db import transaction
from django.db.models.functions import Now

from apps.core.jobs import fair
from apps.core.jobs.kinds import Beat
from apps.core.jobs.lease import Asked, Fenced, ask, beat, speak
from apps.core.models import Worker
from workers.execution import Execution
from workers.steady import AWAY, renew_connection, writing
from workers.stopping import Stop

logger = logging.getLogger("terrarium.workers")

TICK_SECONDS = 0.5


class Holder(Protocol):
    """Whose pulse it is: what it holds, and how it is written down."""

    name: str
    lease_seconds: float
    executions: dict[tuple[str, int], Execution]

    def register(self) -> None:
        """Write down that this worker exists."""
        ...

    def take_tags(self) -> Mapping[str, float]:
        """The tags last claimed of each queue."""
        ...

    def warming(self) -> dict[str, Any]:
        """The kinds of job it cannot start yet, and how far each is."""
        ...


class Pulse:
    """A thread beside the supervisor's loop."""

    def __init__(self, holder: Holder) -> None:
        self._holder = holder
        self._warming: dict[str, Any] | None = None
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._beat_at = self._tick_at = 0.0
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        """Start beating."""
        self._thread.start()

    def stop(self) -> None:
        """Stop beating."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(timeout=2)

    def wake(self) -> None:
        """Write what was said now: it is much, or it matters."""
        self._wake.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(max(0.0, self._tick_at - time.monotonic()))
            self._wake.clear()
            try:
                if time.monotonic() >= self._tick_at:
                    self._tick_at = time.monotonic() + TICK_SECONDS
                    self.tick()
                else:
                    self._write_words(list(self._holder.executions.values()))
            except AWAY as error:
                logger.warning("no pulse, the database does not answer: %s", str(error).strip())
                renew_connection()
                self._stopping.wait(TICK_SECONDS)
            except Exception:
                logger.exception("the pulse stumbled")
                renew_connection()
                self._stopping.wait(TICK_SECONDS)
        renew_connection()

    def tick(self) -> None:
        """One beat."""
        executions = list(self._holder.executions.values())
        if time.monotonic() >= self._beat_at:
            self._beat(executions)
            self._beat_at = time.monotonic() + self._holder.lease_seconds / 3
        self._tell_warmth()
        for execution in executions:
            execution.measure()
        for job_id, asked in ask({execution.job_id: execution.attempt for execution in executions}).items():
            self._pass_on(job_id, asked, executions)
        self._write_words(executions)
        tags = self._holder.take_tags()
        if tags:
            with writing():
                for queue, tag in tags.items():
                    fair.advance(queue=queue, tag=tag)

    def _beat(self, executions: list[Execution]) -> None:
        beats = [Beat(execution.job_id, execution.attempt, execution.measure()) for execution in executions]
        with writing(), transaction.atomic():
            beat(beats, lease_seconds=self._holder.lease_seconds)
            seen = Worker.objects.filter(name=self._holder.name).update(last_seen_at=Now())
        if not seen:
            self._holder.register()

    def _tell_warmth(self) -> None:
        warming = self._holder.warming()
        if warming != self._warming:
            with writing():
                Worker.objects.filter(name=self._holder.name).update(warming=warming)
            self._warming = warming

    @staticmethod
    def _pass_on(job_id: str, asked: Asked, executions: list[Execution]) -> None:
        stop: Stop | None = None
        if asked.fenced:
            stop = "fenced"
        elif asked.cancel:
            stop = "cancel"
        elif asked.overdue:
            stop = "deadline"
        elif asked.stop_early:
            stop = "stop_early"
        elif asked.pause:
            stop = "pause"
        for execution in executions:
            if execution.job_id != job_id or execution.settled:
                continue
            if stop is not None:
                execution.request(stop)
            else:
                execution.take_back("pause")

    def _write_words(self, executions: list[Execution]) -> None:
        """One transaction for all. What cannot be written because of the database stays for the next time."""
        speaking = [one for one in executions if one.words.are_any and not one.is_unwritable]
        if not speaking:
            return
        try:
            _write(speaking)
        except AWAY:
            raise
        except Exception:
            logger.exception("what %d jobs said could not be written together; each alone now", len(speaking))
            for execution in speaking:
                try:
                    _write([execution])
                except AWAY:
                    raise
                except Exception:
                    logger.exception("what %s said cannot be written", execution.job_id)
                    execution.request("unwritable")


def _write(speaking: list[Execution]) -> None:
    speaking.sort(key=lambda execution: execution.job_id)
    with ExitStack() as held:
        for execution in speaking:
            held.enter_context(execution.lock)
        said = {execution: execution.words.all() for execution in speaking}
        with writing(), transaction.atomic():
            for execution, words in said.items():
                if execution.settled:
                    continue
                try:
                    speak(execution.job_id, execution.attempt, words)
                except Fenced:
                    execution.request("fenced")
        for execution, words in said.items():
            execution.words_written(words)
