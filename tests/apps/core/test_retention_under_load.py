"""What is past its retention goes while others write: in short steps between which everybody gets a turn, and only that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.core.jobs import JobSpec, jobs_enqueue, kinds, sweep
from apps.core.models import Job, JobAttempt, JobEvent, SystemEvent
from tests.apps.core.live_lab import emit, make_member
from tests.patience import PATIENCE

EVENTS, JOBS, FAULTS = 8_000, 2_000, 1_000
LONGEST_STEP = 1_000
WRITERS = 3


@pytest.fixture
def old_lab(shared_database: str) -> Iterator[None]:
    """A lab that has run for months."""
    kinds.register(kinds.Kind("chore", "Chore"))
    long_ago = timezone.now() - timedelta(days=400)
    make_member("olga")
    jobs = Job.objects.bulk_create(
        Job(
            kind="chore", status="completed", created_at=long_ago, started_at=long_ago, finished_at=long_ago, last_seq=1
        )
        for _ in range(JOBS)
    )
    JobAttempt.objects.bulk_create(
        JobAttempt(job=job, number=1, worker="w", host="h", outcome="completed", started_at=long_ago, ended_at=long_ago)
        for job in jobs
    )
    JobEvent.objects.bulk_create(
        JobEvent(topic="old", type="log", payload={"message": "old"}, at=long_ago) for _ in range(EVENTS)
    )
    SystemEvent.objects.bulk_create(
        SystemEvent(event_type="x", event_source="x", severity="info", message="x", occurred_at=long_ago)
        for _ in range(FAULTS)
    )
    yield
    SystemEvent.objects.all().delete()
    kinds._kinds.pop("chore")


class Steps:
    """What the thread that forgets deletes: in how many steps, and how many rows the largest names."""

    def __init__(self) -> None:
        self.taken = 0
        self.largest = 0

    def watch(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        done = execute(sql, params, many, context)
        if sql.startswith("DELETE"):
            self.taken += 1
            self.largest = max(self.largest, len(params))
        return done


def write(stop: threading.Event, written: list[int], failures: list[BaseException]) -> None:
    """Events and jobs, one transaction after the other."""
    try:
        while not stop.is_set():
            emit("new")
            written[0] += 1
            jobs_enqueue(specs=[JobSpec("chore")], owner=None)
            written[0] += 1
    except BaseException as error:
        failures.append(error)
    finally:
        connection.close()


def test_writers_get_their_turn_and_lose_nothing(old_lab: None) -> None:
    steps, stop = Steps(), threading.Event()
    written = [[0] for _ in range(WRITERS)]
    failures: list[BaseException] = []
    threads = [threading.Thread(target=write, args=(stop, own, failures)) for own in written]
    for thread in threads:
        thread.start()
    with connection.execute_wrapper(steps.watch):
        forgotten = sweep.forget_old(event_days=14, job_days=90, system_event_days=180)
    stop.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert failures == []
    assert forgotten == {"events": EVENTS, "jobs": JOBS, "system_events": FAULTS}
    assert steps.largest <= LONGEST_STEP
    assert min(written)[0] >= steps.taken > 10, "nobody waits for the whole, and each writes between most of its steps"
    count = sum(own[0] for own in written) // 2
    assert JobEvent.objects.filter(topic="new").count() == count
    assert Job.objects.filter(kind="chore", status="queued").count() == count
