"""Threads in every worker that look after everybody's jobs; see `apps.core.jobs.sweep`.

Each does its own rounds, so that a long pass of one (a week of events past their retention) holds up no other.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable

from django.conf import settings

from apps.core.artefacts import artefacts_collect
from apps.core.jobs import kinds, sweep, upkeep
from apps.core.serving import keeping
from workers import orphans
from workers.steady import AWAY, renew_connection, writing

logger = logging.getLogger("terrarium.workers")

SWEEP_SECONDS = 1.0
RING_SECONDS = 5.0
WORKERS_SECONDS = 30.0
UPKEEP_SECONDS = 60.0
RETENTION_SECONDS = 900.0
RETENTION_AFTER_SECONDS = 20.0
"""A start has other things to do first."""


class Round:
    """A thread that does the same again and again, about every so many seconds and never in step with others."""

    def __init__(
        self,
        name: str,
        seconds: float,
        act: Callable[[], None],
        *,
        stopping: threading.Event,
        first: float | None = None,
    ) -> None:
        self._seconds, self._act, self._stopping = seconds, act, stopping
        self._first = seconds * random.uniform(0.5, 1.0) if first is None else first
        self._name = name
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start; the first round comes after `first` seconds."""
        self._thread.start()

    def _run(self) -> None:
        wait = self._first
        while not self._stopping.wait(wait):
            try:
                self._act()
            except AWAY as error:
                logger.warning("%s: the database does not answer: %s", self._name, str(error).strip())
                renew_connection()
            except Exception:
                logger.exception("%s stumbled", self._name)
                renew_connection()
            wait = self._seconds * random.uniform(0.5, 1.0)
            if wait > 10:
                renew_connection()  # kept for nobody
        renew_connection()


class Sweeper:
    """The rounds of a worker.

    After a silence of its own (the machine slept, the database was away, this process was stopped) it takes nobody's
    job until every living worker has had the time for a heartbeat: a suspended laptop is not a kill.
    """

    def __init__(self, *, lease_seconds: float, queues: list[str]) -> None:
        self._lease = lease_seconds
        self._queues = queues
        self._stopping = threading.Event()
        self._swept_at = _clock()
        self._patient_until = 0.0
        self._ring_at = time.monotonic() + RING_SECONDS
        rounds: list[tuple[str, float, Callable[[], None], float | None]] = [
            ("sweep of leases", SWEEP_SECONDS, self.take_over, None),
            ("sweep of what waits", SWEEP_SECONDS, self.wake, None),
            ("sweep of workers", WORKERS_SECONDS, self.bury, 0.0),
            ("upkeep", UPKEEP_SECONDS, self.look_after, 0.0),
            (
                "retention",
                RETENTION_SECONDS,
                self.forget,
                RETENTION_AFTER_SECONDS + RETENTION_SECONDS * random.random(),
            ),
        ]
        self._rounds = [Round(*one[:3], stopping=self._stopping, first=one[3]) for one in rounds]

    def start(self) -> None:
        """Start sweeping."""
        self._swept_at = _clock()
        for one in self._rounds:
            one.start()

    def stop(self) -> None:
        """Stop after the steps now under way."""
        self._stopping.set()

    def take_over(self) -> None:
        """Jobs and services whose worker stopped renewing their lease go to others."""
        now = _clock()
        if now - self._swept_at > max(0.6 * self._lease, 2 * SWEEP_SECONDS):
            self._patient_until = now + self._lease / 3 + 1.0
        if now >= self._patient_until:
            with writing():
                sweep.expire_leases(lease_seconds=self._lease)
                keeping.expire_services()
        self._swept_at = _clock()

    def wake(self) -> None:
        """What is due is queued, what is late ends, and workers hear of work that nobody took."""
        for act in (sweep.promote_due, sweep.pass_deadlines):
            more = True
            while more and not self._stopping.is_set():
                with writing():
                    more = act() >= sweep.BATCH
        if time.monotonic() >= self._ring_at:
            self._ring_at = time.monotonic() + RING_SECONDS * random.uniform(0.75, 1.25)
            sweep.ring_waiting({*self._queues, *kinds.queues()})

    def bury(self) -> None:
        """Rows of workers long gone, and processes of workers of this host that are."""
        sweep.forget_workers(silent_seconds=max(60.0, 4 * self._lease))
        found = orphans.kill_orphans()
        if found:
            logger.warning("%d processes had outlived their worker; killed", found)

    @staticmethod
    def look_after() -> None:
        """What apps asked to be looked after."""
        with writing():
            done = upkeep.look_after_all()
        for name, found in done.items():
            logger.info("looked after %s: %d", name, found)

    def forget(self) -> None:
        """What is past its retention, and files that nothing refers to."""
        config = settings.CONFIG
        forgotten = sweep.forget_old(
            event_days=config.event_retention_days,
            job_days=config.job_retention_days,
            system_event_days=config.system_event_retention_days,
            stop=self._stopping.is_set,
        )
        if any(forgotten.values()):
            logger.info("past their retention: %s", ", ".join(f"{n} {name}" for name, n in forgotten.items()))
        artefacts_collect(stop=self._stopping.is_set)


def _clock() -> float:
    """Seconds that also pass while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
