"""Remember the highest deleted position of the event log, so that a reader can be told what it missed.

A trigger raises it, so that a sweep, the deletion of a job and plain SQL all keep it true.
"""

from django.db import migrations, models

from apps.core.triggers import per_vendor

_SQLITE = """CREATE TRIGGER core_jobevent_floor AFTER DELETE ON core_jobevent FOR EACH ROW BEGIN
    INSERT INTO core_eventfloor (id, xid, event_id) VALUES (1, OLD.xid, OLD.id)
    ON CONFLICT (id) DO UPDATE SET xid = excluded.xid, event_id = excluded.event_id
    WHERE (excluded.xid, excluded.event_id) > (core_eventfloor.xid, core_eventfloor.event_id);
END"""
_POSTGRESQL = [
    """CREATE FUNCTION core_jobevent_raise_floor() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO core_eventfloor (id, xid, event_id)
        SELECT 1, xid, id FROM gone ORDER BY xid DESC, id DESC LIMIT 1
        ON CONFLICT (id) DO UPDATE SET xid = excluded.xid, event_id = excluded.event_id
        WHERE (excluded.xid, excluded.event_id) > (core_eventfloor.xid, core_eventfloor.event_id);
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER core_jobevent_floor AFTER DELETE ON core_jobevent
        REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION core_jobevent_raise_floor()""",
]


class Migration(migrations.Migration):
    dependencies = [("core", "0003_login_link_loopback_only")]

    operations = [
        migrations.CreateModel(
            name="EventFloor",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ("xid", models.BigIntegerField()),
                ("event_id", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="core_eventfloor_one_row")
                ],
            },
        ),
        per_vendor(
            sqlite=[_SQLITE],
            undo_sqlite=["DROP TRIGGER core_jobevent_floor"],
            postgresql=_POSTGRESQL,
            undo_postgresql=[
                "DROP TRIGGER core_jobevent_floor ON core_jobevent",
                "DROP FUNCTION core_jobevent_raise_floor()",
            ],
        ),
    ]
