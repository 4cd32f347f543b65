"""SQLite that can be read on a full and on a read-only disk.

A database in WAL mode has two files beside it, made by whoever opens it first and removed by whoever closes it last.
On a disk that takes nothing they cannot be made, and then not even reading works. So a server keeps one connection
open for as long as it lives, and where they are missing all the same the database is read as it lies there.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.db import connections
from django.db.backends.sqlite3 import base

_CANNOT_BE_MADE = frozenset(
    {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR}
)


class DatabaseWrapper(base.DatabaseWrapper):
    """Falls back to reading only."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection, which can write if anything can."""
        try:
            found = super().get_new_connection(conn_params)
        except sqlite3.OperationalError as error:
            if not _is_for_want_of_room(error, str(conn_params["database"])):
                raise
            address = f"file:{quote(str(conn_params['database']))}?immutable=1"
            return super().get_new_connection({**conn_params, "database": address})
        _keeper.keep(str(conn_params["database"]))
        return found


class _Keeper:
    """One connection that is never closed, once it is asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[int, str, sqlite3.Connection] | None = None
        self.wanted = False

    def keep(self, name: str) -> None:
        """Have one, if one is wanted: of this process, to this database."""
        if not self.wanted or (self._kept is not None and self._kept[:2] == (os.getpid(), name)):
            return
        with self._lock:
            try:
                connection = sqlite3.connect(name, check_same_thread=False)
                connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
            except sqlite3.Error:
                return
            self._kept = (os.getpid(), name, connection)


_keeper = _Keeper()


def stay_open() -> None:
    """Keep the files beside the database there for as long as this process lives. Nothing on other databases."""
    if connections["default"].vendor == "sqlite":
        _keeper.wanted = True


def _is_for_want_of_room(error: sqlite3.OperationalError, name: str) -> bool:
    """Whether the database is there and only cannot be opened for writing. What a log beside it holds must not be missed."""
    path, log = Path(name), Path(f"{name}-wal")
    if (error.sqlite_errorcode & 0xFF) not in _CANNOT_BE_MADE or not path.is_file() or not path.stat().st_size:
        return False
    return not log.exists() or log.stat().st_size == 0
