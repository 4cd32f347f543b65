"""Removing what nothing refers to, beside writers and other collectors.

A row goes only when it is old and nobody refers to it, both looked at while it is locked: whoever is about to refer to it
renews it first, under the same lock. A file goes after its row, or when it never had one, and only when it is old by
its own date, which putting and renewing it changes; so a file put again in between stays.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models.expressions import ExpressionWrapper
from django.db.models.functions import Now

from apps.core.artefacts.store import store
from apps.core.artefacts.writing import OCTETS
from apps.core.engine.artefacts import Kept, Store
from apps.core.models import Artefact, ArtefactPart
from apps.core.references import unreferenced
from apps.core.sql import in_seconds

logger = logging.getLogger("terrarium.artefacts")

BATCH = 200
_LOOKUP = 500


@dataclass
class Collected:
    """What a collection removed."""

    rows: int = 0
    files: int = 0
    drafts: int = 0
    bytes: int = 0


def _never() -> bool:
    return False


def artefacts_collect(*, grace_seconds: float | None = None, stop: Callable[[], bool] = _never) -> Collected:
    """Remove what nobody referred to for `grace_seconds`, in short transactions; `stop()` ends it early."""
    seconds = settings.CONFIG.artefact_grace_seconds if grace_seconds is None else grace_seconds
    kept, done = store(), Collected()
    _collect_rows(kept, seconds, stop, done)
    for file in orphans(kept, stop=stop):
        _remove(kept, file.sha256, seconds, done)
    for draft in kept.drafts(seconds=seconds):
        done.drafts += kept.remove_draft(draft, seconds=seconds)
    if done.rows or done.files or done.drafts:
        logger.info("collected %d artefacts, %d files (%d bytes)", done.rows, done.files + done.drafts, done.bytes)
    return done


def orphans(kept: Store, *, stop: Callable[[], bool] = _never) -> Iterator[Kept]:
    """Files that have no row; a writer may be about to make one."""
    files = kept.files()
    while not stop() and (some := list(islice(files, _LOOKUP))):
        known = set(Artefact.objects.filter(pk__in=[file.sha256 for file in some]).values_list("pk", flat=True))
        yield from (file for file in some if file.sha256 not in known)


def _collect_rows(kept: Store, seconds: float, stop: Callable[[], bool], done: Collected) -> None:
    """A folder frees its files, so look again until nothing is found."""
    cutoff = in_seconds(-seconds)
    while not stop():
        old = Artefact.objects.filter(unreferenced(Artefact), renewed_at__lt=cutoff)
        chosen = list(old.order_by("renewed_at").values_list("pk", flat=True)[:BATCH])
        if not chosen:
            return
        removed = _delete_rows(chosen, cutoff)
        for sha256 in removed:
            _remove(kept, sha256, seconds, done)
        done.rows += len(removed)
        if not removed:
            return


def _delete_rows(chosen: list[str], cutoff: ExpressionWrapper[Any]) -> list[str]:
    """Those that are still old and unreferenced once they are locked. The look after the lock is a statement of its own:
    it sees what was committed while we waited."""
    try:
        with transaction.atomic():
            rows = Artefact.objects.filter(pk__in=chosen, renewed_at__lt=cutoff).order_by("pk")
            if connection.vendor == "postgresql":
                rows = rows.select_for_update(skip_locked=True)
            locked = list(rows.values_list("pk", flat=True))
            still = Artefact.objects.filter(unreferenced(Artefact), pk__in=locked)
            going = list(still.values_list("pk", flat=True))
            ArtefactPart.objects.filter(folder__in=going).delete()
            Artefact.objects.filter(pk__in=going)._raw_delete(using=connection.alias)
            return going
    except IntegrityError:  # referred to without being renewed, at this very moment: then it is needed
        logger.info("artefacts were referred to while they were being collected; they stay")
        return []


def _remove(kept: Store, sha256: str, seconds: float, done: Collected) -> None:
    """Remove a file that has no row, and hold its place among the rows meanwhile.

    The placeholder is never committed. It waits for whoever is writing the same row down at this moment, and makes who
    comes later wait: so no file goes whose row is there, however long either of us was held up before.
    """
    with transaction.atomic():
        _, is_free = Artefact.objects.get_or_create(
            pk=sha256, defaults={"size": 0, "media_type": OCTETS, "created_at": Now(), "renewed_at": Now()}
        )
        freed = kept.remove_if_old(sha256, seconds=seconds) if is_free else None
        transaction.set_rollback(is_free)
    if freed is not None:
        done.files += 1
        done.bytes += freed
