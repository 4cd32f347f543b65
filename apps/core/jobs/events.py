"""Writing the event log: inside the transaction the event describes, with a number that counts within the job."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from apps.core.jobs.reports import Report, Said, StatusChange
from apps.core.models import Job
from apps.core.sql import insert, json_value, update_returning

_COLUMNS = ("job_id", "topic", "seq", "type", "payload", "at")


@dataclass(frozen=True)
class EventEntry:
    """An event to be written: of a job (then its topic is the job's) or of a topic as a whole."""

    type: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    job_id: str | None = None
    topic: str = ""
    at: datetime | None = None

    @classmethod
    def of(cls, said: Report, *, job_id: str | None = None, topic: str = "", at: datetime | None = None) -> EventEntry:
        """A report as the event that stores it."""
        return cls(said.type, said.stored(), job_id, topic, at)


def event_emit(said: Report, *, job: Job | None = None, topic: str = "") -> None:
    """Append one event inside the caller's transaction; readers wake when it commits."""
    events_emit([EventEntry.of(said, job_id=job.pk if job else None, topic=topic)])


def events_emit(entries: Sequence[EventEntry]) -> None:
    """Append events in this order inside the caller's transaction (or one of their own)."""
    if not entries:
        return
    counts: dict[str, int] = {}
    for entry in entries:
        if entry.job_id:
            counts[entry.job_id] = counts.get(entry.job_id, 0) + 1
    alike: dict[int, list[str]] = {}
    for job_id in sorted(counts):
        alike.setdefault(counts[job_id], []).append(job_id)
    with transaction.atomic():
        numbered: dict[str | None, Job] = {}
        for count, job_ids in sorted(alike.items()):
            for job in update_returning(Job.objects.filter(pk__in=job_ids), last_seq=F("last_seq") + count):
                numbered[job.pk] = job
        write(
            [(numbered.get(entry.job_id), entry) for entry in entries if not entry.job_id or entry.job_id in numbered]
        )


def write(rows: Sequence[tuple[Job | None, EventEntry]]) -> None:
    """Insert events whose numbers were already taken: a job's `last_seq` counts the events listed for it here."""
    left: dict[str, int] = {}
    for job, _ in rows:
        if job is not None:
            left[job.pk] = left.get(job.pk, 0) + 1
    moment = connection.ops.adapt_datetimefield_value
    now = timezone.now()
    made: list[tuple[Any, ...]] = []
    names: set[str] = set()
    for job, entry in rows:
        seq, topic = 0, entry.topic
        if job is not None:
            left[job.pk] -= 1
            seq, topic = job.last_seq - left[job.pk], job.topic
            names.add(job.pk)
        if topic:
            names.add(topic)
        payload = json.dumps(dict(entry.payload))
        made.append((job.pk if job else None, topic, seq, entry.type, payload, moment(entry.at or now)))
    insert("core_jobevent", _COLUMNS, made, values=["%s", "%s", "%s", "%s", json_value(), "%s"])
    wake_on_commit(names)


def status_change(old: str, new: str, **more: Any) -> EventEntry:
    """The event of a change of status."""
    return EventEntry.of(StatusChange(old_status=old, new_status=new, **more)) if more else _plain_change(old, new)


@lru_cache(maxsize=64)
def _plain_change(old: str, new: str) -> EventEntry:
    """The same for every job, and written more often than anything else."""
    return EventEntry.of(StatusChange(old_status=old, new_status=new))


def said_entries(said: Iterable[Said]) -> tuple[EventEntry, ...]:
    """The events that store what a job said; what is not an event is kept by whoever hears of it."""
    return tuple(EventEntry.of(report, at=at) for report, at in said if report.is_event)


def wake_on_commit(topics: Iterable[str]) -> None:
    """Tell live readers of these jobs and topics, once the rows can be seen."""
    names = sorted(topics)
    if not names:
        return
    transaction.on_commit(lambda: _wake(names), robust=True)


def _wake(names: list[str]) -> None:
    from apps.core import live  # live delivery reads what this module writes: imported late to stay below it

    wake = getattr(live, "wake", None)
    if wake is not None:
        wake(names)
