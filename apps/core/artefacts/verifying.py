"""Whether the rows and the files still agree, and each file with its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from django.conf import settings
from django.db.models.functions import Now

from apps.core.artefacts.collecting import orphans
from apps.core.artefacts.store import store
from apps.core.engine import artefacts as engine
from apps.core.models import Artefact, Damage, Severity
from apps.core.system_events import system_event_record

What = Literal["missing", "damaged", "orphaned", "recent", "draft", "stranger"]
_BATCH = 200


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be. `repaired` says that it no longer is so."""

    what: What
    name: str
    words: str
    repaired: bool = False

    @property
    def is_problem(self) -> bool:
        """Whether somebody must look; what a writer may be busy with is none."""
        return self.what != "recent" and not self.repaired


def artefacts_verify(
    *,
    quick: bool = False,
    repair: bool = False,
    grace_seconds: float | None = None,
    stop: Callable[[], bool] | None = None,
) -> Iterator[Finding]:
    """Look at every row's file, then at every file without a row; what is found is noted on the row.

    `quick` compares lengths only. `repair` removes what has no row and nobody has touched for the grace period.
    """
    seconds = settings.CONFIG.artefact_grace_seconds if grace_seconds is None else grace_seconds
    halt = stop or (lambda: False)
    yield from _rows(quick, halt)
    yield from _files(repair, seconds, halt)


def _rows(quick: bool, stop: Callable[[], bool]) -> Iterator[Finding]:
    after = ""
    while not stop():
        rows = list(Artefact.objects.filter(pk__gt=after).order_by("pk")[:_BATCH])
        if not rows:
            return
        for row in rows:
            if stop():
                return
            damage, words = _look(row, quick)
            if _note(row, damage, words, quick):
                yield Finding("missing" if damage == Damage.MISSING else "damaged", row.pk, words)
        after = rows[-1].pk


def _look(row: Artefact, quick: bool) -> tuple[Damage, str]:
    try:
        if quick:
            size = store().size(row.pk)
            if size != row.size:
                raise engine.Damaged(f"{row.pk} has {size:,} bytes, it should have {row.size:,}.")
        else:
            store().check(row.pk, size=row.size)
    except engine.NoSuchFile:
        return Damage.MISSING, f"{row.pk} ({row.media_type}, {row.size:,} bytes) has no file."
    except engine.Damaged as error:
        return Damage.DAMAGED, str(error)
    except OSError as error:
        return Damage.DAMAGED, f"{row.pk} cannot be read: {error.strerror}."
    return Damage.NONE, ""


def _note(row: Artefact, damage: Damage, words: str, quick: bool) -> bool:
    """Keep it on the row; whether it is a finding. A quick look finds damage and never clears what a whole one found.

    A row that was collected or stored anew meanwhile is none.
    """
    if quick and not damage:
        return False
    seen = Artefact.objects.filter(pk=row.pk, renewed_at__lte=row.renewed_at).update(damage=damage, checked_at=Now())
    if damage and seen:
        system_event_record(
            event_type="artefact_damaged",
            event_source="artefacts",
            severity=Severity.ERROR,
            message=f"{words} Store it again, or restore it from a backup.",
            context={"sha256": row.pk, "size": row.size, "damage": str(damage)},
            dedupe_key=f"artefact:{row.pk}",
        )
    return bool(damage and seen)


def _files(repair: bool, seconds: float, stop: Callable[[], bool]) -> Iterator[Finding]:
    kept = store()
    for file in orphans(kept, stop=stop):
        old = kept.now() - file.renewed_at >= seconds
        removed = repair and kept.remove_if_old(file.sha256, seconds=seconds) is not None
        words = "has no row: removed." if removed else "has no row." if old else "has no row yet."
        yield Finding("orphaned" if old else "recent", file.sha256, f"{file.sha256} {words}", repaired=removed)
    for draft in kept.drafts(seconds=seconds):
        removed = repair and kept.remove_draft(draft, seconds=seconds)
        words = f"{draft} was never finished{': removed' if removed else ''}."
        yield Finding("draft", draft.name, words, repaired=removed)
    for stranger in kept.strangers():
        yield Finding("stranger", str(stranger), f"{stranger} is no artefact: move it elsewhere.")
