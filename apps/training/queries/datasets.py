"""Reads of datasets."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from django.db.models import PROTECT, RESTRICT, Q, QuerySet

from apps.core.artefacts import artefact_open
from apps.core.errors import NotFound
from apps.training.engine import datasets as engine
from apps.training.models import Dataset

_HEAVY = ("faults",)


def datasets() -> QuerySet[Dataset]:
    """Every version of every dataset, without what only its own page shows."""
    return Dataset.objects.select_related("owner").defer(*_HEAVY)


def datasets_matching(rows: QuerySet[Dataset], text: str) -> QuerySet[Dataset]:
    """Those whose name, description or id has the text in it."""
    return rows.filter(Q(name__icontains=text) | Q(description__icontains=text) | Q(pk=text))


def datasets_filtered(
    *, name: str, q: str, state: str | None, format: str | None, origin: str | None
) -> QuerySet[Dataset]:
    """Those that a program asks for."""
    rows = datasets()
    for column, value in (("name", name), ("state", state), ("format", format), ("origin", origin)):
        if value:
            rows = rows.filter(**{column: value})
    return datasets_matching(rows, q) if q else rows


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


def versions(dataset: Dataset) -> list[Dataset]:
    """All of its name, the newest first."""
    return list(datasets().filter(name=dataset.name).order_by("-version")[:100])


def children(dataset: Dataset) -> list[Dataset]:
    """What was made of it."""
    return list(datasets().filter(parent=dataset).order_by("-created_at", "-dataset_id")[:100])


def uses(dataset: Dataset) -> list[str]:
    """What needs it: every row that refers to it and forbids that it goes."""
    found: list[str] = []
    for relation in Dataset._meta.related_objects:
        if relation.on_delete in {PROTECT, RESTRICT}:
            rows = relation.related_model._base_manager.filter(**{relation.field.name: dataset})
            name = str(relation.related_model._meta.verbose_name)
            found += [f"{name} {row}" for row in rows.order_by("pk")[:100]]
    return found


@dataclass(frozen=True)
class Example:
    """An example by its number, from 1."""

    number: int
    values: dict[str, Any]


@dataclass(frozen=True)
class Examples:
    """Some examples, and the number to go on from (None: these were the last)."""

    items: Sequence[Example]
    following: int | None


def examples(dataset: Dataset, *, start: int, count: int, text: str = "") -> Examples:
    """`count` examples from number `start` (from 1) on, or the next with a text in them."""
    if dataset.examples is None or dataset.places is None:
        return Examples([], None)
    with closing(artefact_open(dataset.places)) as kept:
        places = kept.read()
    with closing(artefact_open(dataset.examples)) as file:
        if text:
            found = engine.search(file, places, text, start=start - 1, count=count)
            items = [Example(number + 1, values) for number, values in found.examples]
            return Examples(items, None if found.following is None else found.following + 1)
        page = engine.page(file, places, start=start - 1, count=count)
    items = [Example(start + number, values) for number, values in enumerate(page)]
    following = start + len(items)
    return Examples(items, following if items and following <= dataset.num_samples else None)
