"""The event log is read in commit order: nothing is passed over, nothing comes twice, and what is gone is said."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.core.errors import Invalid
from apps.core.jobs.events import event_emit
from apps.core.jobs.reports import Log
from apps.core.live import head_cursor, log, read_events
from apps.core.live.log import EVERYTHING, Position, Scope
from apps.core.models import Job, JobEvent
from tests.apps.core.live_lab import emit, emit_many, forget_everything

pytestmark = pytest.mark.usefixtures("shared_database")

on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="writers take turns on SQLite")


def messages(batch: log.EventBatch) -> list[str]:
    return [event.payload["message"] for event in batch.events]


def test_events_come_in_order_and_the_cursor_continues_after_them() -> None:
    emit_many(5)
    first = read_events(after=None, limit=3)
    second = read_events(after=first.cursor, limit=3)
    assert messages(first) == ["0", "1", "2"]
    assert first.more
    assert messages(second) == ["3", "4"]
    assert not second.more
    assert read_events(after=second.cursor).events == []


def test_the_head_lies_before_everything_written_later_and_after_everything_written_before() -> None:
    emit_many(2)
    cursor = head_cursor()
    emit_many(1, start=2)
    assert messages(read_events(after=cursor)) == ["2"]


def test_the_head_of_an_empty_log_is_a_cursor_too() -> None:
    cursor = head_cursor()
    emit_many(1)
    batch = read_events(after=cursor)
    assert messages(batch) == ["0"]
    assert not batch.reset


def test_a_rolled_back_event_leaves_no_gap_and_no_trace() -> None:
    cursor = head_cursor()
    with transaction.atomic():
        event_emit(Log.heard({"message": "never"}), topic="t")
        transaction.set_rollback(True)
    emit_many(1)
    assert messages(read_events(after=cursor)) == ["0"]


def test_a_cursor_advances_past_events_of_other_topics() -> None:
    cursor = read_events(after=None, topic="mine").cursor
    emit_many(3, topic="theirs")
    later = read_events(after=cursor, topic="mine")
    assert later.events == []
    assert log.parse_cursor(later.cursor) > log.parse_cursor(cursor)


def test_a_reader_sees_only_its_job_or_its_topic() -> None:
    job = Job.objects.create(kind="noop", topic="mine")
    emit("theirs", message="theirs")
    emit("mine", message="of the topic")
    with transaction.atomic():
        event_emit(Log.heard({"message": "of the job"}), job=job)
    assert messages(read_events(after=None, job_id=job.pk)) == ["of the job"]
    assert messages(read_events(after=None, topic="mine")) == ["of the topic", "of the job"]
    assert len(read_events(after=None).events) == 3


def test_the_rule_in_memory_and_the_rule_in_sql_agree() -> None:
    start = log.floor()
    for topic in ("a", "b", "c"):
        emit(topic)
        emit(topic, type="progress", fraction=0.5)
    everything = log.read(EVERYTHING, start).events
    for scope, count in (
        (EVERYTHING, 6),
        (Scope(topic="a"), 2),
        (Scope(names=frozenset({"a", "b"})), 4),
        (Scope(types=frozenset({"progress"})), 3),
        (Scope(topic="b", types=frozenset({"log"})), 1),
    ):
        found = [event.position for event in log.read(scope, start).events]
        assert found == [event.position for event in everything if scope.matches(event)]
        assert len(found) == count


def test_a_cursor_that_is_none_is_refused_with_its_field() -> None:
    big = "9223372036854775808"
    for rubbish in ("x", "1", "1-", "-1-2", "1-2-3", "1.5-2", "٣-٤", "1-99999999999999999999", f"{big}-1", "1 -2"):
        with pytest.raises(Invalid) as refusal:
            read_events(after=rubbish)
        assert refusal.value.status == 422
        assert refusal.value.field == "after"


def test_a_cursor_older_than_what_is_kept_is_reset_to_the_head() -> None:
    emit_many(3)
    old = read_events(after=None, limit=1).cursor
    forget_everything()
    emit_many(1, start=3)
    batch = read_events(after=old)
    assert batch.reset
    assert batch.events == []
    emit_many(1, start=4)
    assert messages(read_events(after=batch.cursor)) == ["4"]


def test_a_cursor_that_missed_nothing_survives_the_sweep() -> None:
    emit_many(3)
    cursor = read_events(after=None).cursor
    forget_everything()
    emit_many(1, start=3)
    batch = read_events(after=cursor)
    assert not batch.reset
    assert messages(batch) == ["3"]


def test_deleting_a_job_counts_as_forgetting_its_events() -> None:
    job = Job.objects.create(kind="noop")
    cursor = head_cursor()
    emit(job=job)
    emit_many(1)
    job.delete()
    assert read_events(after=cursor).reset


def test_deleting_in_any_order_never_lowers_the_floor() -> None:
    emit_many(3)
    first, second, _third = JobEvent.objects.order_by("id")
    JobEvent.objects.filter(pk=second.pk).delete()
    floor = log.floor()
    JobEvent.objects.filter(pk=first.pk).delete()
    assert log.floor() == floor == Position(second.xid, second.pk)


def test_the_start_is_the_oldest_event_kept_without_a_reset() -> None:
    emit_many(3)
    oldest = JobEvent.objects.order_by("id").first()
    assert oldest is not None
    oldest.delete()
    batch = read_events(after="start")
    assert not batch.reset
    assert messages(batch) == ["1", "2"]


def test_a_cursor_from_the_future_or_from_another_database_is_reset() -> None:
    emit_many(1)
    assert read_events(after=f"{2**60}-1").reset
    foreign = "12345-7" if connection.vendor == "sqlite" else "0-7"
    assert read_events(after=foreign).reset


@pytest.fixture
def another() -> Iterator[Any]:
    """A second connection to the same database."""
    second = connection.copy()
    yield second
    second.close()


def insert(second: Any, message: str) -> None:
    with second.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_jobevent (topic, seq, type, payload, at) VALUES ('t', 0, 'log', %s, %s)",
            [f'{{"message": "{message}"}}', timezone.now()],
        )


@on_postgresql
def test_a_row_that_commits_late_is_delivered_after_it_and_nothing_twice(another: Any) -> None:
    cursor = head_cursor()
    another.set_autocommit(False)
    insert(another, "began first, committed last")
    emit("t", message="began last, committed first")
    during = read_events(after=cursor)
    assert during.events == []  # its id is higher than that of a row still to come
    another.commit()
    after = read_events(after=during.cursor)
    assert messages(after) == ["began first, committed last", "began last, committed first"]
    assert read_events(after=after.cursor).events == []


@on_postgresql
def test_an_old_transaction_that_inserts_after_a_newer_one_committed_is_not_passed_over(another: Any) -> None:
    cursor = head_cursor()
    another.set_autocommit(False)
    with another.cursor() as statement:
        statement.execute("SELECT pg_current_xact_id()")
    emit("t", message="newer")
    cursor = read_events(after=cursor).cursor
    insert(another, "older, with the higher id")
    another.commit()
    assert messages(read_events(after=cursor)) == ["older, with the higher id", "newer"]


@on_postgresql
def test_readers_that_only_read_hold_nobody_back(another: Any) -> None:
    another.set_autocommit(False)
    with another.cursor() as statement:
        statement.execute("SELECT count(*) FROM core_jobevent")
    emit("t", message="at once")
    assert messages(read_events(after="start")) == ["at once"]
    another.rollback()


@on_postgresql
def test_a_transaction_of_another_database_holds_nobody_back(another: Any) -> None:
    another.settings_dict = {**another.settings_dict, "NAME": "postgres", "OPTIONS": {}}
    another.set_autocommit(False)
    with another.cursor() as statement:
        statement.execute("SELECT pg_current_xact_id()")
    emit("t", message="at once")
    assert messages(read_events(after="start")) == ["at once"]
    another.rollback()


@on_postgresql
def test_where_the_log_ends_costs_the_same_whoever_else_writes(another: Any) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as caught:
            head_cursor()
        return len(caught)

    assert statements() == 1
    with transaction.atomic():
        emit("t", message="mine, not committed")
        alone = statements()
        insert(another, "a neighbour's, committed since")
        assert statements() == alone == 2


def test_ids_of_transactions_keep_their_place_when_the_short_counter_wraps() -> None:
    following = 5 * 2**32 + 10
    for running in (following - 1, following - 10, following - 11, following + 3, following - 2**30):
        assert log._whole_xid(running % 2**32, following) == running


def test_many_writers_at_once_and_a_reader_that_polls_meanwhile_sees_each_event_once(shared_database: str) -> None:
    cursor = head_cursor()
    seen: list[str] = []

    def write(name: str) -> None:
        for number in range(20):
            emit("t", message=f"{name}{number}")
        connection.close()

    writers = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        batch = read_events(after=cursor, limit=7)
        cursor, seen = batch.cursor, seen + messages(batch)
    while (batch := read_events(after=cursor)).events:
        cursor, seen = batch.cursor, seen + messages(batch)
    assert sorted(seen) == sorted(f"{name}{number}" for name in "abcd" for number in range(20))


def test_reads_are_a_range_of_an_index() -> None:
    Job.objects.bulk_create([Job(job_id=f"job_{n}", kind="noop", topic=f"topic-{n}") for n in range(20)])
    now = timezone.now()
    JobEvent.objects.bulk_create(
        [
            JobEvent(job_id=f"job_{n % 20}", topic=f"topic-{n % 20}", seq=n, type="log", at=now + timedelta(seconds=n))
            for n in range(8000)
        ]
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE core_jobevent")
    middle = JobEvent.objects.order_by("id")[4000]
    after = Position(middle.xid, middle.pk)
    for scope, index in ((EVERYTHING, "position"), (Scope(topic="topic-3"), "topic"), (Scope(job_id="job_3"), "job")):
        plan = log.explain(scope, after, limit=100)
        if connection.vendor == "sqlite":
            ranges = ("rowid>?", "(xid=? AND id>?") if index == "position" else (f"core_jobevent_{index} (",)
            assert any(text in plan for text in ranges), plan
            assert "id>?" in plan, plan
            assert "SCAN" not in plan, plan
            assert "TEMP B-TREE" not in plan, plan
        else:  # which index serves best depends on what the planner knows of so few rows; bench/live.py has a million
            assert "Index Scan using core_jobevent_" in plan, plan
            assert "ROW(xid, id) >" in plan.split("Index Cond", 1)[1], plan
            assert "Sort" not in plan, plan
