"""SQL that the ORM does not give, for both vendors: the database's clock, many rows in one statement, updates that return.

Leases are compared on one clock only, the database's: hosts may disagree about the time, rows may not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeVar

from django.db import connection, connections
from django.db.models import DateTimeField, ExpressionWrapper, F, Model, QuerySet
from django.db.models.functions import Coalesce, Greatest, Now
from django.db.models.sql import InsertQuery, UpdateQuery

M = TypeVar("M", bound=Model)
_ROWS = 400


def in_seconds(seconds: float) -> ExpressionWrapper[Any]:
    """The database's now plus `seconds`."""
    return ExpressionWrapper(Now() + timedelta(seconds=seconds), output_field=DateTimeField())


def finish_time() -> Greatest:
    """Now, but never before the start: a wall clock set back must not make a finish impossible."""
    return Greatest(Now(), Coalesce(F("started_at"), Now()))


def update_returning(rows: QuerySet[M], **values: Any) -> list[M]:
    """`rows.update(**values)` as one statement that returns the rows as they now stand: a compare-and-set that tells."""
    update = rows.order_by().query.chain(UpdateQuery)
    update.add_update_values(values)  # type: ignore[attr-defined]
    sql, parameters = update.get_compiler(connection=connections[rows.db]).as_sql()
    return list(rows.model._default_manager.using(rows.db).raw(f"{sql} RETURNING *", parameters))


def insert(table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, values: Sequence[str] = ()) -> None:
    """Insert rows without an object a row; `values` are the SQL expressions around the parameters, `%s` each unless given."""
    expressions = list(values) or ["%s"] * len(columns)
    one = f"({', '.join(expressions)})"
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([one] * len(part))}",  # noqa: S608
                [value for row in part for value in row],
            )


Statement = tuple[str, Sequence[Any]]


def insert_statements(rows: Sequence[Model]) -> list[Statement]:
    """`bulk_create` taken apart: what costs Python its time is done here, before a transaction holds others up."""
    if not rows:
        return []
    query = InsertQuery(type(rows[0]))
    fields = [field for field in type(rows[0])._meta.concrete_fields if not field.generated]
    query.insert_values(fields, list(rows))
    return list(query.get_compiler(connection=connection).as_sql())


def execute(statements: Sequence[Statement]) -> None:
    """Carry out what was prepared."""
    with connection.cursor() as cursor:
        for sql, parameters in statements:
            cursor.execute(sql, parameters)


def json_value() -> str:
    """A parameter that holds JSON as text."""
    return "%s::jsonb" if connection.vendor == "postgresql" else "%s"


def now_value(*, ago: int = 0) -> str:
    """The database's now, or so many seconds before it, as Django stores moments."""
    if connection.vendor == "postgresql":
        return f"STATEMENT_TIMESTAMP() - INTERVAL '{ago} seconds'" if ago else "STATEMENT_TIMESTAMP()"
    back = f", '-{ago} seconds'" if ago else ""
    return f"STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'now'{back})"


def larger() -> str:
    """The function that gives the larger of its arguments."""
    return "GREATEST" if connection.vendor == "postgresql" else "MAX"
