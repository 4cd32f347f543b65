"""Server-sent events: the same messages as the JSON socket, for whatever speaks plain HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from apps.core.accounts import Admission
from apps.core.live.feed import Feed, in_thread
from apps.core.live.listeners import Listener, listeners
from apps.core.live.log import Scope
from apps.core.live.messages import as_json, snapshot
from apps.core.live.streams import event_json
from apps.core.live.watching import Watching

RETRY_MILLISECONDS = 1000
KEEP_ALIVE_SECONDS = 15.0
MAX_SECONDS = 900.0


async def event_stream(scope: Scope, after: str | None, admission: Admission) -> AsyncGenerator[str]:
    """`id` is the cursor, so that a client that connects again sends it back as Last-Event-ID.

    A stream ends soon after what let its client in, and after a quarter of an hour anyway: connections that nobody
    reads any more are not kept for ever, and a client connects again by itself.
    """
    ends = time.monotonic() + MAX_SECONDS
    with listeners.join(admission) as listener:
        async with Feed(scope, after) as feed:
            watching = Watching(feed, scope)
            await watching.start()
            yield f"retry: {RETRY_MILLISECONDS}\nid: {feed.position.cursor}\nevent: open\ndata: {{}}\n\n"
            async with aclosing(_parts(scope, feed, watching, listener, ends)) as parts:
                async for part in parts:
                    yield part


async def _parts(scope: Scope, feed: Feed, watching: Watching, listener: Listener, ends: float) -> AsyncGenerator[str]:
    dismissed = asyncio.create_task(listener.dismissed.wait())
    try:
        while time.monotonic() < ends:
            coming = asyncio.ensure_future(feed.next(limit=200, timeout=KEEP_ALIVE_SECONDS))
            try:
                await asyncio.wait({coming, dismissed}, return_when=asyncio.FIRST_COMPLETED)
                if dismissed.done():
                    return
                batch = await coming
            finally:
                coming.cancel()
            if batch is None:
                yield f": {feed.position.cursor}\n\n"
            elif batch.reset:
                state = await in_thread(snapshot, scope)
                data = as_json({"type": "reset", "cursor": batch.cursor, "snapshot": state})
                yield f"id: {batch.cursor}\nevent: reset\ndata: {data}\n\n"
                await watching.start()
            else:
                for event in batch.events:
                    yield f"id: {event.position.cursor}\nevent: {event.type}\ndata: {event_json(event)}\n\n"
                watching.hear(batch.events)
                for said in await in_thread(watching.messages, batch) if batch.moved else ():
                    yield f"id: {batch.cursor}\nevent: metrics\ndata: {as_json(said)}\n\n"
    finally:
        dismissed.cancel()
