"""Who refers to a row, read from the models: a foreign key with `on_delete=PROTECT` says that its row needs the other.

So what is deleted when nobody needs it any more (an artefact, an old job) needs no list of who may need it.
"""

from __future__ import annotations

from django.db.models import PROTECT, RESTRICT, Exists, Model, OuterRef, Q


def unreferenced(model: type[Model]) -> Q:
    """The rows of `model` that no row needs."""
    condition = Q()
    for relation in model._meta.related_objects:
        if relation.on_delete in {PROTECT, RESTRICT}:
            needing = relation.related_model._base_manager.filter(**{relation.field.name: OuterRef("pk")})
            condition &= ~Q(Exists(needing))
    return condition
