"""Points reach sockets, streams and pages as they are written: gathered, thinned when they come too fast, never as events."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from apps.core import live as delivery
from apps.core.accounts import Admission
from apps.core.jobs.hooks import tell_reports
from apps.core.jobs.reports import Log, Metrics, hear
from apps.core.live import pages, tailer
from apps.core.live.feed import Feed
from apps.core.live.log import Scope
from apps.core.live.points import POINTS_A_MESSAGE, PointReader, moved_on
from apps.core.live.sse import event_stream
from apps.core.live.tailer import Tailer
from apps.core.metrics import Point, points_upsert
from apps.core.models import Job, JobEvent, User
from tests.apps.core.live_lab import Listener, aside, emit, make_member, session_of
from tests.patience import PATIENCE


def make_job() -> Job:
    return Job.objects.create(kind="chore", topic="run_1", created_at=timezone.now())


def write(job: Job, steps: range, key: str = "loss", value: float = 1.0) -> None:
    points_upsert(points=[Point(job.pk, key, step, value) for step in steps])


def report(job: Job, *payloads: dict[str, Any]) -> None:
    """What a worker does with what a job says."""
    with transaction.atomic():
        tell_reports(job, [hear("metrics", payload) for payload in payloads])


def metrics_in(messages: Sequence[dict[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
    return [(one["step"], one["metrics"]) for one in messages]


async def test_a_feed_is_told_which_jobs_points_have_moved_and_only_of_those_it_watches(live: Tailer) -> None:
    mine, other = await aside(make_job), await aside(make_job)
    async with Feed(Scope(job_id=mine.pk), "now", points_of=frozenset({mine.pk})) as feed:
        await aside(write, other, range(3))
        assert await feed.next(timeout=0.5) is None
        await aside(write, mine, range(3))
        batch = await feed.next(timeout=PATIENCE)
        assert batch is not None
        assert (batch.events, dict(batch.moved)) == ([], {mine.pk: 3})
        await aside(write, mine, range(3))
        batch = await feed.next(timeout=PATIENCE)
        assert batch is not None
        assert dict(batch.moved) == {mine.pk: 6}, "a point that is replaced counts too"
        assert await feed.next(timeout=0.5) is None


async def test_whoever_comes_later_is_told_at_once_where_things_stand(live: Tailer) -> None:
    job = await aside(make_job)
    await aside(write, job, range(7))
    for _ in range(2):
        async with Feed(Scope(job_id=job.pk), "now", points_of=frozenset({job.pk})) as feed:
            batch = await feed.next(timeout=PATIENCE)
            assert batch is not None
            assert dict(batch.moved) == {job.pk: 7}


async def test_a_burst_of_batches_becomes_a_few_messages_and_the_last_state_is_told(
    live: Tailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailer, "POINTS_SECONDS", 2.0)  # a busy machine writes slowly, and must not seem to tell often
    job = await aside(make_job)
    told: list[int] = []
    async with Feed(Scope(job_id=job.pk), "now", points_of=frozenset({job.pk})) as feed:
        for start in range(0, 60, 2):
            await aside(write, job, range(start, start + 2))
        while not told or told[-1] != 60:
            batch = await feed.next(timeout=PATIENCE)
            assert batch is not None
            told.append(batch.moved[job.pk])
    assert len(told) < 30
    assert told == sorted(told)


async def test_a_socket_for_a_job_sends_its_metrics_in_their_published_shape(live: Tailer) -> None:
    job = await aside(make_job)
    headers = session_of_member = await aside(lambda: session_of(make_member("olga")))
    assert session_of_member
    async with Listener(f"/ws/events/?job={job.pk}", headers) as client:
        assert (await client.any())["type"] == "open"
        await aside(report, job, {"step": 3, "train_loss": 0.5, "learning_rate": 1e-4})
        first = await client.next()
        await aside(report, job, {"step": 4, "train_loss": "nan"}, {"step": 5, "train_loss": 0.25})
        second, third = await client.next(), await client.next()
    assert set(first) == {"type", "cursor", "job_id", "topic", "seq", "timestamp", "step", "metrics"}
    assert (first["type"], first["job_id"], first["topic"], first["seq"]) == ("metrics", job.pk, "run_1", None)
    assert metrics_in([first, second, third]) == [
        (3, {"train_loss": 0.5, "learning_rate": 1e-4}),
        (4, {"train_loss": None}),
        (5, {"train_loss": 0.25}),
    ]
    assert second["nonfinite"] == {"train_loss": "nan"}
    assert first["timestamp"].endswith("+00:00")
    assert not await aside(JobEvent.objects.filter(type="metrics").exists)


async def test_events_and_metrics_come_on_one_socket(live: Tailer) -> None:
    job = await aside(make_job)
    headers = await aside(lambda: session_of(make_member("olga")))
    async with Listener(f"/ws/events/?job={job.pk}", headers) as client:
        await client.any()
        await aside(emit, job=job)
        await aside(report, job, {"step": 1, "loss": 1.0})
        got = [await client.next() for _ in range(2)]
    assert sorted(one["type"] for one in got) == ["log", "metrics"]


async def test_server_sent_events_carry_metrics_too(live: Tailer) -> None:
    job = await aside(make_job)
    await aside(report, job, {"step": 9, "loss": 2.0})
    stream = event_stream(Scope(job_id=job.pk), "now", Admission(user_id="user_nobody"))
    try:
        assert "event: open" in await anext(stream)
        said = await anext(stream)
    finally:
        await stream.aclose()
    lines = dict(line.split(": ", 1) for line in said.strip().split("\n"))
    assert lines["event"] == "metrics"
    assert json.loads(lines["data"])["metrics"] == {"loss": 2.0}


def test_a_reader_is_first_told_where_each_curve_stands_and_then_what_is_new(db: None) -> None:
    job = make_job()
    write(job, range(100), "loss", 1.0)
    write(job, range(0, 100, 50), "eval", 2.0)
    reader = PointReader(job.pk)
    assert metrics_in(reader.messages("0-1")) == [(50, {"eval": 2.0}), (99, {"loss": 1.0})]
    assert reader.messages("0-1") == []
    write(job, range(100, 103), "loss", 3.0)
    write(job, range(102, 103), "new", 4.0)
    assert metrics_in(reader.messages("0-1")) == [
        (100, {"loss": 3.0}),
        (101, {"loss": 3.0}),
        (102, {"loss": 3.0, "new": 4.0}),
    ]


def test_what_comes_too_fast_is_thinned_and_says_so_and_keeps_its_spikes(db: None) -> None:
    job = make_job()
    write(job, range(1))
    reader = PointReader(job.pk)
    reader.messages("0-1")
    write(job, range(1, 5_000))
    write(job, range(3_333, 3_334), value=99.0)
    messages = reader.messages("0-1")
    assert len(messages) <= POINTS_A_MESSAGE
    assert all(one["thinned"] for one in messages)
    assert (3_333, {"loss": 99.0}) in metrics_in(messages)
    assert messages[-1]["step"] == 4_999


def test_what_has_moved_is_asked_in_one_statement(db: None, django_assert_num_queries: Any) -> None:
    jobs = [make_job() for _ in range(5)]
    for job in jobs[:3]:
        write(job, range(4))
    with django_assert_num_queries(1):
        assert moved_on([job.pk for job in jobs]) == {job.pk: 4 for job in jobs[:3]}
    with django_assert_num_queries(0):
        assert moved_on([]) == {}


@pytest.fixture
def page() -> Iterator[list[tuple[str, Any]]]:
    """A live page that notes what it draws."""
    drawn: list[tuple[str, Any]] = []

    def render(_user: User, _key: str, events: Sequence[delivery.Event]) -> str:
        drawn.append(("events", len(events)))
        return f"<p id='e' hx-swap-oob='true'>{len(events)}</p>"

    def draw(_user: User, key: str, jobs: Collection[str]) -> str:
        drawn.append(("points", list(jobs)))
        return f"<p id='p' hx-swap-oob='true'>{moved_on([key])[key]}</p>"

    known = dict(pages._pages)
    delivery.register(
        delivery.LivePage("probe", lambda _u, key: [key], render, points=lambda _u, key: [key], draw_points=draw)
    )
    yield drawn
    pages._pages.clear()
    pages._pages.update(known)


async def test_a_page_draws_its_charts_when_points_move_and_its_parts_when_events_come(
    live: Tailer, page: list[tuple[str, Any]]
) -> None:
    job = await aside(make_job)
    headers = await aside(lambda: session_of(make_member("olga")))
    async with Listener(f"/ws/live/?page=probe&key={job.pk}", headers) as client:
        await client.any()
        await aside(write, job, range(3))
        assert "<p id='p' hx-swap-oob='true'>3</p>" in (await client.next())["html"]
        await aside(emit, job=job)
        assert "<p id='e' hx-swap-oob='true'>1</p>" in (await client.next())["html"]
    assert page == [("points", [job.pk]), ("events", 1)]


async def test_watchers_of_one_page_share_a_drawing(live: Tailer, page: list[tuple[str, Any]]) -> None:
    job = await aside(make_job)
    headers = await aside(lambda: session_of(make_member("olga")))
    path = f"/ws/live/?page=probe&key={job.pk}"
    async with Listener(path, headers) as one, Listener(path, headers) as other:
        await one.any()
        await other.any()
        await aside(write, job, range(3))
        assert (await one.next())["html"] == (await other.next())["html"]
    assert page == [("points", [job.pk])]


def test_a_report_of_metrics_is_not_an_event_and_a_log_line_is() -> None:
    assert (Metrics.is_event, Log.is_event) == (False, True)
