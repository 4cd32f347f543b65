"""Many small rows in one statement: what the queue writes most often, without an object per row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

_ROWS = 400


def insert(table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, values: Sequence[str] = ()) -> None:
    """Insert rows; `values` are the SQL expressions around the parameters, `%s` each unless given."""
    expressions = list(values) or ["%s"] * len(columns)
    one = f"({', '.join(expressions)})"
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([one] * len(part))}",  # noqa: S608
                [value for row in part for value in row],
            )


def json_value() -> str:
    """A parameter that holds JSON as text."""
    return "%s::jsonb" if connection.vendor == "postgresql" else "%s"


def now_value() -> str:
    """The database's now, as Django stores moments."""
    return (
        "STATEMENT_TIMESTAMP()" if connection.vendor == "postgresql" else "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'now')"
    )


def larger() -> str:
    """The function that gives the larger of its arguments."""
    return "GREATEST" if connection.vendor == "postgresql" else "MAX"
