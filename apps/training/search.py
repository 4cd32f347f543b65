"""Datasets in the search of the top bar."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q

from apps.core import search
from apps.core.models import User
from apps.core.search import Hit, SearchProvider
from apps.training.models import Dataset


def register() -> None:
    """Make the provider known."""
    search.register(SearchProvider("datasets", "Datasets", "training", _find))


def _find(_user: User, text: str, limit: int) -> Sequence[Hit]:
    rows = Dataset.objects.only("dataset_id", "name", "version", "state").order_by("-created_at", "-dataset_id")
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(dataset_id__startswith=text.lower()))
    return [Hit(str(row), f"/training/datasets/{row.pk}/", status=row.state) for row in rows[:limit]]
