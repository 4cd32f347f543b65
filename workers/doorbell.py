"""Celery's side: the task that rings, and the supervisor's life within a Celery worker.

A message carries the name of a queue and nothing else. Receiving it takes no time (the supervisor looks for work in its
own thread), so messages never pile up behind running jobs.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import Any

from celery import shared_task, signals

from apps.core.jobs import kinds
from workers import runners
from workers.supervisor import Supervisor, default_concurrency, slots_for

logger = logging.getLogger("terrarium.workers")

_supervisor: Supervisor | None = None
host: str | None = None
"""What to call this machine, when not by its name."""


@shared_task(name="workers.doorbell.ring", ignore_result=True)  # type: ignore[untyped-decorator]
def ring(queue: str) -> None:
    """There may be work in `queue`."""
    if _supervisor is not None and queue in _supervisor.slots:
        _supervisor.wake()


@signals.celeryd_after_setup.connect  # type: ignore[untyped-decorator]
def _start(instance: Any, **_: Any) -> None:
    """The worker is set up: serve the queues it consumes, whether or not the broker answers."""
    global _supervisor
    runners.load(kinds.runner_modules())
    queues = sorted(instance.app.amqp.queues.consume_from)
    concurrency = instance.concurrency or default_concurrency()
    _supervisor = Supervisor(slots=slots_for(queues, concurrency), host=host)
    _supervisor.start()


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _stop(**_: Any) -> None:
    """Asked to end: give back at once what runs, then leave. Called inside a signal handler, so a thread does it."""
    if _supervisor is not None:
        _supervisor.stop()
        threading.Thread(target=_leave, args=(_supervisor,), name="leaving").start()


def _leave(supervisor: Supervisor) -> None:
    """End the process: Celery's own loop would notice up to two seconds later, and holds nothing that matters."""
    if not supervisor.join():
        logger.error("not everything could be given back; leases will run out")
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)
