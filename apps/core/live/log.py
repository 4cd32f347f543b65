"""The event log as readers see it: a position that only grows in commit order, and what lies after it.

On SQLite writers take turns, so row ids grow in commit order and a position is `(0, id)`. On PostgreSQL a row may
commit after one with a higher id has been read; so rows carry their transaction's id, and readers stop below the
oldest transaction still running in this database: everything below it is final, nothing can appear there later.

An event lies after a cursor when its position is greater. So the end of the log is `(that transaction's id, 0)` on
PostgreSQL, whether or not an event is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import RawSQL

from apps.core.errors import Invalid
from apps.core.live import groups
from apps.core.models import EventFloor, JobEvent

MAX_BATCH = 2000
_BIGINT = 2**63 - 1
_CURSOR = re.compile(r"(\d{1,19})-(\d{1,19})", re.ASCII)
_COLUMNS = ("xid", "id", "job_id", "topic", "seq", "type", "payload", "at")


class Position(NamedTuple):
    """Where in the log: the writing transaction (0 on SQLite), then the row."""

    xid: int
    id: int

    @property
    def cursor(self) -> str:
        """The text a client keeps and sends back."""
        return f"{self.xid}-{self.id}"


START = Position(0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One entry of the log. Compared by identity, so that what is derived from it can be kept beside it."""

    position: Position
    job_id: str | None
    topic: str
    seq: int
    type: str
    payload: dict[str, Any]
    at: datetime
    group: str | None = None
    """Filled in where events of all scopes are read to be handed out."""


@dataclass(frozen=True)
class Scope:
    """Which events a reader wants. `names` matches a topic or a job id, `group` the group itself and all its topics;
    nothing set means the whole feed."""

    job_id: str | None = None
    topic: str | None = None
    group: str | None = None
    names: frozenset[str] | None = None
    types: frozenset[str] | None = None

    def matches(self, event: Event) -> bool:
        """Whether this event is wanted."""
        return (
            (self.job_id is None or event.job_id == self.job_id)
            and (self.topic is None or event.topic == self.topic)
            and (self.group is None or self.group in (event.topic, event.group))
            and (self.names is None or event.topic in self.names or event.job_id in self.names)
            and (self.types is None or event.type in self.types)
        )

    def restrict(self, rows: QuerySet[JobEvent]) -> QuerySet[JobEvent]:
        """The same rule in SQL."""
        if self.job_id is not None:
            rows = rows.filter(job_id=self.job_id)
        if self.topic is not None:
            rows = rows.filter(topic=self.topic)
        if self.group is not None:
            rows = rows.filter(groups.within(self.group))
        if self.names is not None:
            names = sorted(self.names)
            rows = rows.filter(Q(topic__in=names) | Q(job_id__in=names))
        if self.types is not None:
            rows = rows.filter(type__in=sorted(self.types))
        return rows


EVERYTHING = Scope()


@dataclass(frozen=True)
class EventBatch:
    """Events in order and the cursor after them.

    `reset` says that the cursor asked for is not one this log can continue from: part of what followed was
    forgotten. Then there are no events, and `cursor` is the log's end: read the state anew and go on from there.
    `more` says that further events are there already. `moved` names jobs whose metric points have changed, each with a
    number for their present state; points are not events and have no position.
    """

    events: list[Event]
    position: Position
    reset: bool = False
    more: bool = False
    moved: Mapping[str, int] = field(default_factory=dict)

    @property
    def cursor(self) -> str:
        """Where to go on."""
        return self.position.cursor


def parse_cursor(text: str, *, field: str = "after") -> Position:
    """The position a client sent; `Invalid` names the field when it is not a cursor."""
    found = _CURSOR.fullmatch(text)
    if found is None or int(found[1]) > _BIGINT or int(found[2]) > _BIGINT:
        raise Invalid(
            f"{text[:60]!r} is not a cursor: send back the cursor of the last message, 'start' or 'now'.", field=field
        )
    return Position(int(found[1]), int(found[2]))


def resolve_cursor(text: str | None, *, default: str, field: str = "after") -> Position:
    """The position meant by a cursor, by `start` (the oldest event kept) or by `now` (the log's end)."""
    word = text or default
    if word == "start":
        return floor()
    if word == "now":
        return head()
    return parse_cursor(word, field=field)


def read_events(
    *, after: str | None, job_id: str | None = None, topic: str | None = None, limit: int = 500
) -> EventBatch:
    """The events after a cursor, oldest first; without one, from the oldest kept.

    Only what is committed and final is read: an open transaction's own events are not.
    """
    return read(Scope(job_id=job_id, topic=topic), resolve_cursor(after, default="start"), limit=limit)


def head_cursor() -> str:
    """The cursor of the log's end. Take it before reading the state it will continue."""
    return head().cursor


