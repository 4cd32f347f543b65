"""Who needs a file says so in the schema: the collector knows no other list."""

from __future__ import annotations

from django.db.models import PROTECT, RESTRICT

from apps.core.models import Artefact, ArtefactPart


def test_every_reference_to_an_artefact_protects_it() -> None:
    own = ArtefactPart._meta.get_field("folder")
    loose = [
        f"{relation.related_model.__name__}.{relation.field.name}"
        for relation in Artefact._meta.related_objects
        if relation.field is not own and relation.on_delete not in {PROTECT, RESTRICT}
    ]
    assert loose == [], "the artefact would be collected under them: use on_delete=models.PROTECT"
