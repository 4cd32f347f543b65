"""The wake-up after a commit: within this process directly, between processes through Redis where there is one.

A wake-up carries nothing and may be lost: whoever listens polls as well, only more slowly. It travels by plain
publish and subscribe on the channel layer's Redis, not through the layer itself: a layer's consumers cannot even
connect while Redis is down, and sending from synchronous code opens a connection each time.
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

import redis
from django.conf import settings

logger = logging.getLogger(__name__)
_SPACING_SECONDS = 0.005
_RETRY_SECONDS = 5.0
_TIMEOUT_SECONDS = 0.5

_listeners: set[Callable[[], None]] = set()


def wake(topics: Iterable[str]) -> None:
    """Events of these topics were committed: whoever follows the log reads on. Never fails, never waits."""
    if not any(True for _ in topics):
        return
    for listener in tuple(_listeners):
        listener()
    if settings.CONFIG.redis_url:
        publisher().ring()


def channel() -> str:
    """The Redis channel of this lab. Publish and subscribe ignore Redis' database numbers, so the name tells labs apart."""
    identity = f"{urlsplit(settings.CONFIG.redis_url or '').path}|{settings.DATABASES['default']['NAME']}"
    return f"terrarium:live:{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


class Publisher:
    """Publishes from a thread of its own, so that a commit never waits for Redis; rings close together become one."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS
        )
        self._changed = threading.Condition()
        self._asked = self._done = 0
        self.pid = os.getpid()
        threading.Thread(target=self._run, name="live-publisher", daemon=True).start()
        atexit.register(self.flush)

    def ring(self) -> None:
        """Have a wake-up published soon."""
        with self._changed:
            self._asked += 1
            self._changed.notify_all()

    def flush(self, timeout: float = _TIMEOUT_SECONDS) -> None:
        """Wait until what was rung is published; a command that ends right after its commit needs it."""
        with self._changed:
            self._changed.wait_for(lambda: self._done >= self._asked, timeout)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked > self._done)
                asked = self._asked
            pause = _SPACING_SECONDS
            try:
                self._client.publish(channel(), b"1")
            except redis.RedisError as error:
                logger.warning("Redis cannot be told of new events (%s); readers poll meanwhile.", error)
                pause = _RETRY_SECONDS
            with self._changed:
                self._done = asked
                self._changed.notify_all()
            time.sleep(pause)


class Listener:
    """Hears the wake-ups of other processes while somebody follows the log here. `connected` tells whether it can."""

    def __init__(self, url: str, heard: Callable[[], None]) -> None:
        self.connected = False
        self._heard = heard
        self._stopped = threading.Event()
        self._client = redis.Redis.from_url(url, socket_connect_timeout=_TIMEOUT_SECONDS, health_check_interval=10)
        threading.Thread(target=self._run, name="live-listener", daemon=True).start()

    def stop(self) -> None:
        """End within a second."""
        self._stopped.set()

    def _run(self) -> None:
        warned = False
        while not self._stopped.is_set():
            try:
                with self._client.pubsub(  # type: ignore[no-untyped-call]
                    ignore_subscribe_messages=True
                ) as subscription:
                    subscription.subscribe(channel())
                    self.connected, warned = True, False
                    self._heard()  # whatever was missed before
                    while not self._stopped.is_set():
                        if subscription.get_message(timeout=1.0):
                            self._heard()
            except (redis.RedisError, OSError) as error:
                if not warned:
                    logger.warning("Redis wakes nobody (%s); the event log is polled meanwhile.", error)
                self.connected, warned = False, True
                self._heard()
                self._stopped.wait(1.0)
        self._client.close()


_publisher: Publisher | None = None
_publisher_lock = threading.Lock()


def publisher() -> Publisher:
    """This process's publisher; a forked child gets its own."""
    global _publisher
    if _publisher is None or _publisher.pid != os.getpid():
        with _publisher_lock:
            if _publisher is None or _publisher.pid != os.getpid():
                _publisher = Publisher(settings.CONFIG.redis_url or "")
    return _publisher


def listen(heard: Callable[[], None]) -> None:
    """Have `heard` called at every wake-up of this process."""
    _listeners.add(heard)


def unlisten(heard: Callable[[], None]) -> None:
    """Stop calling it."""
    _listeners.discard(heard)
