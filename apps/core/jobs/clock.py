"""Time as the database tells it, and updates that return what they wrote.

Leases are compared on one clock only, the database's: hosts may disagree about the time, rows may not.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connections
from django.db.models import DateTimeField, ExpressionWrapper, F, QuerySet
from django.db.models.functions import Coalesce, Greatest, Now
from django.db.models.sql import UpdateQuery

from apps.core.models import Job


def in_seconds(seconds: float) -> ExpressionWrapper[Any]:
    """The database's now plus `seconds`."""
    return ExpressionWrapper(Now() + timedelta(seconds=seconds), output_field=DateTimeField())


def finish_time() -> Greatest:
    """Now, but never before the start: a wall clock set back must not make a finish impossible."""
    return Greatest(Now(), Coalesce(F("started_at"), Now()))


def update_returning(rows: QuerySet[Job], **values: Any) -> list[Job]:
    """`rows.update(**values)` as one statement that returns the rows as they now stand. The compare-and-set of this app."""
    update = rows.order_by().query.chain(UpdateQuery)
    update.add_update_values(values)  # type: ignore[attr-defined]
    sql, parameters = update.get_compiler(connection=connections[rows.db]).as_sql()
    return list(Job.objects.using(rows.db).raw(f"{sql} RETURNING *", parameters))
