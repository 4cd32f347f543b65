"""`updated_at` of an experiment is the database's: true for bulk updates and plain SQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from apps.experiments.models import Experiment
from apps.tasks.models import ArcTask

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_bulk_update_and_plain_sql_move_it(make: Callable[..., Experiment], tasks: list[ArcTask]) -> None:
    made = make(start=False)
    long_ago = timezone.now() - timedelta(days=9)
    Experiment.objects.filter(pk=made.pk).update(updated_at=long_ago)
    made.refresh_from_db()
    assert made.updated_at == long_ago
    Experiment.objects.filter(pk=made.pk).update(name="Other")
    made.refresh_from_db()
    first = made.updated_at
    assert (timezone.now() - first).total_seconds() < 60
    with connection.cursor() as cursor:
        cursor.execute("UPDATE experiments SET description = 'x'")
    made.refresh_from_db()
    assert made.updated_at >= first
