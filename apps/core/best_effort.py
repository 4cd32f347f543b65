"""Writes nobody waits for: noting when something was last used must never keep anybody from reading."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DatabaseError, connection, transaction

logger = logging.getLogger(__name__)
PATIENCE_MILLISECONDS = 250


@contextmanager
def best_effort(what: str) -> Iterator[None]:
    """Write within, or leave it: on a full or read-only disk, and while somebody else writes for long."""
    try:
        with _impatient(), transaction.atomic():
            yield
    except DatabaseError as error:
        logger.warning("%s was not noted: %s", what, str(error).strip())


@contextmanager
def _impatient() -> Iterator[None]:
    """SQLite has one writer at a time; a read that waits its turn to note something would wait with it."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    usual = int(settings.DATABASES[connection.alias]["OPTIONS"]["timeout"] * 1000)
    _wait(PATIENCE_MILLISECONDS)
    try:
        yield
    finally:
        _wait(usual)


def _wait(milliseconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {milliseconds}")
