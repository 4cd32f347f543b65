"""Reads of datasets."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from apps.core.errors import NotFound
from apps.training.models import Dataset

_HEAVY = ("faults",)


def datasets() -> QuerySet[Dataset]:
    """Every version of every dataset, without what only its own page shows."""
    return Dataset.objects.select_related("owner").defer(*_HEAVY)


def datasets_matching(rows: QuerySet[Dataset], text: str) -> QuerySet[Dataset]:
    """Those whose name, description or id has the text in it."""
    return rows.filter(Q(name__icontains=text) | Q(description__icontains=text) | Q(pk=text))


def dataset_get(*, dataset_id: str) -> Dataset:
    """The dataset, or `NotFound`."""
    found = (
        None
        if "\x00" in dataset_id
        else Dataset.objects.select_related("owner", "parent", "job").filter(pk=dataset_id).first()
    )
    if found is None:
        raise NotFound(f"There is no dataset {dataset_id[:80]!r}.")
    return found


def owners() -> list[str]:
    """Who has any."""
    names = Dataset.objects.filter(owner__isnull=False).order_by("owner__username").values_list("owner__username")
    return [name for (name,) in names.distinct()]
