"""Large files, taken in piece by piece: what one request may hold does not bound what a dataset may."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone

from apps.core.access import require_owner, require_role
from apps.core.artefacts import artefact_store
from apps.core.disk import trouble_of
from apps.core.engine.artefacts import Stored
from apps.core.errors import Conflict, Invalid, NotFound, StorageFull
from apps.core.models import Role, User
from apps.training.models import DatasetUpload

KEPT_FOR = timedelta(days=1)
_PIECE = 2**20
_GONE = "This upload is gone: it was finished, dropped, or a day has passed. Begin again."
_MAX_NAME = 255
_MAX_OPEN = 20


class Readable(Protocol):
    """The body of a request."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, none at the end."""
        ...


def _folder() -> Path:
    return Path(settings.VAR_DIR) / "uploads"


def _file(upload: DatasetUpload) -> Path:
    return _folder() / upload.pk


def upload_begin(*, file_name: str, size: int, by: User) -> DatasetUpload:
    """Make room for a file of `size` bytes; at once refused where it cannot fit."""
    require_role(by, Role.RESEARCHER)
    if size < 1:
        raise Invalid("An empty file holds no examples.", field="size")
    if DatasetUpload.objects.filter(owner=by).count() >= _MAX_OPEN:
        raise Conflict(f"{_MAX_OPEN} uploads of yours are open. Finish or drop one.")
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise StorageFull(f"{size:,} bytes do not fit: {free:,} are free. Make room, or send less.")
    upload = DatasetUpload.objects.create(owner=by, file_name=Path(file_name).name[:_MAX_NAME] or "file", size=size)
    _file(upload).touch(mode=0o600)
    return upload


def upload_get(*, upload_id: str, by: User) -> DatasetUpload:
    """The upload, or `NotFound`."""
    require_role(by, Role.VIEWER)
    found = None if "\x00" in upload_id else DatasetUpload.objects.filter(pk=upload_id).first()
    if found is None:
        raise NotFound(_GONE)
    return found


def upload_own(*, upload_id: str, by: User) -> DatasetUpload:
    """The upload, for its owner or an admin."""
    upload = upload_get(upload_id=upload_id, by=by)
    require_owner(by, upload.owner_id)
    return upload


def upload_append(*, upload_id: str, offset: int, body: Readable, by: User) -> DatasetUpload:
    """Take the piece that begins at `offset`; a `Conflict` names the place that is expected."""
    upload = upload_own(upload_id=upload_id, by=by)
    if offset != upload.received:
        raise _elsewhere(upload)
    try:
        written = _write(upload, offset, body)
    except FileNotFoundError:
        raise NotFound(_GONE) from None
    except OSError as error:
        trouble = trouble_of(error)
        if trouble is None:
            raise
        raise trouble from error
    taken = DatasetUpload.objects.filter(pk=upload.pk, received=offset)
    if not taken.update(received=offset + written, touched_at=Now()):
        raise _elsewhere(upload_get(upload_id=upload_id, by=by))
    upload.received = offset + written
    return upload


def _elsewhere(upload: DatasetUpload) -> Conflict:
    return Conflict(
        f"The next piece begins at byte {upload.received:,}.",
        details={"received": upload.received, "size": upload.size},
    )


def _write(upload: DatasetUpload, offset: int, body: Readable) -> int:
    """What lies beyond the offset, of a piece that was cut off, is written over."""
    written = 0
    with open(_file(upload), "r+b") as file:
        file.seek(offset)
        while piece := body.read(_PIECE):
            written += len(piece)
            if offset + written > upload.size:
                raise Invalid(f"More than the {upload.size:,} bytes that were announced.", field="size")
            file.write(piece)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
    return written


def upload_store(*, upload: DatasetUpload) -> Stored:
    """The whole file, put into the store; the caller then refers to it and forgets the upload."""
    if upload.received < upload.size:
        raise Conflict(
            f"{upload.size - upload.received:,} bytes are still missing.", details={"received": upload.received}
        )
    return artefact_store(source=_file(upload))


def upload_forget(*, upload: DatasetUpload) -> None:
    """Keep nothing of it."""
    DatasetUpload.objects.filter(pk=upload.pk).delete()
    _file(upload).unlink(missing_ok=True)


def upload_drop(*, upload_id: str, by: User) -> None:
    """Forget an upload before it is finished."""
    upload_forget(upload=upload_own(upload_id=upload_id, by=by))


def uploads_look_after() -> int:
    """Forget what nobody went on with for a day, and files without a row."""
    old = list(DatasetUpload.objects.filter(touched_at__lt=timezone.now() - KEPT_FOR))
    for upload in old:
        upload_forget(upload=upload)
    lost = 0
    before = (timezone.now() - KEPT_FOR).timestamp()
    folder = _folder()
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.stat().st_mtime < before and not DatasetUpload.objects.filter(pk=path.name).exists():
            path.unlink(missing_ok=True)
            lost += 1
    return len(old) + lost
