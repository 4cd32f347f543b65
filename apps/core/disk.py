"""What the disk has to do with a failure: full, read-only or failing; where; and how much is needed."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from apps.core.errors import StorageFull, TerrariumError, Unavailable

logger = logging.getLogger(__name__)
NEEDED_MB = 100
"""With less, a database cannot even tidy up after itself."""

LATER = 60
"""Seconds: somebody has to make room first."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_PROBE_BYTES = 64 * 1024
_NO_ROOM_MB = 1.0
_POSTGRES_FULL, _POSTGRES_READ_ONLY = "53100", "25006"
_OF_THE_DISK = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
    }
)


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
        with open(path, "wb") as probe:
            probe.write(b"\0" * _PROBE_BYTES)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return trouble_of(error) or _failing(settings.VAR_DIR, error)
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen = set[int]()
    while error is not None and id(error) not in seen:  # an error may be raised from one that came of itself
        seen.add(id(error))
        yield error
        error = error.__cause__


def _of_one(error: BaseException) -> TerrariumError | None:
    if isinstance(error, OSError) and error.errno is not None:
        return _of_system(error)
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(getattr(error, "sqlite_errorcode", 0) & 0xFF, error)
    state = getattr(error, "sqlstate", None)
    if state == _POSTGRES_FULL:
        words = "The disk of the PostgreSQL server is full. Make room there; what was saved before is safe."
        return StorageFull(words, details={"retry_after": LATER})
    if state == _POSTGRES_READ_ONLY:
        words = "The PostgreSQL server takes no writes now: it is read-only. Reading goes on."
        return Unavailable(words, details={"retry_after": LATER})
    return None


def _of_system(error: OSError) -> TerrariumError | None:
    if error.errno in _FULL:
        return _full(_place_of(error, _is_full))
    if error.errno == errno.EROFS:
        return _read_only(_place_of(error, is_read_only))
    return _failing(_place_of(error), error) if error.errno == errno.EIO else None


def _of_sqlite(code: int, error: sqlite3.Error) -> TerrariumError | None:
    """One cause shows in several ways: on a full disk a database cannot be opened, or only for reading."""
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return Unavailable("Something else writes to the database for long. Try again.", details={"retry_after": 2})
    if code not in _OF_THE_DISK:
        return None
    place = Path(settings.DATABASES["default"]["NAME"]).parent
    if is_read_only(place):
        return _read_only(place)
    if code == sqlite3.SQLITE_FULL or _is_full(place):
        return _full(place)
    return _read_only(place) if code == sqlite3.SQLITE_READONLY else _failing(place, error)


def _full(place: Path) -> TerrariumError:
    state = _state_of(place)
    used_up = "it can hold no more files, however small" if state is not None and _no_files_left(state) else ""
    used_up = used_up or f"{_free_mb(state):.0f} MB are free, at least {NEEDED_MB} MB are needed"
    logger.error("The disk of %s is full: %s.", place, used_up)
    return StorageFull(
        f"The disk of {_words(place)} is full: {used_up}. "
        "Make room. What was saved before is safe, and reading goes on.",
        details={"retry_after": LATER},
    )


def _read_only(place: Path) -> TerrariumError:
    logger.error("The disk of %s is read-only.", place)
    return Unavailable(
        f"The disk of {_words(place)} is read-only. Mount it for writing again. "
        "What was saved before is safe, and reading goes on.",
        details={"retry_after": LATER},
    )


def _failing(place: Path, error: Exception) -> TerrariumError:
    logger.error("%s cannot be used: %s", place, error)
    return Unavailable(f"There is no using {_words(place)}: it is gone, or its disk fails. Look at the disk.")


def _words(place: Path) -> str:
    """By the setting that names it: where exactly a disk is mounted is for the log, not for strangers."""
    for folder, words in (
        (settings.VAR_DIR, "the storage folder (TERRARIUM_STORAGE_ROOT)"),
        (Path(settings.DATABASES["default"]["NAME"]).parent, "the database (DATABASE_URL)"),
        (settings.LOGS_DIR, "the logs (TERRARIUM_LOGS_DIR)"),
        (Path(tempfile.gettempdir()), "the folder for temporary files (TMPDIR)"),
    ):
        if folder.is_absolute() and (place == folder or folder in place.parents):
            return words
    return "a folder this process writes to"


def _place_of(error: OSError, suffers: object = None) -> Path:
    """Where the file was to be. One without a name is the storage's, or a body on its way in: whichever disk it is."""
    if isinstance(error.filename, str | os.PathLike):
        return Path(error.filename).parent
    temporary = Path(tempfile.gettempdir())
    return settings.VAR_DIR if callable(suffers) and suffers(settings.VAR_DIR) else temporary


def _state_of(place: Path) -> os.statvfs_result | None:
    for folder in (place, *place.parents):
        with contextlib.suppress(OSError):
            return os.statvfs(folder)
    return None


def is_read_only(place: Path) -> bool:
    """Whether its disk is mounted so."""
    state = _state_of(place)
    return state is not None and bool(state.f_flag & os.ST_RDONLY)


def _is_full(place: Path) -> bool:
    state = _state_of(place)
    return state is not None and (_free_mb(state) < _NO_ROOM_MB or _no_files_left(state))


def _no_files_left(state: os.statvfs_result) -> bool:
    """Some file systems count none at all."""
    return state.f_files > 0 and state.f_favail == 0


def _free_mb(state: os.statvfs_result | None) -> float:
    return state.f_bavail * state.f_frsize / 2**20 if state is not None else 0.0
