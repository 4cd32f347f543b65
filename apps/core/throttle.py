"""Counting what one visitor, member or key asks for, a minute or an hour, in the cache (Redis, or this process's memory)."""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections.abc import Callable
from typing import TypeVar

from django.core.cache import cache
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache

from apps.core.errors import Throttled

logger = logging.getLogger(__name__)
MINUTE, HOUR, DAY = 60, 3600, 86_400
_SLACK_SECONDS = 5
_own = LocMemCache("throttle", {"OPTIONS": {"MAX_ENTRIES": 100_000}})

T = TypeVar("T")


def spend(bucket: str, *, limit: int, message: str, seconds: int = MINUTE) -> None:
    """Count one use of `bucket`; `Throttled` with `details.retry_after` once the `limit` of this minute is used up."""
    now = _now()
    window = int(now // seconds)
    key = _key(bucket, window)

    def count(store: BaseCache) -> int:
        store.add(key, 0, timeout=seconds + _SLACK_SECONDS)
        return store.incr(key)

    if _ask(count) > limit:
        retry_after = max(1, math.ceil((window + 1) * seconds - now))
        raise Throttled(f"{message} Try again in {_words(retry_after)}.", details={"retry_after": retry_after})


def forgive(bucket: str, *, seconds: int = MINUTE) -> None:
    """Start this minute's count anew."""
    key = _key(bucket, int(_now() // seconds))
    _ask(lambda store: store.delete(key))


def give_back(bucket: str, *, seconds: int = MINUTE) -> None:
    """Take back one use, no others."""
    key = _key(bucket, int(_now() // seconds))

    def uncount(store: BaseCache) -> None:
        if store.get(key, 0) > 0:
            store.decr(key)

    _ask(uncount)


def remember(fact: str, *, seconds: int) -> None:
    """Keep in mind that something holds."""
    _ask(lambda store: store.set(_key(fact, 0), 1, timeout=seconds))


def remembers(fact: str) -> bool:
    """Whether it was kept in mind; forgetting is always safe."""
    return _ask(lambda store: store.get(_key(fact, 0))) is not None


def _ask(question: Callable[[BaseCache], T]) -> T:
    """Put it to the shared cache; while that does not answer, each process counts for itself."""
    try:
        return question(cache)
    except Exception as error:
        logger.warning("Requests are counted by each process for itself: the cache does not answer (%s).", error)
        return question(_own)


def _now() -> float:
    return time.time()


def _words(seconds: int) -> str:
    return f"{seconds} s" if seconds <= 2 * MINUTE else f"{math.ceil(seconds / MINUTE)} min"


def _key(bucket: str, window: int) -> str:
    """Hashed, because a bucket may hold what a stranger typed."""
    return f"throttle:{hashlib.sha256(bucket.encode('utf-8', 'replace')).hexdigest()[:32]}:{window}"
