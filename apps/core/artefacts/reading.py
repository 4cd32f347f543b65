"""Artefacts as they stand, and their bytes."""

from __future__ import annotations

from typing import BinaryIO

from django.db.models import QuerySet

from apps.core.artefacts.store import store, told
from apps.core.errors import NotFound
from apps.core.models import Artefact, ArtefactPart


def artefact_get(sha256: str) -> Artefact:
    """The artefact, or `NotFound`."""
    found = Artefact.objects.filter(pk=sha256).first() if len(sha256) == 64 and sha256.isalnum() else None
    if found is None:
        raise NotFound(f"There is no artefact {sha256[:80]!r}.")
    return found


def artefact_open(artefact: Artefact) -> BinaryIO:
    """The bytes, to be read and closed; `NotFound` when the file was lost, which `verify_artefacts` will say too."""
    with told():
        return store().open(artefact.sha256)


def folder_parts(artefact: Artefact) -> QuerySet[ArtefactPart]:
    """The files of a folder by name, with their artefacts; none when it is no folder."""
    return artefact.parts.select_related("file").order_by("name")
