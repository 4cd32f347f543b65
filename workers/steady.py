"""Threads that outlive the database: what fails because it is away is tried again, on a fresh connection."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connection

logger = logging.getLogger("terrarium.workers")

T = TypeVar("T")

AWAY = (OperationalError, InterfaceError)
_turn = threading.Lock()


def writing() -> Any:
    """A turn to write: on SQLite threads of one process queue up here, in order, instead of polling for its lock."""
    return _turn if connection.vendor == "sqlite" else nullcontext()


def renew_connection() -> None:
    """Drop this thread's connection; the next statement opens another."""
    try:
        connection.close()
    except Exception:
        connection.connection = None


def persistently(act: Callable[[], T], *, stop: threading.Event, what: str) -> T | None:
    """`act()`, again and again while the database is away. None when told to stop."""
    wait = 0.05
    while True:
        try:
            return act()
        except AWAY as error:
            renew_connection()
            if wait >= 0.4:
                logger.warning("%s: the database does not answer (%s); trying again", what, str(error).strip())
        if stop.wait(wait * random.uniform(0.75, 1.25)):
            return None
        wait = min(2.0, wait * 2)
