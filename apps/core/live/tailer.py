"""One reader of the log a process: it reads each new event once and hands it to every local subscription.

It is a thread and not a coroutine because its work is blocking reads on one long-lived connection of its own: no
hop through an executor a poll, no connection opened a read, no other work that could delay it. It starts with the
first subscription and ends soon after the last.

How it notices: a wake-up from this process or, with Redis, from any other; else by polling, cheaply on SQLite
(`PRAGMA data_version` tells whether any other connection committed), and slowly where Redis does the waking.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from django.conf import settings
from django.db import connection

from apps.core.live import points as metric_points
from apps.core.live import wakeup
from apps.core.live.log import EVERYTHING, START, Event, Position, Scope, anything_after, has_unsettled, head, read

logger = logging.getLogger(__name__)
QUEUE_LIMIT = 2000
READ_BATCH = 500
POLL_SECONDS = 0.05
POLL_WITH_REDIS_SECONDS = 1.0
POLL_UNSETTLED_SECONDS = 0.02
POINTS_SECONDS = 0.25
"""How long metric points gather before whoever looks on is told."""
LINGER_SECONDS = 3.0
_MAX_RETRY_SECONDS = 5.0


class Subscription:
    """What one stream is handed: a bounded queue that, when it overflows, forgets and says so.

    Everything here happens on the stream's event loop; the tailer only schedules it there.
    """

    def __init__(
        self,
        scope: Scope,
        loop: asyncio.AbstractEventLoop,
        *,
        limit: int = QUEUE_LIMIT,
        points_of: frozenset[str] = frozenset(),
    ) -> None:
        self.scope = scope
        self.points_of = points_of
        self.moved: dict[str, int] = {}
        self.loop = loop
        self.limit = limit
        self.queue: deque[Event] = deque()
        self.overflowed = False
        self.upto = START
        self.joined = asyncio.Event()
        self.ready = asyncio.Event()

    def offer(self, events: Sequence[Event], upto: Position) -> None:
        """New events, all of them up to a position; those of other scopes are passed over."""
        self.upto = upto
        if self.overflowed:
            return
        wanted = [event for event in events if self.scope.matches(event)]
        if len(self.queue) + len(wanted) > self.limit:
            self.overflow()
        elif wanted:
            self.queue.extend(wanted)
            self.ready.set()

    def touch(self, moved: Mapping[str, int]) -> None:
        """The metric points of these jobs have moved on."""
        self.moved |= {job_id: state for job_id, state in moved.items() if job_id in self.points_of}
        if self.moved:
            self.ready.set()

    def overflow(self) -> None:
        """Give up on the queue: the stream reads the log itself from its own cursor."""
        self.queue.clear()
        self.overflowed = True
        self.ready.set()


class Tailer:
    """The process's reader of the log."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: dict[asyncio.AbstractEventLoop, set[Subscription]] = {}
        self._joining: list[Subscription] = []
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        self._listener: wakeup.Listener | None = None
        self._points: dict[str, int] = {}
        self._newly_watched: set[str] = set()
        self._points_due = False
        self._points_at = 0.0

    def add(self, subscription: Subscription) -> None:
        """Hand events to this subscription from now on; `joined` is set once that is certain."""
        with self._lock:
            self._joining.append(subscription)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live-tailer", daemon=True)
                self._thread.start()
        self._woken.set()

    def discard(self, subscription: Subscription) -> None:
        """Stop handing events to it."""
        with self._lock:
            if subscription in self._joining:
                self._joining.remove(subscription)
            there = self._subscriptions.get(subscription.loop, set())
            there.discard(subscription)
            if not there:
                self._subscriptions.pop(subscription.loop, None)

    def look_again(self, jobs: Iterable[str]) -> None:
        """Somebody watches the points of these jobs who did not: tell where they stand."""
        with self._lock:
            self._newly_watched.update(jobs)
        self._woken.set()

    @property
    def running(self) -> bool:
        """Whether the thread is there."""
        return self._thread is not None

    def listeners(self) -> int:
        """How many subscriptions there are."""
        with self._lock:
            return len(self._joining) + sum(map(len, self._subscriptions.values()))

    def _run(self) -> None:
        def heard() -> None:
            self._woken.set()

        wakeup.listen(heard)
        url = settings.CONFIG.redis_url
        listener = wakeup.Listener(url, heard) if url else None
        try:
            self._follow(listener)
        finally:
            wakeup.unlisten(heard)
            if listener:
                listener.stop()
            _drop_connection()
            with self._lock:
                if self._thread is threading.current_thread():
                    self._thread = None

    def _follow(self, listener: wakeup.Listener | None) -> None:
        """Follow the log until nobody listens."""
        position: Position | None = None
        version: object = None
        idle_since = time.monotonic()
        failures = 0
        while True:
            pause = POLL_WITH_REDIS_SECONDS if listener and listener.connected else POLL_SECONDS
            try:
                if position is None:
                    position = head()
                self._join(position)
                seen = _version(position)
                self._points_due = self._points_due or seen != version or connection.vendor != "sqlite"
                self._follow_points()
                if seen != version:
                    position = self._advance(position)
                    if has_unsettled(position):
                        pause = POLL_UNSETTLED_SECONDS
                    version = seen if connection.vendor == "sqlite" else None
                if self._points_due:
                    pause = min(pause, POINTS_SECONDS)
                failures = 0
            except Exception as error:  # whatever the database throws: the tailer outlives it
                failures += 1
                log = logger.warning if failures == 1 else logger.debug
                log("The event log cannot be read (%s: %s); trying again.", type(error).__name__, error)
                _drop_connection()
                version = None
                pause = min(0.05 * 2**failures, _MAX_RETRY_SECONDS)
            if self.listeners():
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > LINGER_SECONDS and self._leave():
                return
            if self._woken.wait(pause):
                self._woken.clear()

    def _follow_points(self) -> None:
        """Tell whose metric points have moved on; for those who have just come, that is all that have any."""
        now = time.monotonic()
        if not self._points_due or now - self._points_at < POINTS_SECONDS:
            return
        watched = {job_id for _, some in self._by_loop() for one in some for job_id in one.points_of}
        self._points_due = False
        if not watched:
            self._points = {}
            return
        self._points_at = now
        seen = metric_points.moved_on(sorted(watched))
        moved = {job_id: state for job_id, state in seen.items() if self._points.get(job_id) != state}
        self._points = seen
        for loop, subscriptions in self._by_loop() if moved else ():
            self._on(loop, _touch_all, subscriptions, moved)

    def _leave(self) -> bool:
        with self._lock:
            if self._joining or self._subscriptions:
                return False
            self._thread = None
            return True

    def _join(self, position: Position) -> None:
        """Let the newcomers in. From here they are handed all that follows `position`."""
        with self._lock:
            newcomers, self._joining = self._joining, []
            watched, self._newly_watched = self._newly_watched, set()
            for subscription in newcomers:
                self._subscriptions.setdefault(subscription.loop, set()).add(subscription)
            watched = watched.union(*(one.points_of for one in newcomers))
        for job_id in watched:
            self._points.pop(job_id, None)
        self._points_due = self._points_due or bool(watched)
        for subscription in newcomers:
            subscription.upto = position
            self._on(subscription.loop, subscription.joined.set)

    def _advance(self, position: Position) -> Position:
        """Read and hand out all that is new; the position after it."""
        more = True
        while more:
            batch = read(EVERYTHING, position, limit=READ_BATCH)
            if batch.reset:
                self._overflow_all()
            elif batch.events:
                self._hand_out(batch.events, batch.position)
            position, more = batch.position, batch.more
        return position

    def _hand_out(self, events: Sequence[Event], upto: Position) -> None:
        for loop, subscriptions in self._by_loop():
            self._on(loop, _offer_all, subscriptions, events, upto)

    def _overflow_all(self) -> None:
        for loop, subscriptions in self._by_loop():
            for subscription in subscriptions:
                self._on(loop, subscription.overflow)

    def _by_loop(self) -> list[tuple[asyncio.AbstractEventLoop, list[Subscription]]]:
        with self._lock:
            return [(loop, list(subscriptions)) for loop, subscriptions in self._subscriptions.items()]

    def _on(self, loop: asyncio.AbstractEventLoop, call: object, *arguments: object) -> None:
        try:
            loop.call_soon_threadsafe(call, *arguments)  # type: ignore[arg-type]
        except RuntimeError:  # the loop is closed: its streams are gone
            with self._lock:
                self._subscriptions.pop(loop, None)


def _offer_all(subscriptions: Sequence[Subscription], events: Sequence[Event], upto: Position) -> None:
    for subscription in subscriptions:
        subscription.offer(events, upto)


def _touch_all(subscriptions: Sequence[Subscription], moved: Mapping[str, int]) -> None:
    for subscription in subscriptions:
        subscription.touch(moved)


def _version(position: Position) -> object:
    """Something that differs from what was last seen when there may be more to read. One cheap statement."""
    if connection.vendor != "sqlite":
        return True if anything_after(position) else None
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA data_version")  # changes when another connection commits
        return cursor.fetchone()[0]


def _drop_connection() -> None:
    try:
        connection.close()
    except Exception as error:  # a connection that cannot even be closed is gone
        logger.debug("Closing a failed connection: %s", error)


tailer = Tailer()
