"""Storing files and writing them down.

Two steps, because the first may take minutes and the second holds a transaction: the bytes go to the disk, then the row
goes where the row that refers to it goes. Between the two, and whenever a transaction is rolled back, there is a file
without a row; it is collected after the grace period.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from django.db import transaction
from django.db.models.functions import Now

from apps.core.artefacts.store import store, told
from apps.core.engine.artefacts import Readable, Stored
from apps.core.engine.folders import MEDIA_TYPE, put_folder, read_folder
from apps.core.errors import Conflict, Invalid, NotFound
from apps.core.models import Artefact, ArtefactPart

OCTETS = "application/octet-stream"
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")


def artefact_store(*, source: Readable | Iterable[bytes] | Path, limit: int | None = None, expected: int = 0) -> Stored:
    """Put bytes or a file into the store, without a row; not inside a transaction. `TooLarge`, `StorageFull` say why not."""
    with told():
        if isinstance(source, Path):
            return store().put_file(source, limit=limit)
        return store().put(source, limit=limit, expected=expected)


def folder_store(*, path: Path, limit: int | None = None) -> Stored:
    """Put every file of a folder into the store, and its manifest, which is returned."""
    with told():
        return put_folder(store(), path, limit=limit)[0]


def artefact_record(*, stored: Stored, media_type: str = OCTETS) -> Artefact:
    """Write down a stored file in the caller's transaction, which then refers to it."""
    if _MEDIA_TYPE.fullmatch(media_type) is None:
        raise Invalid(f"{media_type[:80]!r} is no media type, such as text/csv.", field="media_type")
    with transaction.atomic():
        _record([stored], media_type)
    return Artefact.objects.get(pk=stored.sha256)


def folder_record(*, stored: Stored) -> Artefact:
    """Write down a stored folder and its files in the caller's transaction, which then refers to the folder."""
    with told():
        folder = read_folder(store(), stored.sha256)
    with transaction.atomic():
        _record(list({file.sha256: file for file in folder.files.values()}.values()), OCTETS)
        _record([stored], MEDIA_TYPE)
        parts = [
            ArtefactPart(folder_id=stored.sha256, name=name, file_id=file.sha256) for name, file in folder.files.items()
        ]
        ArtefactPart.objects.bulk_create(parts, ignore_conflicts=True)
    return Artefact.objects.get(pk=stored.sha256)


def artefact_renew(*, sha256: str) -> Artefact:
    """Keep an artefact that is there for a row that will refer to it, in the caller's transaction."""
    with transaction.atomic():
        if not Artefact.objects.filter(pk=sha256).update(renewed_at=Now()):
            raise NotFound(f"There is no artefact {sha256[:80]!r}.")
        with told():
            store().renew(sha256)
    return Artefact.objects.get(pk=sha256)


def _record(files: Sequence[Stored], media_type: str) -> None:
    """The rows first: whoever collects these contents has either ended, or waits and then finds them renewed."""
    rows = [
        Artefact(sha256=file.sha256, size=file.size, media_type=media_type, created_at=Now(), renewed_at=Now())
        for file in sorted(files, key=lambda file: file.sha256)  # one order of locks for all
    ]
    Artefact.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["sha256"], update_fields=["renewed_at", "damage"]
    )
    with told():
        for file in files:
            found = store().renew(file.sha256)
            if found != file.size:
                raise Conflict(f"{file.sha256} has {found:,} bytes, not {file.size:,}: store it again.")
