"""Server-sent events: the same messages as the JSON socket, for whatever speaks plain HTTP."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from apps.core.live.feed import Feed, in_thread
from apps.core.live.log import Scope
from apps.core.live.messages import as_json, snapshot
from apps.core.live.streams import event_json

RETRY_MILLISECONDS = 1000
KEEP_ALIVE_SECONDS = 15.0
MAX_SECONDS = 900.0


async def event_stream(scope: Scope, after: str | None) -> AsyncIterator[str]:
    """`id` is the cursor, so that a client that connects again sends it back as Last-Event-ID.

    A stream ends after a quarter of an hour, and the client connects again by itself: permissions are asked anew.
    """
    ends = time.monotonic() + MAX_SECONDS
    async with Feed(scope, after) as feed:
        yield f"retry: {RETRY_MILLISECONDS}\nid: {feed.position.cursor}\nevent: open\ndata: {{}}\n\n"
        while time.monotonic() < ends:
            batch = await feed.next(limit=200, timeout=KEEP_ALIVE_SECONDS)
            if batch is None:
                yield f": {feed.position.cursor}\n\n"
            elif batch.reset:
                state = await in_thread(snapshot, scope)
                data = as_json({"type": "reset", "cursor": batch.cursor, "snapshot": state})
                yield f"id: {batch.cursor}\nevent: reset\ndata: {data}\n\n"
            else:
                for event in batch.events:
                    yield f"id: {event.position.cursor}\nevent: {event.type}\ndata: {event_json(event)}\n\n"
