"""System events: recorded once, found by full text, resolved by a person."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone

from apps.core.access import require_role
from apps.core.errors import Conflict, NotFound
from apps.core.models import Role, Severity, SystemEvent, User

ID_PREFIX = "evt_"
_MAX_SEARCH_WORDS = 12
_MAX_ID = 2**63 - 1


def system_event_record(
    *,
    event_type: str,
    event_source: str,
    severity: str,
    message: str,
    context: dict[str, Any] | None = None,
    stack_trace: str | None = None,
    dedupe_key: str | None = None,
) -> SystemEvent:
    """Keep one event.

    With a `dedupe_key`, the same thing happening again while unresolved raises `context.count` and
    `context.last_at` of the event that stands instead of adding one; once resolved, it makes a new event.
    Joins the caller's transaction where there is one.
    """
    values = {
        "event_type": event_type[:64],
        "event_source": event_source[:64],
        "severity": severity,
        "message": _storable(message),
        "context": context,
        "stack_trace": None if stack_trace is None else _storable(stack_trace),
    }
    if dedupe_key is None:
        return SystemEvent.objects.create(**values)
    key = dedupe_key[:120]
    with transaction.atomic():
        standing = _repeat(key)
        if standing is not None:
            return standing
        try:
            with transaction.atomic():
                return SystemEvent.objects.create(dedupe_key=key, **values)
        except IntegrityError:  # somebody recorded the same thing between our look and our insert
            standing = _repeat(key)
            if standing is None:
                raise
            return standing


def _repeat(key: str) -> SystemEvent | None:
    """Count another occurrence of the unresolved event with that key."""
    event = SystemEvent.objects.select_for_update().filter(dedupe_key=key).first()
    if event is None:
        return None
    context = dict(event.context or {})
    context["count"] = int(context.get("count", 1)) + 1
    context["last_at"] = timezone.now().isoformat()
    event.context = context
    event.save(update_fields=["context"])
    return event


def _storable(text: str) -> str:
    """Text a database takes: PostgreSQL refuses NUL, UTF-8 refuses lone surrogates."""
    return text.replace("\x00", "�").encode("utf-8", "replace").decode("utf-8")


def system_event_resolve(*, event: SystemEvent, by: User) -> SystemEvent:
    """Mark an event as dealt with; the same thing happening later makes a new one."""
    require_role(by, Role.RESEARCHER)
    now = timezone.now()
    updated = SystemEvent.objects.filter(pk=event.pk, resolved_at__isnull=True).update(resolved_at=now, dedupe_key=None)
    if not updated:
        raise Conflict(f"{event.public_id} is already resolved.")
    event.refresh_from_db()
    return event


def system_event_get(public_id: str) -> SystemEvent:
    """The event known as `evt_<n>`; `NotFound` for anything else."""
    digits = public_id.removeprefix(ID_PREFIX)
    if not public_id.startswith(ID_PREFIX) or not re.fullmatch(r"[0-9]{1,19}", digits) or int(digits) > _MAX_ID:
        raise NotFound(f"There is no system event {public_id[:40]!r}; ids look like evt_12.")
    event = SystemEvent.objects.filter(pk=int(digits)).first()
    if event is None:
        raise NotFound(f"There is no system event {public_id}; it may have passed its retention.")
    return event


def system_events(
    *,
    text: str = "",
    severity: str = "",
    source: str = "",
    event_type: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    resolved: bool | None = None,
) -> QuerySet[SystemEvent]:
    """Events, newest first, narrowed by whatever is given; `text` matches message and context by word beginnings."""
    events = SystemEvent.objects.order_by("-occurred_at", "-event_id")
    exact = {"severity": severity, "event_source": source, "event_type": event_type}
    events = events.filter(**{column: value for column, value in exact.items() if value})
    if since is not None:
        events = events.filter(occurred_at__gte=since)
    if until is not None:
        events = events.filter(occurred_at__lt=until)
    if resolved is not None:
        events = events.filter(resolved_at__isnull=not resolved)
    return events_matching(events, text) if text.strip() else events


def events_matching(events: QuerySet[SystemEvent], text: str) -> QuerySet[SystemEvent]:
    """Those holding every word of `text`. Only letters and digits survive, so no input is a syntax error."""
    words = re.findall(r"[^\W_]+", text.lower())[:_MAX_SEARCH_WORDS]
    if not words:
        return events.none()
    if connection.vendor == "postgresql":
        query = " & ".join(f"{word}:*" for word in words)
        sql = "SELECT event_id FROM system_events WHERE search_vector @@ to_tsquery('simple', %s)"
    else:
        query = " ".join(f'"{word}"*' for word in words)
        sql = "SELECT rowid FROM system_events_fts WHERE system_events_fts MATCH %s"
    return events.filter(pk__in=RawSQL(sql, [query]))  # noqa: S611 - the words are parameters


def event_sources() -> list[str]:
    """Every source that has recorded something, for a filter."""
    return list(SystemEvent.objects.order_by("event_source").values_list("event_source", flat=True).distinct())


def unresolved_counts() -> dict[str, int]:
    """How many events wait for somebody, by severity, worst first; only those a person should act on."""
    serious = (Severity.CRITICAL, Severity.ERROR, Severity.WARNING)
    rows = (
        SystemEvent.objects.filter(resolved_at__isnull=True, severity__in=serious)
        .values_list("severity")
        .annotate(n=Count("pk"))
    )
    found = dict(rows)
    return {level.value: found.get(level.value, 0) for level in serious}
