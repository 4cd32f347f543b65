"""Celery's side: the task that rings, and the supervisor's life within a Celery worker.

A message carries the name of a queue and nothing else. Receiving it takes no time (the supervisor looks for work in its
own thread), so messages never pile up behind running jobs.
"""

from __future__ import annotations

import logging
from typing import Any

from celery import shared_task, signals

from workers import runners
from workers.supervisor import Supervisor, default_concurrency, slots_for

logger = logging.getLogger("terrarium.workers")

_supervisor: Supervisor | None = None


@shared_task(name="workers.doorbell.ring", ignore_result=True)  # type: ignore[untyped-decorator]
def ring(queue: str) -> None:
    """There may be work in `queue`."""
    if _supervisor is not None and queue in _supervisor.slots:
        _supervisor.wake()


@signals.celeryd_after_setup.connect  # type: ignore[untyped-decorator]
def _start(instance: Any, **_: Any) -> None:
    """The worker is set up: serve the queues it consumes, whether or not the broker answers."""
    global _supervisor
    runners.load()
    queues = sorted(instance.app.amqp.queues.consume_from)
    concurrency = instance.concurrency or default_concurrency()
    _supervisor = Supervisor(slots=slots_for(queues, concurrency))
    _supervisor.start()


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _stop(**_: Any) -> None:
    """Asked to end: give back at once what runs. Called inside a signal handler, so only a flag is set."""
    if _supervisor is not None:
        _supervisor.stop()


@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]
def _join(**_: Any) -> None:
    """Celery is done: wait until everything has been given back."""
    if _supervisor is not None:
        _supervisor.stop()
        if not _supervisor.join():
            logger.error("not everything could be given back; leases will run out")
