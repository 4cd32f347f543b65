"""PostgreSQL that is known to be away after two seconds, however long a request may wait for its turn."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import PoolTimeout

TURN_SECONDS = 10.0
"""So long a request waits for one of the connections that are all in use."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Asks the server itself when no connection comes soon."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection of the pool; an error at once where the server does not answer."""
        until = time.monotonic() + TURN_SECONDS
        while True:
            try:
                return super().get_new_connection(conn_params)
            except PoolTimeout:
                if time.monotonic() >= until:
                    raise
                psycopg.connect(**conn_params).close()
