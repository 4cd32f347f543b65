"""`updated_at` stays true for bulk updates and plain SQL: a trigger keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.state import ProjectState

from apps.core.triggers import updated_at_trigger

OLD = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def table(transactional_db: None) -> Iterator[str]:
    """A table with the trigger, made and unmade as a migration would."""
    kind = "timestamptz" if connection.vendor == "postgresql" else "datetime"
    operation = updated_at_trigger("probe_rows", "row_id")
    state = ProjectState()
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE probe_rows (row_id text PRIMARY KEY, name text, updated_at {kind} NOT NULL)")
    with connection.schema_editor() as editor:
        operation.database_forwards("core", editor, state, state)
    yield "probe_rows"
    with connection.schema_editor() as editor:
        operation.database_backwards("core", editor, state, state)
    execute("INSERT INTO probe_rows VALUES ('z', 'z', %s)", OLD)
    execute("UPDATE probe_rows SET name = 'y' WHERE row_id = 'z'")
    assert moment("z").year == 2020, "without the trigger nothing touches it"
    execute("DROP TABLE probe_rows")


def execute(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def moment(row: str) -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT updated_at FROM probe_rows WHERE row_id = %s", [row])
        value = cursor.fetchone()[0]
    parsed = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def test_an_update_that_does_not_name_it_moves_it_and_one_that_does_is_kept(table: str) -> None:
    execute("INSERT INTO probe_rows VALUES ('a', 'x', %s), ('b', 'x', %s)", OLD, OLD)
    assert moment("a") == OLD
    execute("UPDATE probe_rows SET name = 'y' WHERE row_id = 'a'")
    now = datetime.now(UTC)
    assert abs((moment("a") - now).total_seconds()) < 60
    assert moment("b") == OLD
    imported = datetime(2021, 6, 1, tzinfo=UTC)
    execute("UPDATE probe_rows SET name = 'z', updated_at = %s WHERE row_id = 'a'", imported)
    assert moment("a") == imported
