"""What Django has no operation for, as operations of migrations, written once for both vendors: triggers, a table's layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import migrations


def per_vendor(
    *, sqlite: list[str], postgresql: list[str], undo_sqlite: list[str], undo_postgresql: list[str]
) -> migrations.RunPython:
    """One reversible operation that runs the statements of whichever database it meets."""

    def run(statements: dict[str, list[str]]) -> Callable[[Any, Any], None]:
        def apply(_apps: Any, schema_editor: Any) -> None:
            for statement in statements[schema_editor.connection.vendor]:
                # Without parameters, so that percent signs and semicolons inside bodies stay as they are.
                schema_editor.execute(statement, params=None)

        return apply

    return migrations.RunPython(
        run({"sqlite": sqlite, "postgresql": postgresql}),
        run({"sqlite": undo_sqlite, "postgresql": undo_postgresql}),
    )


def updated_at_trigger(table: str, pk: str) -> migrations.RunPython:
    """Keeps `updated_at` of a `TimestampMixin` table true for `.update()` and plain SQL.

    A row whose `updated_at` was already changed by the statement keeps that value, so imports may set it. Name
    it in a migration that runs after the table exists; `pk` is the column of the primary key.

    SQLite loses a table's triggers when a later migration rebuilds the table: Django's ALTERs there make a new
    table. Such a migration names this operation again after its changes.
    """
    name = f"update_{table}_timestamp"
    touch = f"UPDATE {table} SET updated_at = strftime('%Y-%m-%d %H:%M:%f', 'now') WHERE {pk} = NEW.{pk}"  # noqa: S608
    return per_vendor(
        sqlite=[
            f"DROP TRIGGER IF EXISTS {name}",
            f"""CREATE TRIGGER {name} AFTER UPDATE ON {table} FOR EACH ROW
                WHEN NEW.updated_at IS OLD.updated_at
                BEGIN {touch}; END""",
        ],
        undo_sqlite=[f"DROP TRIGGER IF EXISTS {name}"],
        postgresql=[
            """CREATE OR REPLACE FUNCTION terrarium_touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN
                        NEW.updated_at := clock_timestamp();
                    END IF;
                    RETURN NEW;
                END $$""",
            f"DROP TRIGGER IF EXISTS {name} ON {table}",
            f"""CREATE TRIGGER {name} BEFORE UPDATE ON {table}
                FOR EACH ROW EXECUTE FUNCTION terrarium_touch_updated_at()""",
        ],
        undo_postgresql=[f"DROP TRIGGER IF EXISTS {name} ON {table}"],
    )


def without_rowid(table: str) -> migrations.RunPython:
    """Keeps a table of SQLite in the order of its primary key, so that a range of it is read from neighbouring pages.

    Name it after everything else a migration does to the table: whatever makes Django rebuild it there undoes this.
    """

    def rebuild(schema_editor: Any, ending: str) -> None:
        if schema_editor.connection.vendor != "sqlite":
            return
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = %s", [table])
            made = cursor.fetchone()[0].removesuffix(" WITHOUT ROWID")
            cursor.execute(
                "SELECT sql FROM sqlite_master WHERE tbl_name = %s AND sql IS NOT NULL AND type <> 'table'", [table]
            )
            beside = [row[0] for row in cursor.fetchall()]
        for statement in (
            f'ALTER TABLE "{table}" RENAME TO "old__{table}"',
            made + ending,
            f'INSERT INTO "{table}" SELECT * FROM "old__{table}"',  # noqa: S608 - a name of ours
            f'DROP TABLE "old__{table}"',
            *beside,
        ):
            schema_editor.execute(statement, params=None)

    return migrations.RunPython(
        lambda _apps, schema_editor: rebuild(schema_editor, " WITHOUT ROWID"),
        lambda _apps, schema_editor: rebuild(schema_editor, ""),
    )
