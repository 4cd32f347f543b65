"""A worker: claims jobs, runs each in a child, settles them. One of these in every worker process.

Few threads touch the database. The loop below claims and settles; the pulse keeps leases and carries requests and
words; the sweeper looks after everybody's jobs; the keeper keeps services. Executions only run and listen.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db.models.functions import Now

from apps.core import graces
from apps.core.jobs import kinds
from apps.core.jobs.lease import Fenced, claim
from apps.core.jobs.presence import worker_start_record
from apps.core.jobs.reports import Usage
from apps.core.jobs.settle import settle, settle_all
from apps.core.jobs.verdict import Verdict
from apps.core.models import Job, Worker
from workers import hardware, runners
from workers.execution import Execution
from workers.keeper import Keeper
from workers.pulse import Pulse
from workers.steady import AWAY, persistently, renew_connection, writing
from workers.sweeper import Sweeper
from workers.warmth import Warmth

logger = logging.getLogger("terrarium.workers")

POLL_SECONDS = 1.0
"""How long a ring that was lost can go unnoticed."""
_ECHO_SECONDS = 0.06
"""After the last of the work a worker looks once more: what is put in just after a ring is not rung for (`MIN_INTERVAL`)."""
_SETTLE_BATCH = 64
_STRETCH = 8
"""How many times its free slots a worker claims at once while a queue holds nothing but inline work."""
_WRITE_SECONDS = graces.WORKER - graces.WORK - 2.0
"""How long a worker that stops has to write down how its work ended."""


def default_concurrency() -> int:
    """What the settings say, else every core but one, which is the web's."""
    configured: int | None = settings.CONFIG.worker_concurrency
    return configured or max(1, hardware.cores() - 1)


def slots_for(queues: list[str], concurrency: int) -> dict[str, int]:
    """How many jobs of each queue this worker runs at once: where all work needs a device, as many as may use one."""
    slots = {}
    for queue in queues:
        needs = {runner.device for kind in _kinds_of(queue) if (runner := runners.get(kind)) is not None}
        slots[queue] = settings.CONFIG.max_concurrent_jobs if needs and None not in needs else concurrency
    return slots


def _kinds_of(queue: str) -> set[str]:
    return {name for name in kinds.names() if kinds.get(name).queue == queue}


