"""What a checkpoint names is kept from being collected while its job may go on from it: the job's row refers to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from apps.core.artefacts import artefact_record, folder_record
from apps.core.artefacts.store import store, told
from apps.core.engine.artefacts import Stored, digest
from apps.core.errors import Conflict, Invalid, NotFound
from apps.core.jobs.reports import Checkpoint, Log, Said


def checkpoint_reference(said: Sequence[Said]) -> tuple[dict[str, Any], list[Said]]:
    """The column that refers to what the last checkpoint among these names, written down in the caller's transaction, or
    nothing where there is no checkpoint; and a line of the log where its file is not there."""
    last = next((one for one in reversed(said) if isinstance(one.report, Checkpoint)), None)
    if last is None or not isinstance(last.report, Checkpoint):
        return {}, []
    report = last.report
    if report.artefact is None:
        return {"checkpoint_artefact": None}, []
    try:
        _record(report.artefact)
    except (NotFound, Conflict) as error:
        text = f"The checkpoint at step {report.step:,} cannot be kept from being collected: {error.message}"
        return {"checkpoint_artefact": None}, [Said(Log(level="ERROR", message=text), last.at)]
    return {"checkpoint_artefact": report.artefact}, []


def _record(sha256: str) -> None:
    with told():
        stored = Stored(digest(sha256), store().size(sha256))
    try:
        folder_record(stored=stored)
    except Invalid:  # a single file
        with transaction.atomic():
            artefact_record(stored=stored)
