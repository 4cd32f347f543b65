"""Experiments in the search of the top bar."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q

from apps.core import search
from apps.core.models import User
from apps.core.search import Hit, SearchProvider
from apps.experiments.models import Experiment


def register() -> None:
    """Make the provider known."""
    search.register(SearchProvider("experiments", "Experiments", "experiments", _find))


def _find(_user: User, text: str, limit: int) -> Sequence[Hit]:
    rows = Experiment.objects.only("experiment_id", "name", "status").order_by("-created_at")
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(experiment_id__startswith=text.lower()))
    return [Hit(row.name, f"/experiments/{row.pk}/", status=row.status) for row in rows[:limit]]