def read(scope: Scope, after: Position, *, limit: int = 500) -> EventBatch:
    """The events of a scope after a position.

    The order of the statements matters. The end first: rows up to it are visible to what follows. The floor last:
    a sweep deletes and raises it in one transaction, so rows missing from the read show as a floor above `after`.
    """
    end, beyond = _end()
    limit = max(1, min(limit, MAX_BATCH))
    rows = list(_between(scope, after, end)[:limit].values_list(*_COLUMNS))
    if after < floor() or after > beyond or _is_foreign(after):
        return EventBatch([], end, reset=True)
    belongs = groups.owners(row[3] for row in rows) if scope == EVERYTHING else {}
    events = [_event(row, belongs.get(row[3])) for row in rows]
    more = len(events) == limit
    return EventBatch(events, events[-1].position if more else max(after, end), more=more)


def _event(row: tuple[Any, ...], group: str | None) -> Event:
    xid, number, job_id, topic, seq, type_, payload, at = row
    return Event(Position(xid, number), job_id, topic, seq, type_, payload, at, group)


def head() -> Position:
    """The log's end: nothing at or below it will still change or appear."""
    return _end()[0]


def floor() -> Position:
    """The highest position forgotten; a reader below it may have missed something."""
    row = EventFloor.objects.values_list("xid", "event_id").first()
    return Position(*row) if row else START


def anything_after(after: Position) -> bool:
    """Whether any committed event lies after a position, be it final or not. Asked many times a second, so in plain SQL."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM core_jobevent WHERE (xid, id) > (%s, %s))", tuple(after))
        return bool(cursor.fetchone()[0])


def has_unsettled(after: Position) -> bool:
    """Whether committed events wait for an older transaction to end before they may be read (PostgreSQL only)."""
    return connection.vendor == "postgresql" and anything_after(after)


def explain(scope: Scope, after: Position, *, limit: int = 500) -> str:
    """The database's plan for a read, for tests and benchmarks."""
    return _between(scope, after, _end()[0])[:limit].explain()


def _between(scope: Scope, after: Position, end: Position) -> QuerySet[JobEvent]:
    upto = Q(xid__lt=end.xid) if connection.vendor == "postgresql" else Q(id__lte=end.id)
    return scope.restrict(_beyond(after)).filter(upto).order_by("xid", "id")


def _beyond(after: Position) -> QuerySet[JobEvent]:
    """What lies after a position, said so that one range of the (..., xid, id) indexes answers."""
    if connection.vendor == "postgresql":
        text = "(core_jobevent.xid, core_jobevent.id) > (%s, %s)"
        span = RawSQL(text, tuple(after), output_field=BooleanField())  # noqa: S611
        return JobEvent.objects.filter(span)
    # SQLite does not use an index for row values that hold the row id; there the id alone is the order.
    return JobEvent.objects.filter(xid=0, id__gt=after.id)


def _end() -> tuple[Position, Position]:
    """The log's end, and the highest position that can have been handed out."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            if connection.in_atomic_block:  # the statistics views keep what they said earlier in a transaction
                cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(_SNAPSHOT)
            oldest, following, here = cursor.fetchone()
            if here is not None:
                oldest = min((_whole_xid(xid, following) for xid in here), default=following)
            return Position(min(oldest, following), 0), Position(following, 0)
        # The counter behind AUTOINCREMENT: rolled back with its transaction, and never lowered by a deletion.
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = 'core_jobevent'")
        row = cursor.fetchone()
        end = Position(0, row[0] if row else 0)
        return end, end


# The snapshot, and who runs in this database: its xmin counts the whole cluster, where a stranger's import would hold us
# up. One statement, whoever else writes: its snapshot is taken before any of it is carried out, so whoever had an id by
# then is either listed still, or has ended and is visible to what is read next. (An id is shown to every role.)
_SNAPSHOT = """
    SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint,
           CASE WHEN pg_snapshot_xmin(s) <> pg_snapshot_xmax(s) THEN ARRAY(
               SELECT backend_xid::text::bigint FROM pg_stat_activity
               WHERE datname = current_database() AND backend_xid IS NOT NULL
               UNION ALL
               SELECT transaction::text::bigint FROM pg_prepared_xacts WHERE database = current_database()
           ) END
    FROM pg_current_snapshot() s
"""


def _whole_xid(short: int, following: int) -> int:
    """The 64-bit id behind a 32-bit one that is near `following`."""
    ahead = (short - following) % 2**32
    return following + (ahead if ahead < 2**31 else ahead - 2**32)


def _is_foreign(position: Position) -> bool:
    """A cursor of the other kind of database: the lab has moved since."""
    return connection.vendor == "postgresql" and position.xid == 0 and position.id > 0
