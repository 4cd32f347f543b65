"""The lab's own store, and its errors in the words of the whole application."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from apps.core.engine import artefacts as engine
from apps.core.engine import folders
from apps.core.errors import Conflict, Invalid, NotFound, StorageFull, TerrariumError, TooLarge, Unavailable

FOLDER = "artefacts"
"""Below the storage root."""

_ERRORS: dict[type[engine.ArtefactError], type[TerrariumError]] = {
    engine.BadDigest: Invalid,
    engine.NoSuchFile: NotFound,
    engine.NoRoom: StorageFull,
    engine.CannotWrite: Unavailable,
    engine.TooMuch: TooLarge,
    engine.Damaged: Conflict,
    folders.UnsafeName: Invalid,
    folders.NotAFolder: Invalid,
}


def store() -> engine.Store:
    """Where this lab keeps its files. A process without Django makes its own from `root_of(storage_root)`."""
    return engine.Store(root_of(settings.VAR_DIR))


def root_of(storage_root: str | Path) -> Path:
    """The store's folder in a storage root."""
    return Path(storage_root) / FOLDER


@contextmanager
def told() -> Iterator[None]:
    """The store's errors as errors that pages and programs are answered with."""
    try:
        yield
    except engine.ArtefactError as error:
        raise _ERRORS.get(type(error), Invalid)(str(error)) from error
