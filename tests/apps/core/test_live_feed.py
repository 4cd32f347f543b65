"""A stream gives a client what it missed, then what is new: in order, each once, in bounded memory."""

from __future__ import annotations

import asyncio
import threading

import pytest
from django.db import transaction

from apps.core.jobs.events import event_emit
from apps.core.jobs.reports import Log
from apps.core.live import head_cursor, log, wakeup
from apps.core.live import tailer as tailing
from apps.core.live.feed import Feed
from apps.core.live.log import EVERYTHING, Scope
from apps.core.live.tailer import Tailer
from tests.apps.core.live_lab import aside, emit, emit_many, forget_everything
from tests.patience import BRIEFLY, PATIENCE, until_async

MINE = Scope(topic="t")


async def take(feed: Feed, count: int, *, limit: int = 500) -> list[str]:
    """The messages of the next `count` events."""
    found: list[str] = []
    while len(found) < count:
        batch = await feed.next(limit=limit, timeout=PATIENCE)
        assert batch is not None, f"silence after {found}"
        assert not batch.reset
        found += [event.payload["message"] for event in batch.events]
    return found


async def caught_up(feed: Feed) -> None:
    """Until it is handed what is new instead of reading what was."""
    while feed._behind:
        await feed.next(timeout=BRIEFLY)


async def test_a_client_gets_what_it_missed_and_then_what_is_new(live: Tailer) -> None:
    cursor = await aside(head_cursor)
    await aside(emit_many, 3)
    async with Feed(MINE, cursor) as feed:
        assert await take(feed, 3) == ["0", "1", "2"]
        await aside(emit_many, 2, start=3)
        assert await take(feed, 2) == ["3", "4"]
        assert await feed.next(timeout=BRIEFLY) is None


async def test_events_written_while_a_client_catches_up_come_once_and_in_order(live: Tailer) -> None:
    cursor = await aside(head_cursor)
    await aside(emit_many, 20)
    async with Feed(MINE, cursor) as feed:
        first = await take(feed, 5, limit=5)
        await aside(emit_many, 20, start=20)
        # The tailer hands these over before the client has read its past.
        await until_async(lambda: feed._subscription.queue or feed._subscription.overflowed)
        rest = await take(feed, 35, limit=5)
        assert first + rest == [str(number) for number in range(40)]


async def test_another_topic_wakes_nobody_but_moves_the_cursor(live: Tailer) -> None:
    async with Feed(MINE, "now") as feed:
        assert await feed.next(timeout=BRIEFLY) is None
        before = feed.position
        await aside(emit, "other")
        assert await feed.next(timeout=BRIEFLY) is None
        await aside(emit_many, 1)
        await take(feed, 1)
        assert feed.position > before


async def test_a_commit_wakes_its_readers_without_a_poll(live: Tailer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POLL_SECONDS", "POLL_WITH_REDIS_SECONDS"):
        monkeypatch.setattr(tailing, name, 100 * PATIENCE)
    async with Feed(MINE, "now") as feed:
        assert await feed.next(timeout=BRIEFLY) is None
        await aside(emit_many, 1)
        assert await take(feed, 1) == ["0"]


async def test_an_open_transaction_delays_only_its_own_events_on_sqlite_and_loses_none_anywhere(live: Tailer) -> None:
    written, commit = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with transaction.atomic():
            event_emit(Log.heard({"message": "slow"}), topic="t")
            written.set()
            assert commit.wait(PATIENCE)

    async with Feed(MINE, "now") as feed:
        writing = asyncio.create_task(aside(write_slowly))
        await until_async(written.is_set)
        assert await feed.next(timeout=BRIEFLY) is None
        commit.set()
        assert await take(feed, 1) == ["slow"]
        await writing


async def test_a_slow_client_costs_one_queue_and_still_gets_everything_once(live: Tailer) -> None:
    async with Feed(MINE, "now", queue_limit=10) as feed:
        await caught_up(feed)
        queue = feed._subscription.queue
        for start in range(0, 200, 8):
            await aside(emit_many, 8, start=start)
            await asyncio.sleep(0)
            assert len(queue) <= 10
        await until_async(lambda: feed._subscription.overflowed)
        assert await take(feed, 200, limit=7) == [str(number) for number in range(200)]
        await aside(emit_many, 1, start=200)
        assert await take(feed, 1) == ["200"]


async def test_a_cursor_before_the_floor_is_reset_once_and_the_stream_goes_on(live: Tailer) -> None:
    await aside(emit_many, 1)
    cursor = await aside(head_cursor)
    await aside(emit_many, 2)
    await aside(forget_everything)
    async with Feed(MINE, cursor) as feed:
        batch = await feed.next(timeout=PATIENCE)
        assert batch is not None
        assert batch.reset
        await aside(emit_many, 1, start=9)
        assert await take(feed, 1) == ["9"]


async def test_one_reading_serves_every_stream(live: Tailer, monkeypatch: pytest.MonkeyPatch) -> None:
    readings = []
    read = log.read

    def counted(*arguments: object, **named: object) -> object:
        found = read(*arguments, **named)  # type: ignore[arg-type]
        readings.extend([arguments] if found.events else [])  # it also looks in vain, the oftener the slower we are
        return found

    feeds = [Feed(MINE if number % 2 else EVERYTHING, "now") for number in range(20)]
    try:
        for feed in feeds:
            await feed.__aenter__()
            await caught_up(feed)
        monkeypatch.setattr(tailing, "read", counted)
        await aside(emit_many, 3)
        for feed in feeds:
            assert await take(feed, 3) == ["0", "1", "2"]
        assert len(readings) == 1
    finally:
        for feed in feeds:
            await feed.__aexit__(None, None, None)


async def test_the_tailer_is_there_only_while_somebody_listens(live: Tailer) -> None:
    assert not live.running
    async with Feed(MINE, "now"):
        assert live.running
    await until_async(lambda: not live.running)
    assert live.listeners() == 0
    async with Feed(MINE, "now") as feed:
        await aside(emit_many, 1)
        assert await take(feed, 1) == ["0"]


async def test_the_tailer_outlives_a_database_that_fails_and_misses_nothing(
    live: Tailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Feed(MINE, "now") as feed:
        await caught_up(feed)
        read, failures = log.read, iter(range(3))

        def failing(*arguments: object, **named: object) -> object:
            if next(failures, None) is not None:
                raise ConnectionError("the database restarts")
            return read(*arguments, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(tailing, "read", failing)
        await aside(emit_many, 3)
        assert await take(feed, 3) == ["0", "1", "2"]


async def test_without_a_wake_up_the_log_is_polled(live: Tailer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeup, "_listeners", set())
    async with Feed(MINE, "now") as feed:
        monkeypatch.setattr(wakeup, "_listeners", set())  # nobody hears commits any more
        await aside(emit_many, 1)
        assert await take(feed, 1) == ["0"]
