"""Counting what one visitor, member or key asks for a minute, in the cache (Redis, or this process's memory)."""

from __future__ import annotations

import hashlib
import logging
import math
import time

from django.core.cache import cache
from django.http import HttpRequest

from apps.core.errors import Throttled

logger = logging.getLogger(__name__)
WINDOW_SECONDS = 60


def client_address(request: HttpRequest) -> str:
    """The address the request came from. A trusted proxy's header is applied by the server before we see it."""
    return str(request.META.get("REMOTE_ADDR") or "unknown")


def spend(bucket: str, *, limit: int, message: str) -> None:
    """Count one use of `bucket`; `Throttled` with `details.retry_after` once this minute's `limit` is used up.

    A cache that does not answer lets everything through: limits protect the service, they are not its lock.
    """
    now = time.time()
    window = int(now // WINDOW_SECONDS)
    key = _key(bucket, window)
    try:
        cache.add(key, 0, timeout=WINDOW_SECONDS + 5)
        used = cache.incr(key)
    except Exception as error:
        logger.warning("Requests are not being limited: the cache does not answer (%s).", error)
        return
    if used > limit:
        retry_after = max(1, math.ceil((window + 1) * WINDOW_SECONDS - now))
        raise Throttled(f"{message} Try again in {retry_after} s.", details={"retry_after": retry_after})


def forgive(bucket: str) -> None:
    """Forget this minute's uses, after a success that proves them honest."""
    try:
        cache.delete(_key(bucket, int(time.time() // WINDOW_SECONDS)))
    except Exception as error:
        logger.warning("The cache does not answer (%s).", error)


def _key(bucket: str, window: int) -> str:
    """Hashed, because a bucket may hold what a stranger typed."""
    return f"throttle:{hashlib.sha256(bucket.encode('utf-8', 'replace')).hexdigest()[:32]}:{window}"
