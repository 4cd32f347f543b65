"""Statements over many ranges of many curves at once, for both vendors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

_TYPES = {"scale": "double precision", "shift": "integer", "level": "integer"}


def spans(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    """A common table `s` with these rows, and its parameters. Join it first: CROSS JOIN keeps SQLite to that order."""
    names = ", ".join(columns)
    if connection.vendor == "postgresql":
        arrays = ", ".join(f"%s::{_TYPES.get(name, 'bigint')}[]" for name in columns)
        table = f"SELECT * FROM unnest({arrays})"  # noqa: S608 - constants only
        return f"WITH s({names}) AS ({table})", [list(column) for column in zip(*rows, strict=True)]
    one = f"({', '.join(['%s'] * len(columns))})"
    return f"WITH s({names}) AS (VALUES {', '.join([one] * len(rows))})", [value for row in rows for value in row]


def fetch(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def run(statement: str, parameters: Sequence[Any]) -> None:
    """A statement without rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
