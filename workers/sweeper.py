"""A thread in every worker that looks after everybody's jobs; see `apps.core.jobs.sweep`."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable

from django.conf import settings

from apps.core.artefacts import artefacts_collect
from apps.core.jobs import kinds, sweep, upkeep
from workers import orphans
from workers.steady import AWAY, renew_connection, writing

logger = logging.getLogger("terrarium.workers")

SWEEP_SECONDS = 1.0
RING_SECONDS = 5.0
WORKERS_SECONDS = 30.0
UPKEEP_SECONDS = 60.0
RETENTION_SECONDS = 900.0


class Sweeper:
    """Sweeps about once a second, never in step with the others.

    After a silence of its own (the machine slept, the database was away, this process was stopped) it takes nobody's
    job until every living worker has had the time for a heartbeat: a suspended laptop is not a kill.
    """

    def __init__(self, *, lease_seconds: float, queues: list[str]) -> None:
        self._lease = lease_seconds
        self._queues = queues
        self._stopping = threading.Event()
        self._swept_at = _clock()
        self._patient_until = 0.0
        now = time.monotonic()
        self._due = {
            "ring": now + RING_SECONDS,
            "workers": now,
            "upkeep": now,
            "retention": now + 20 + RETENTION_SECONDS * random.random(),
        }
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Start sweeping."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the step now under way."""
        self._stopping.set()

    def _run(self) -> None:
        self._swept_at = _clock()
        while not self._stopping.wait(SWEEP_SECONDS * random.uniform(0.5, 1.0)):
            try:
                self.sweep()
            except AWAY as error:
                logger.warning("no sweep, the database does not answer: %s", str(error).strip())
                renew_connection()
            except Exception:
                logger.exception("the sweep stumbled")
                renew_connection()
        renew_connection()

    def sweep(self) -> None:
        """One round."""
        now = _clock()
        if now - self._swept_at > max(0.6 * self._lease, 2 * SWEEP_SECONDS):
            self._patient_until = now + self._lease / 3 + 1.0
        with writing():
            sweep.promote_due()
        if now >= self._patient_until:
            with writing():
                sweep.expire_leases(lease_seconds=self._lease)
        with writing():
            sweep.pass_deadlines()
        self._swept_at = _clock()
        self._every("ring", RING_SECONDS, lambda: sweep.ring_waiting(self._known_queues()))
        self._every("workers", WORKERS_SECONDS, self._bury)
        self._every("upkeep", UPKEEP_SECONDS, self._look_after)
        self._every("retention", RETENTION_SECONDS, self._forget)

    def _bury(self) -> None:
        """Rows of workers long gone, and processes of workers of this host that are."""
        sweep.forget_workers(silent_seconds=max(60.0, 4 * self._lease))
        found = orphans.kill_orphans()
        if found:
            logger.warning("%d processes had outlived their worker; killed", found)

    @staticmethod
    def _look_after() -> None:
        """What apps asked to be looked after."""
        with writing():
            done = upkeep.look_after_all()
        for name, found in done.items():
            logger.warning("looked after %s: %d", name, found)

    def _known_queues(self) -> set[str]:
        return {*self._queues, *kinds.queues()}

    def _every(self, name: str, seconds: float, act: Callable[[], object]) -> None:
        if time.monotonic() >= self._due[name]:
            self._due[name] = time.monotonic() + seconds * random.uniform(0.75, 1.25)
            act()

    def _forget(self) -> None:
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
