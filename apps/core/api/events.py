"""JSON API: the event log, polled or as a stream. The websocket `/ws/events/` sends the same messages."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from apps.core.accounts import Principal
from apps.core.live import log
from apps.core.live.listeners import listeners
from apps.core.live.messages import message
from apps.core.live.sse import event_stream
from apps.core.live.streams import event_scope
from apps.core.streaming import Stream

router = Router(tags=["events"])

_AFTER = "A cursor from an earlier answer, `start` (the oldest event kept) or `now`."


class EventFilter(Schema):
    """Which events: of a job, of a topic (an experiment run's id, say), of a group of topics (an experiment's id), or all."""

    job: str = Field("", max_length=200, description="Only this job's events.")
    topic: str = Field("", max_length=64, description="Only this topic's events.")
    group: str = Field(
        "", max_length=64, description="Only events of this group of topics, also of those that begin later."
    )


class EventQuery(EventFilter):
    """Which events, from where, and how many at a time."""

    after: str = Field("start", max_length=64, description=_AFTER)
    limit: int = Field(500, ge=1, le=log.MAX_BATCH)


class StreamQuery(EventFilter):
    """Which events, and from where."""

    after: str = Field("", max_length=64, description=f"{_AFTER} Without it, `now`; `Last-Event-ID` wins over it.")


class EventPage(Schema):
    """Events in order, and the cursor to ask with next."""

    events: list[dict[str, Any]] = Field(
        description="Messages by `type`: log (timestamp, level, message), metrics (step, metrics), status_change "
        "(old_status, new_status, state, timestamp), progress (progress, note), result (result), checkpoint (step, "
        "artefact, size_bytes, seconds), cell (the end of an experiment's cell); each with cursor, job_id, topic and seq."
    )
    cursor: str = Field(description="Send it back as `after`.")
    reset: bool = Field(
        description="The cursor asked for is older than what is kept: some events are gone. Read the state again, "
        "then go on from `cursor`."
    )
    more: bool = Field(description="Further events are there already.")


@router.get("", response=EventPage, summary="Events after a cursor")
def list_events(request: HttpRequest, query: Query[EventQuery]) -> dict[str, Any]:
    """The events after a cursor, oldest first. Ask again with the cursor of the answer: nothing is missed or repeated."""
    wanted = event_scope(job=query.job, topic=query.topic, group=query.group)
    batch = log.read(wanted, log.resolve_cursor(query.after, default="start"), limit=query.limit)
    return {
        "events": [message(event) for event in batch.events],
        "cursor": batch.cursor,
        "reset": batch.reset,
        "more": batch.more,
    }


@router.get(
    "/stream",
    summary="Events as they happen (server-sent events)",
    openapi_extra={
        "responses": {
            200: {
                "description": "A stream of events: `id` is the cursor, `event` the type, `data` the message as JSON.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            }
        }
    },
)
def stream_events(request: HttpRequest, query: Query[StreamQuery]) -> Stream:
    """Follows the log. The first event is `open`; `reset` (with a snapshot) says that older events are gone.

    A browser's EventSource connects again by itself and sends the last id it saw; so nothing is missed or repeated.
    """
    wanted = event_scope(job=query.job, topic=query.topic, group=query.group)
    last_seen = request.headers.get("Last-Event-ID", "").strip()
    principal: Principal = request.principal  # type: ignore[attr-defined]
    listeners.check_room(principal.user.pk)
    log.resolve_cursor(last_seen or query.after, default="now", field="Last-Event-ID" if last_seen else "after")
    # Synchronous up to here, like every endpoint; the server iterates the stream on its event loop.
    return Stream(
        event_stream(wanted, last_seen or query.after, principal.admission),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
