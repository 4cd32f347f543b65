"""A stream of a topic or a group brings the metrics of its jobs, of those too that begin while it is open."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.utils import timezone

from apps.core.accounts import Admission
from apps.core.jobs.events import event_emit
from apps.core.jobs.reports import StatusChange
from apps.core.live import groups, watching
from apps.core.live.groups import Grouping
from apps.core.live.log import Scope
from apps.core.live.sse import event_stream
from apps.core.live.tailer import Tailer
from apps.core.metrics import Point, points_upsert
from apps.core.models import Job, JobStatus
from tests.apps.core.live_lab import Listener, aside, make_member, session_of


def make(topic: str, *, running: bool) -> Job:
    held = {"status": JobStatus.RUNNING, "worker": "w", "lease_expires_at": timezone.now()} if running else {}
    return Job.objects.create(kind="chore", topic=topic, started_at=timezone.now(), **held)


def measure(job: Job, *steps: int) -> None:
    points_upsert(points=[Point(job.pk, "loss", step, float(step)) for step in steps])


def change(job: Job, old: str, new: str) -> None:
    event_emit(StatusChange(old_status=old, new_status=new), job=job)


@pytest.fixture
def family(monkeypatch: pytest.MonkeyPatch) -> None:
    """The topics `1-a` and `1-b` belong to family_1."""
    monkeypatch.setattr(groups, "_groupings", {})
    monkeypatch.setattr(groups, "_known", {})
    groups.register(
        Grouping(
            "families",
            members=lambda group: [f"{group[-1]}-{name}" for name in "ab"],
            owners=lambda topics: {name: f"family_{name[0]}" for name in topics if name[1:2] == "-"},
        )
    )


def told(message: dict[str, Any]) -> tuple[str, str, int]:
    return message["job_id"], message["topic"], message["step"]


@pytest.mark.parametrize("scope", ["topic=1-a", "group=family_1"])
async def test_the_metrics_of_a_topic_and_of_a_group_come_as_they_are_measured(
    live: Tailer, family: None, scope: str
) -> None:
    mine, other = await aside(lambda: make("1-a", running=True)), await aside(lambda: make("2-a", running=True))
    headers = await aside(lambda: session_of(make_member("olga")))
    async with Listener(f"/ws/events/?{scope}", headers) as client:
        assert (await client.any())["type"] == "open"
        await aside(measure, other, 1)
        await aside(measure, mine, 1)
        assert told(await client.next()) == (mine.pk, "1-a", 1)
        await aside(measure, mine, 2)
        assert told(await client.next()) == (mine.pk, "1-a", 2)


async def test_a_job_that_begins_later_joins_with_all_it_has_measured(live: Tailer, family: None) -> None:
    headers = await aside(lambda: session_of(make_member("olga")))
    async with Listener("/ws/events/?group=family_1", headers) as client:
        await client.any()
        late = await aside(lambda: make("1-b", running=True))
        await aside(measure, late, 1, 2, 3)
        await aside(change, late, "queued", "running")
        got = [await client.next() for _ in range(4)]
    assert got[0]["type"] == "status_change"
    assert [told(one) for one in got[1:]] == [(late.pk, "1-b", step) for step in (1, 2, 3)]


async def test_server_sent_events_of_a_topic_carry_metrics_too(live: Tailer) -> None:
    job = await aside(lambda: make("1-a", running=True))
    await aside(measure, job, 9)
    stream = event_stream(Scope(topic="1-a"), "now", Admission(user_id="user_nobody"))
    try:
        assert "event: open" in await anext(stream)
        said = await anext(stream)
    finally:
        await stream.aclose()
    lines = dict(line.split(": ", 1) for line in said.strip().split("\n"))
    assert lines["event"] == "metrics"
    assert json.loads(lines["data"])["job_id"] == job.pk


async def test_those_that_have_ended_make_room_and_a_full_stream_leaves_others_out(
    live: Tailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MAX_JOBS", 2)
    headers = await aside(lambda: session_of(make_member("olga")))
    async with Listener("/ws/events/?topic=1-a", headers) as client:
        await client.any()
        jobs = [await aside(lambda: make("1-a", running=True)) for _ in range(4)]
        for job in jobs[:3]:
            await aside(change, job, "queued", "running")
        await aside(change, jobs[0], "running", "completed")
        await aside(change, jobs[3], "queued", "running")
        for _ in range(5):
            assert (await client.next())["type"] == "status_change"
        await aside(measure, jobs[2], 1)
        await aside(measure, jobs[3], 5)
        assert told(await client.next()) == (jobs[3].pk, "1-a", 5)
