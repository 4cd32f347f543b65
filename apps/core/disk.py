"""What the disk has to do with a failure: full, read-only or failing; where; and how much is needed."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from apps.core.errors import StorageFull, TerrariumError, Unavailable

logger = logging.getLogger(__name__)
NEEDED_MB = 100
"""With less, a database cannot even tidy up after itself."""

_POSTGRES_FULL, _POSTGRES_READ_ONLY = "53100", "25006"


def trouble_of(error: BaseException) -> TerrariumError | None:
    """The error in words that help, when it is the disk's doing or a writer that takes long; nothing otherwise."""
    for cause in _causes(error):
        found = _of_one(cause)
        if found is not None:
            return found
    return None


def writing_trouble() -> TerrariumError | None:
    """What keeps the storage folder from taking a file now; nothing when it takes one."""
    path = settings.VAR_DIR / f".probe.{os.getpid()}"
    try:
        path.write_bytes(b"\0" * 4096)
    except OSError as error:
        return trouble_of(error) or _failing(settings.VAR_DIR)
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _of_one(error: BaseException) -> TerrariumError | None:
    if isinstance(error, OSError) and error.errno is not None:
        return _of_errno(error.errno, _place_of(error))
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    state = getattr(error, "sqlstate", None)
    if state == _POSTGRES_FULL:
        return StorageFull("The disk of the PostgreSQL server is full. Make room there; what was saved before is safe.")
    if state == _POSTGRES_READ_ONLY:
        return Unavailable("The PostgreSQL server takes no writes now: it is read-only. Reading goes on.")
    return None


def _of_errno(number: int, place: Path) -> TerrariumError | None:
    if number in {errno.ENOSPC, errno.EDQUOT}:
        return _full(place)
    if number == errno.EROFS:
        return _read_only(place)
    return _failing(place) if number == errno.EIO else None


def _of_sqlite(code: int) -> TerrariumError | None:
    place = settings.VAR_DIR
    if code == sqlite3.SQLITE_FULL:
        return _full(place)
    if code == sqlite3.SQLITE_READONLY:
        return _read_only(place)
    if code in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}:
        return _full(place) if _free_mb(place) < 1 else _failing(place)
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return Unavailable("Something else writes to the database for long. Try again.", details={"retry_after": 2})
    return None


def _full(place: Path) -> TerrariumError:
    logger.error("The disk of %s is full: %.1f MB free.", place, _free_mb(place))
    return StorageFull(
        f"The disk of {_words(place)} is full: {_free_mb(place):.0f} MB are free, at least {NEEDED_MB} MB are needed. "
        "Make room. What was saved before is safe, and reading goes on."
    )


def _read_only(place: Path) -> TerrariumError:
    logger.error("The disk of %s is read-only.", place)
    return Unavailable(
        f"The disk of {_words(place)} is read-only. Mount it for writing again. "
        "What was saved before is safe, and reading goes on."
    )


def _failing(place: Path) -> TerrariumError:
    logger.error("%s cannot be used.", place)
    return Unavailable(f"There is no using {_words(place)}: it is gone, or its disk fails. Look at the disk.")


def _words(place: Path) -> str:
    """By the setting that names it: where exactly a disk is mounted is for the log, not for strangers."""
    if place == settings.VAR_DIR or settings.VAR_DIR in place.parents:
        return "the storage folder (TERRARIUM_STORAGE_ROOT)"
    if place == Path(tempfile.gettempdir()) or Path(tempfile.gettempdir()) in place.parents:
        return "the folder for temporary files (TMPDIR)"
    return "a folder this process writes to"


def _place_of(error: OSError) -> Path:
    """Where the file was to be; a body on its way in is kept in the folder for temporary files."""
    return Path(error.filename).parent if isinstance(error.filename, str) else Path(tempfile.gettempdir())


def _free_mb(place: Path) -> float:
    try:
        return shutil.disk_usage(place).free / 2**20
    except OSError:
        return 0.0
