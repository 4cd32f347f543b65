"""The pulse of a worker: twice a second it asks what is wanted of its jobs and writes what they said.

Every third of a lease it renews all leases in one statement and notes what each execution used so far.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any, Protocol

from django.db import transaction
from django.db.models.functions import Now

from apps.core.jobs import fair
from apps.core.jobs.kinds import Beat
from apps.core.jobs.lease import Asked, Fenced, ask, beat, speak
from apps.core.models import Worker
from workers.execution import Execution, Stop
from workers.steady import AWAY, renew_connection, writing

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
        self._beat_at = 0.0
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        """Start beating."""
        self._thread.start()

    def stop(self) -> None:
        """Stop beating."""
        self._stopping.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            try:
                self.tick()
            except AWAY as error:
                logger.warning("no pulse, the database does not answer: %s", str(error).strip())
                renew_connection()
            except Exception:
                logger.exception("the pulse stumbled")
                renew_connection()
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
        elif asked.pause:
            stop = "pause"
        for execution in executions:
            if stop is not None and execution.job_id == job_id and not execution.settled:
                execution.request(stop)

    @staticmethod
    def _write_words(executions: list[Execution]) -> None:
        """One transaction for all. What cannot be written because of the database stays for the next beat."""
        speaking = [execution for execution in executions if execution.has_words()]
        if not speaking:
            return
        speaking.sort(key=lambda execution: execution.job_id)
        for execution in speaking:
            execution.lock.acquire()
        try:
            with writing(), transaction.atomic():
                for execution in speaking:
                    if execution.settled:
                        continue
                    try:
                        speak(execution.job_id, execution.attempt, execution.words())
                    except Fenced:
                        execution.request("fenced")
            for execution in speaking:
                execution.words_written()
        finally:
            for execution in speaking:
                execution.lock.release()
