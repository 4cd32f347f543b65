"""Ringing: telling workers that a queue has work. A hint and nothing more; the database holds the work.

Lost, doubled and late rings are harmless, since every worker also looks by itself. So rings are merged, capped,
and given up at once when the broker does not answer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable

from django.db import transaction

logger = logging.getLogger("terrarium.jobs")

TASK = "workers.doorbell.ring"
MIN_INTERVAL = 0.05
"""Seconds between two rings of one queue by one process."""
MAX_WAITING = 32
"""Messages of a queue that may wait; more would tell nobody anything new."""
GIVE_UP_SECONDS = 5.0
"""How long a broker that did not answer is left alone."""

_lock = threading.Lock()
_last_rung: dict[str, float] = {}
_silent_until = 0.0


def ring_on_commit(queues: Iterable[str]) -> None:
    """Ring each queue once the caller's transaction is visible."""
    for queue in sorted(set(queues)):
        transaction.on_commit(lambda queue=queue: ring(queue), robust=True)  # type: ignore[misc]


def ring(queue: str) -> bool:
    """Ring now, unless this process just did or the broker is down. True when a message went out."""
    global _silent_until
    now = time.monotonic()
    with _lock:
        if now < _silent_until or now - _last_rung.get(queue, -1e9) < MIN_INTERVAL:
            return False
        _last_rung[queue] = now
    try:
        return _publish(queue)
    except Exception as error:
        _silent_until = time.monotonic() + GIVE_UP_SECONDS
        logger.warning("the broker does not answer (%s); workers will find the work by themselves", error)
        return False


def _publish(queue: str) -> bool:
    """One message to the queue itself (no exchange, so nothing a flushed broker would have forgotten)."""
    from celery import current_app

    with current_app.producer_pool.acquire(block=True, timeout=1) as producer:
        try:
            waiting = producer.channel.queue_declare(queue=queue, durable=True).message_count
            if waiting >= MAX_WAITING:
                return False
            current_app.signature(TASK, args=[queue]).apply_async(
                producer=producer,
                exchange="",
                routing_key=queue,
                queue=None,
                retry=False,
                expires=60,
                ignore_result=True,
            )
        except Exception:
            producer.connection.release()  # declare afresh next time
            raise
    return True
