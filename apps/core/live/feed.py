"""A stream of the log for one client: what it missed, then what is new, in order, each once, in bounded memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from channels.db import DatabaseSyncToAsync

from apps.core.live.log import Event, EventBatch, Position, Scope, head, read, resolve_cursor
from apps.core.live.tailer import QUEUE_LIMIT, Subscription, tailer

P = ParamSpec("P")
T = TypeVar("T")
_threads = ThreadPoolExecutor(4, thread_name_prefix="live-read")


async def in_thread(call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Run something that uses the database in live's own few threads; its connection is closed or returned after.

    Not asgiref's thread-sensitive default: all sockets of a process would wait in one line for one thread.
    """
    result: T = await DatabaseSyncToAsync(call, thread_sensitive=False, executor=_threads)(*arguments, **named)
    return result


class Feed:
    """The events of a scope after a cursor (`start` and `now` are cursors too), to be used as a context.

    It first reads the log from the cursor, then takes what the tailer hands it. Both may hold the same event: the
    position decides, once. `points_of` names jobs whose metric points count as well. When the client is slow and the queue overflows, it goes back to reading the log, at the
    client's pace; so a feed never holds more than one queue and one batch.
    """

    def __init__(
        self,
        scope: Scope,
        after: str | None,
        *,
        default: str = "now",
        queue_limit: int = QUEUE_LIMIT,
        points_of: frozenset[str] = frozenset(),
    ) -> None:
        self.scope = scope
        self._after = after
        self._default = default
        self._position: Position | None = None
        self._behind = True
        self._subscription = Subscription(scope, asyncio.get_running_loop(), limit=queue_limit, points_of=points_of)

    @property
    def position(self) -> Position:
        """Everything of the scope up to here was returned."""
        if self._position is None:
            raise RuntimeError("The feed is not open.")
        return self._position

    async def __aenter__(self) -> Self:
        # The cursor is read only after the tailer has let us in: what it handed out before lies below `now`.
        tailer.add(self._subscription)
        try:
            await self._subscription.joined.wait()
            self._position = await in_thread(resolve_cursor, self._after, default=self._default)
        except BaseException:
            tailer.discard(self._subscription)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tailer.discard(self._subscription)

    async def next(self, *, limit: int = 500, timeout: float | None = None) -> EventBatch | None:
        """The next events or movements of points (at least one), or a reset; nothing when none came within `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                while True:
                    batch = await self._from_log(limit) if self._behind else self._from_queue(limit)
                    if batch is not None:
                        return batch
                    if not self._behind:
                        await self._subscription.ready.wait()
        except TimeoutError:
            return None

    def watch(self, jobs: frozenset[str]) -> None:
        """From now on the points of these jobs count; where those that are new stand is told soon."""
        new = jobs - self._subscription.points_of
        self._subscription.points_of = jobs
        tailer.look_again(new)

    async def skip_to_end(self) -> str:
        """Leave out what is still to come up to now; the cursor to go on from."""
        self._position = await in_thread(head)
        return self._position.cursor

    async def _from_log(self, limit: int) -> EventBatch | None:
        self._subscription.overflowed = False
        batch = await in_thread(read, self.scope, self.position, limit=limit)
        self._position = batch.position
        self._behind = batch.more
        return batch if batch.events or batch.reset else None

    def _from_queue(self, limit: int) -> EventBatch | None:
        subscription = self._subscription
        if subscription.overflowed:
            self._behind = True
            return None
        events: list[Event] = []
        while subscription.queue and len(events) < limit:
            event = subscription.queue.popleft()
            if event.position > self.position:
                events.append(event)
        if subscription.queue:
            self._position = events[-1].position
        else:
            subscription.ready.clear()
            self._position = max(self.position, subscription.upto)
        moved, subscription.moved = subscription.moved, {}
        if not events and not moved:
            return None
        return EventBatch(events, self.position, more=bool(subscription.queue), moved=moved)