class Supervisor:
    """Runs the jobs of some queues in this process, until stopped."""

    def __init__(
        self,
        *,
        slots: Mapping[str, int],
        lease_seconds: float | None = None,
        name: str | None = None,
        host: str | None = None,
    ) -> None:
        self.host = host or socket.gethostname()
        self.name = name or f"{self.host}:{os.getpid()}:{secrets.token_hex(3)}"
        self.slots = dict(slots)
        self.lease_seconds = lease_seconds or settings.CONFIG.lease_seconds
        self._kinds = {queue: _kinds_of(queue) for queue in slots}
        """What may be in each queue: the kinds that belong there, and those that were found there."""
        served = {kind for known in self._kinds.values() for kind in known}
        self.warmth = Warmth(
            [runner for runner in runners.all_runners() if runner.kind in served],
            patience=min(15.0, self.lease_seconds),
            on_change=self.wake,
        )
        self._places = hardware.Places(settings.VAR_DIR, limit=settings.CONFIG.max_concurrent_jobs)
        self._meter = hardware.Meter()
        self.executions: dict[tuple[str, int], Execution] = {}
        self._ended: deque[tuple[Execution | None, str, int, Verdict | None]] = deque()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self._tags: dict[str, float] = {}
        self._rotation = 0
        self._inline_queues: set[str] = set()
        self.pulse = Pulse(self)
        self.sweeper = Sweeper(lease_seconds=self.lease_seconds, queues=list(slots))
        self.keeper = Keeper(
            name=self.name, host=self.host, queues=list(slots), lease_seconds=self.lease_seconds, meter=self._meter
        )
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start everything; returns at once."""
        self.warmth.start()
        self._thread.start()

    def wake(self) -> None:
        """Look for work now."""
        self._wake.set()
        self.keeper.wake()

    def stop(self) -> None:
        """Claim no more and give back what runs; returns at once. See `join`."""
        self._stopping.set()
        self._wake.set()

    def join(self, timeout: float = graces.WORKER) -> bool:
        """Wait until everything has been given back."""
        return self._stopped.wait(timeout)

    def warming(self) -> dict[str, Any]:
        """The kinds of job that cannot start yet, and how far each is."""
        return self.warmth.progress()

    # --- the loop ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        logger.info("worker %s: %s", self.name, ", ".join(f"{n} x {queue}" for queue, n in self.slots.items()))
        persistently(self.register, stop=self._stopping, what="registering")
        self.pulse.start()
        self.sweeper.start()
        self.keeper.start()
        lively = True
        while not self._stopping.is_set():
            try:
                busy = self._settle_ended()
                busy = self._claim_free() or busy
            except AWAY as error:
                logger.warning("the database does not answer: %s", str(error).strip())
                renew_connection()
                self._stopping.wait(0.5)
                continue
            except Exception:
                logger.exception("the supervisor stumbled")
                renew_connection()
                self._stopping.wait(1.0)
                continue
            if not busy:
                busy = self._wake.wait(_ECHO_SECONDS if lively else POLL_SECONDS)
                self._wake.clear()
            lively = busy
        self._give_back()

    def register(self) -> None:
        """Write down that this worker exists."""
        Worker.objects.update_or_create(
            name=self.name,
            defaults={
                "host": self.host,
                "boot_id": hardware.boot_id(),
                "pid": os.getpid(),
                "slots": self.slots,
                "warming": self.warming(),
                "room": self.keeper.room.stored(),
                "version": settings.VERSION,
                "started_at": Now(),
                "last_seen_at": Now(),
            },
        )
        worker_start_record(
            name=self.name, host=self.host, process=f"{hardware.boot_id()}:{os.getpid()}", slots=self.slots
        )

    def _claim_free(self) -> bool:
        """Claim for every queue with free slots, each in turn first. True when something was started.

        Kinds that are not warm are passed over: a job's time must not run while what it needs is being made ready.
        """
        found = False
        queues = list(self.slots)
        self._rotation += 1
        for offset in range(len(queues)):
            queue = queues[(self._rotation + offset) % len(queues)]
            held = sum(1 for execution in self.executions.values() if execution.job.queue == queue)
            free = self.slots[queue] - held
            if free > 0 and not self._stopping.is_set():
                found = self._claim(queue, free) or found
        return found

    def _claim(self, queue: str, free: int) -> bool:
        known = [runner for kind in sorted(self._kinds[queue]) if (runner := runners.get(kind)) is not None]
        scarce = [runner for runner in known if runner.scarce]
        devices = {runner.kind for runner in known if runner.device is not None}
        place = self._places.take() if devices else None
        limit = min(_SETTLE_BATCH, free * _STRETCH) if queue in self._inline_queues else free
        try:
            with writing():
                jobs = claim(
                    queue=queue,
                    worker=self.name,
                    host=self.host,
                    lease_seconds=self.lease_seconds,
                    limit=1 if scarce else limit,
                    without=self.warmth.cold() | (devices if place is None else set()),
                    per_host={runner.kind: runner.per_host for runner in scarce if runner.per_host is not None},
                )
            for job in jobs:
                self._tags[queue] = max(self._tags.get(queue, 0.0), job.fair_tag)
                self._kinds[queue].add(job.kind)
            if jobs:
                place = self._begin_all(queue, jobs, free, place)
        finally:
            if place is not None:
                place.give_back()
        return bool(jobs)

    def take_tags(self) -> dict[str, float]:
        """The tags last claimed, for the pulse to advance the queues' virtual time."""
        tags, self._tags = self._tags, {}
        return tags

    def _begin_all(self, queue: str, jobs: list[Job], free: int, place: hardware.Place | None) -> hardware.Place | None:
        """Do inline work at once, start the rest; what cannot start now goes back. Returns the place if nobody took it.

        Such is what exceeds the free slots after a stretched claim, and the first of a kind that is found in a queue
        not its own: what it needs is made ready, and it is passed over until then.
        """
        self._inline_queues.discard(queue)
        inline = 0
        for job in jobs:
            runner = runners.get(job.kind)
            if runner is None:
                text = f"No worker here knows how to run jobs of kind {job.kind!r}."
                self._ended.append(
                    (None, job.pk, job.attempt, Verdict("failed", error_code="unknown_kind", error_message=text))
                )
            elif runner.inline is not None:
                self._ended.append((None, job.pk, job.attempt, _inline(runner.inline, job)))
                inline += 1
            elif free > 0 and self._begin(job, runner, place):
                free -= 1
                place = None if runner.device is not None else place
            else:
                self._ended.append((None, job.pk, job.attempt, Verdict("released")))
        if inline == len(jobs):
            self._inline_queues.add(queue)
        return place

    def _begin(self, job: Job, runner: runners.Runner, place: hardware.Place | None) -> bool:
        """Start a job, if what it needs is ready; a device's place is taken over."""
        server = self.warmth.server_for(runner)
        if not self.warmth.is_ready(runner):
            return False
        taken = None
        if runner.device is not None:
            taken = place or self._places.take()
            if taken is None:
                return False
        execution = Execution(
            job,
            runner=runner,
            server=server,
            place=taken,
            meter=self._meter,
            ended=self._execution_ended,
            on_need=self.pulse.wake,
        )
        self.executions[(job.pk, job.attempt)] = execution
        execution.start()
        return True

    def _execution_ended(self, execution: Execution, verdict: Verdict | None) -> None:
        """Called from the execution's thread."""
        self._ended.append((execution, execution.job_id, execution.attempt, verdict))
        self._wake.set()

    def _settle_ended(self) -> bool:
        """Write how executions ended, several in one transaction. True when there were any."""
        batch = [self._ended[index] for index in range(min(_SETTLE_BATCH, len(self._ended)))]
        if not batch:
            return False
        batch.sort(key=lambda ended: (ended[0].job.topic if ended[0] else "", ended[1]))  # one order of locks for all
        executions = [execution for execution, *_ in batch if execution is not None]
        executions.sort(key=lambda execution: execution.job_id)  # as the pulse takes them
        for execution in executions:
            execution.lock.acquire()
        try:
            for _, job_id, attempt, verdict in batch:
                if verdict is None:
                    logger.warning("%s attempt %d: fenced; its outcome is discarded", job_id, attempt)
            verdicts = [
                (job_id, attempt, execution.with_last_words(verdict) if execution else verdict)
                for execution, job_id, attempt, verdict in batch
                if verdict is not None
            ]
            with writing():
                self._write(verdicts)
            for execution in executions:
                execution.settled = True
        finally:
            for execution in executions:
                execution.lock.release()
        for _ in batch:
            _, job_id, attempt, _ = self._ended.popleft()
            self.executions.pop((job_id, attempt), None)
        return True

    def _write(self, verdicts: list[tuple[str, int, Verdict]]) -> None:
        try:
            for job_id, attempt in settle_all(verdicts):
                logger.warning("%s attempt %d: fenced; its outcome is discarded", job_id, attempt)
        except AWAY:
            raise
        except Exception:
            logger.exception("settling %d jobs together failed; trying each alone", len(verdicts))
            for job_id, attempt, verdict in verdicts:
                try:
                    settle(job_id, attempt, verdict)
                except Fenced:
                    continue
                except AWAY:
                    raise
                except Exception:
                    logger.exception("%s attempt %d could not be settled; its lease will run out", job_id, attempt)

    def _give_back(self) -> None:
        """Stop: what runs returns to its queue at once, uncounted, and the worker's row goes."""
        self.keeper.stop()
        held = list(self.executions.values())
        until = time.monotonic() + _WRITE_SECONDS + max((execution.grace_seconds for execution in held), default=0.0)
        for execution in held:
            execution.request("release")
        self.sweeper.stop()
        while (self.executions or self._ended) and time.monotonic() < until:
            try:
                if not self._settle_ended():
                    self._wake.wait(0.1)
                    self._wake.clear()
            except AWAY:
                renew_connection()
                time.sleep(0.2)
        self.pulse.stop()
        self.warmth.stop()
        self.keeper.join(graces.WORKER)
        try:
            Worker.objects.filter(name=self.name).delete()
        except AWAY:
            logger.warning("the database does not answer; the worker's row is left to the sweepers")
        renew_connection()
        self._stopped.set()


def _inline(work: Any, job: Job) -> Verdict:
    """Do work that is shorter than a fork, here and now."""
    began, cpu = time.perf_counter(), time.thread_time()
    try:
        result = work(job)
    except AWAY as error:
        renew_connection()
        return Verdict("lost", error_code="database", error_message=f"The database went away under it: {error}")
    except Exception as error:
        return Verdict("failed", error_code=type(error).__name__, error_message=str(error))
    used = Usage(cpu_seconds=time.thread_time() - cpu, wall_seconds=time.perf_counter() - began)
    return Verdict("completed", used, result=result)
