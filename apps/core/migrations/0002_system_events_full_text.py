"""Full text over system events, kept in step by the database itself.

SQLite: an FTS5 table whose content is the events table, with triggers for insert, update and delete.
PostgreSQL: a generated tsvector column with a GIN index. Both see the same words: runs of letters and digits.
"""

from django.db import migrations

from apps.core.triggers import per_vendor

_SQLITE = [
    """CREATE VIRTUAL TABLE system_events_fts USING fts5(
        message, context_json, content='system_events', content_rowid='event_id', tokenize='unicode61 remove_diacritics 0'
    )""",
    """CREATE TRIGGER system_events_fts_insert AFTER INSERT ON system_events BEGIN
        INSERT INTO system_events_fts(rowid, message, context_json) VALUES (new.event_id, new.message, new.context_json);
    END""",
    """CREATE TRIGGER system_events_fts_delete AFTER DELETE ON system_events BEGIN
        INSERT INTO system_events_fts(system_events_fts, rowid, message, context_json)
        VALUES ('delete', old.event_id, old.message, old.context_json);
    END""",
    """CREATE TRIGGER system_events_fts_update AFTER UPDATE OF event_id, message, context_json ON system_events BEGIN
        INSERT INTO system_events_fts(system_events_fts, rowid, message, context_json)
        VALUES ('delete', old.event_id, old.message, old.context_json);
        INSERT INTO system_events_fts(rowid, message, context_json) VALUES (new.event_id, new.message, new.context_json);
    END""",
    "INSERT INTO system_events_fts(system_events_fts) VALUES ('rebuild')",
]
# A tsvector holds at most 1 MB: the beginning of a very long text is enough to find it by.
_POSTGRESQL = [
    """ALTER TABLE system_events ADD COLUMN search_vector tsvector GENERATED ALWAYS AS (
        to_tsvector('simple'::regconfig, regexp_replace(
            left(message, 50000) || ' ' || left(coalesce(context_json::text, ''), 50000), '[^[:alnum:]]+', ' ', 'g'
        ))
    ) STORED""",
    "CREATE INDEX system_events_search ON system_events USING gin (search_vector)",
]


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    operations = [
        per_vendor(
            sqlite=_SQLITE,
            postgresql=_POSTGRESQL,
            undo_sqlite=[
                "DROP TRIGGER system_events_fts_insert",
                "DROP TRIGGER system_events_fts_delete",
                "DROP TRIGGER system_events_fts_update",
                "DROP TABLE system_events_fts",
            ],
            undo_postgresql=[
                "DROP INDEX system_events_search",
                "ALTER TABLE system_events DROP COLUMN search_vector",
            ],
        )
    ]
