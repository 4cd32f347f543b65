"""What is sent: JSON to programs on `/ws/events/`, rendered fragments to pages on `/ws/live/`."""

from __future__ import annotations

import asyncio
import time
from functools import lru_cache

from apps.core.errors import Invalid, NotFound
from apps.core.live import pages
from apps.core.live.feed import Feed, in_thread
from apps.core.live.handshake import check_query
from apps.core.live.log import Event, Scope
from apps.core.live.messages import as_json, message, snapshot
from apps.core.live.socket import HEARTBEAT_SECONDS, Socket, websocket
from apps.core.live.watching import Watching
from apps.core.models import Job

MESSAGES_A_SECOND = 3
EVENTS_A_MESSAGE = 1000
TOO_FAR_BEHIND = 5000
_MAX_NAME = 200


@lru_cache(maxsize=4096)
def event_json(event: Event) -> str:
    """An event's message as text, made once for all who are sent it."""
    return as_json(message(event))


def event_scope(*, job: str, topic: str, group: str = "") -> Scope:
    """The scope a program asked for; `NotFound` for a job there is not."""
    for name, value in (("topic", topic), ("group", group)):
        if len(value) > _MAX_NAME:
            raise Invalid(f"A {name} is at most 64 characters.", field=name)
    if job and not Job.objects.filter(pk=job).exists():
        raise NotFound(f"There is no job {job[:60]!r}.", details={"field": "job"})
    return Scope(job_id=job or None, topic=topic or None, group=group or None)


async def _events(socket: Socket) -> None:
    """First `open` with the cursor it starts from, then a message an event; `ping` in silence; `reset` with a snapshot.

    For a job, a topic and a group the metrics too, as they come.
    """
    query = socket.query
    check_query(query, frozenset({"job", "topic", "group", "after"}))
    scope = await in_thread(
        event_scope, job=query.get("job", ""), topic=query.get("topic", ""), group=query.get("group", "")
    )
    async with Feed(scope, query.get("after")) as feed:
        watching = Watching(feed, scope)
        await watching.start()
        await socket.send({"type": "open", "cursor": feed.position.cursor})
        while True:
            batch = await feed.next(timeout=HEARTBEAT_SECONDS)
            if batch is None:
                await socket.send({"type": "ping", "cursor": feed.position.cursor})
            elif batch.reset:
                state = await in_thread(snapshot, scope)
                await socket.send({"type": "reset", "cursor": batch.cursor, "snapshot": state})
                await watching.start()
            else:
                for event in batch.events:
                    await socket.send(event_json(event))
                watching.hear(batch.events)
                for said in await in_thread(watching.messages, batch) if batch.moved else ():
                    await socket.send(said)


async def _live(socket: Socket) -> None:
    """Fragments, at most a few messages a second: the first change at once, what follows together."""
    check_query(socket.query, frozenset({"page", "key", "after"}))
    page = pages.get(socket.query.get("page", ""))
    key = socket.query.get("key", "")
    if len(key) > _MAX_NAME:
        raise NotFound("There is no such page.")
    scope = await in_thread(pages.scope_of, page, socket.user, key)
    points_of = await in_thread(pages.points_of, page, socket.user, key)
    async with Feed(scope, socket.query.get("after"), points_of=points_of) as feed:
        await socket.send({"cursor": feed.position.cursor})
        missed = 0
        while True:
            batch = await feed.next(limit=EVENTS_A_MESSAGE, timeout=HEARTBEAT_SECONDS)
            started = time.monotonic()
            if batch is None:
                await socket.send({"cursor": feed.position.cursor})
                continue
            missed = missed + len(batch.events) if batch.more else 0
            if batch.reset or missed > TOO_FAR_BEHIND:
                # Fetching the page again is cheaper than replaying so much, and complete.
                missed = 0
                cursor = await feed.skip_to_end()
                html = await pages.rendered(page, socket.user, key, [])
                await socket.send({"cursor": cursor, "reset": True, "html": html})
            else:
                html = await pages.rendered(page, socket.user, key, batch.events) if batch.events else ""
                html += await pages.drawn(page, socket.user, key, batch.moved)
                await socket.send({"cursor": batch.cursor, "html": html})
            await asyncio.sleep(max(0.0, started + 1 / MESSAGES_A_SECOND - time.monotonic()))


async def _nowhere(_socket: Socket) -> None:
    raise NotFound("There is no stream at this address.")


events_socket = websocket(_events)
live_socket = websocket(_live)
nowhere = websocket(_nowhere)
