"""A worker: claims jobs, runs each in a child, settles them. One of these in every worker process.

Three threads touch the database. The loop below claims and settles; the pulse keeps leases and carries requests and
words; the sweeper looks after everybody's jobs. Executions only run and listen.
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

from apps.core.jobs.lease import Fenced, claim
from apps.core.jobs.reports import Usage
from apps.core.jobs.settle import settle, settle_all
from apps.core.jobs.verdict import Verdict
from apps.core.models import Job, Worker
from workers import runners
from workers.execution import Execution
from workers.forkserver import ForkServerClient
from workers.pulse import Pulse
from workers.steady import AWAY, persistently, renew_connection, writing
from workers.sweeper import Sweeper

logger = logging.getLogger("terrarium.workers")

POLL_SECONDS = 1.0
"""How long a ring that was lost can go unnoticed."""
_ECHO_SECONDS = 0.06
"""After the last of the work a worker looks once more: what is put in just after a ring is not rung for (`MIN_INTERVAL`)."""
_SETTLE_BATCH = 64
_STRETCH = 8
"""How many times its free slots a worker claims at once while a queue holds nothing but inline work."""
_RELEASE_SECONDS = 8.0


def default_concurrency() -> int:
    """What the settings say, else every core but one, which is the web's."""
    configured: int | None = settings.CONFIG.worker_concurrency
    return configured or max(1, len(os.sched_getaffinity(0)) - 1)


def slots_for(queues: list[str], concurrency: int) -> dict[str, int]:
    """How many jobs of each queue this worker runs at once."""
    return {queue: settings.CONFIG.max_concurrent_jobs if queue == "gpu" else concurrency for queue in queues}


class Supervisor:
    """Runs the jobs of some queues in this process, until stopped."""

    def __init__(
        self, *, slots: Mapping[str, int], lease_seconds: float | None = None, name: str | None = None
    ) -> None:
        self.host = socket.gethostname()
        self.name = name or f"{self.host}:{os.getpid()}:{secrets.token_hex(3)}"
        self.slots = dict(slots)
        self.lease_seconds = lease_seconds or settings.CONFIG.lease_seconds
        self.server = ForkServerClient(
            patience=min(15.0, self.lease_seconds), warm=runners.warm_ups(), on_warm=self.wake
        )
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
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start everything; returns at once."""
        self.server.start()
        self._thread.start()

    def wake(self) -> None:
        """Look for work now."""
        self._wake.set()

    def stop(self) -> None:
        """Claim no more and give back what runs; returns at once. See `join`."""
        self._stopping.set()
        self._wake.set()

    def join(self, timeout: float = 15.0) -> bool:
        """Wait until everything has been given back."""
        return self._stopped.wait(timeout)

    @property
    def running(self) -> int:
        """How many jobs are held now."""
        return len(self.executions)

    # --- the loop ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        logger.info("worker %s: %s", self.name, ", ".join(f"{n} x {queue}" for queue, n in self.slots.items()))
        persistently(self.register, stop=self._stopping, what="registering")
        self.pulse.start()
        self.sweeper.start()
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
                "pid": os.getpid(),
                "queues": list(self.slots),
                "concurrency": sum(self.slots.values()),
                "version": settings.VERSION,
                "started_at": Now(),
                "last_seen_at": Now(),
            },
        )

    def _claim_free(self) -> bool:
        """Claim for every queue with free slots, each in turn first. True when something was started.

        Nothing is claimed before the fork server is warm: a job's time must not run while the solver compiles itself.
        """
        if not self.server.warmed.is_set():
            return False
        found = False
        queues = list(self.slots)
        self._rotation += 1
        for offset in range(len(queues)):
            queue = queues[(self._rotation + offset) % len(queues)]
            held = sum(1 for execution in self.executions.values() if execution.job.queue == queue)
            free = self.slots[queue] - held
            if free < 1 or self._stopping.is_set():
                continue
            limit = min(_SETTLE_BATCH, free * _STRETCH) if queue in self._inline_queues else free
            with writing():
                jobs = claim(
                    queue=queue,
                    worker=self.name,
                    host=self.host,
                    lease_seconds=self.lease_seconds,
                    limit=limit,
                    host_limit=settings.CONFIG.max_concurrent_jobs if queue == "gpu" else None,
                )
            for job in jobs:
                self._tags[queue] = max(self._tags.get(queue, 0.0), job.fair_tag)
            if jobs:
                self._begin_all(queue, jobs, free)
            found = found or bool(jobs)
        return found

    def take_tags(self) -> dict[str, float]:
        """The tags last claimed, for the pulse to advance the queues' virtual time."""
        tags, self._tags = self._tags, {}
        return tags

    def _begin_all(self, queue: str, jobs: list[Job], free: int) -> None:
        """Do inline work at once, start the rest; what exceeds the free slots after a stretched claim goes back."""
        self._inline_queues.discard(queue)
        inline = 0
        for job in jobs:
            runner = runners.get(job.kind)
            if runner is not None and runner.inline is not None:
                self._ended.append((None, job.pk, job.attempt, _inline(runner.inline, job)))
                inline += 1
            elif free > 0:
                self._begin(job, runner)
                free -= 1
            else:
                self._ended.append((None, job.pk, job.attempt, Verdict("released")))
        if inline == len(jobs):
            self._inline_queues.add(queue)

    def _begin(self, job: Job, runner: runners.Runner | None) -> None:
        memory = runner.memory_mb if runner is not None and runner.memory_mb else settings.CONFIG.job_memory_mb
        execution = Execution(job, server=self.server, memory_mb=memory, ended=self._execution_ended)
        self.executions[(job.pk, job.attempt)] = execution
        execution.start()

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
        until = time.monotonic() + _RELEASE_SECONDS
        for execution in list(self.executions.values()):
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
        self.server.stop()
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
    except Exception as error:
        return Verdict("failed", error_code=type(error).__name__, error_message=str(error))
    used = Usage(cpu_seconds=time.thread_time() - cpu, wall_seconds=time.perf_counter() - began)
    return Verdict("completed", used, result=result)
