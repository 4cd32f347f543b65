"""Taking over from the dead, keeping deadlines, waking what is due, forgetting what is old."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.core.artefacts import artefact_store, store
from apps.core.jobs import JobSpec, job_cancel, job_enqueue, job_pause, jobs_enqueue, sweep
from apps.core.jobs.lease import Fenced, claim
from apps.core.jobs.settle import settle
from apps.core.jobs.verdict import Verdict
from apps.core.models import Job, JobAttempt, JobEvent, SystemEvent, User, Worker
from workers.sweeper import Sweeper

pytestmark = pytest.mark.django_db

PAST = timedelta(seconds=-60)


@pytest.fixture
def lost(kind: Any, owner: User) -> Job:
    """A job whose worker has not renewed its lease."""
    job_enqueue(kind=kind(), payload={}, owner=owner)
    [job] = claim(queue="cpu", worker="w1", host="here", lease_seconds=15)
    Job.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() + PAST)
    return job


def worker_seen(
    seconds_ago: float, name: str = "w1", *, host: str = "here", boot: str = "b1", started_ago: float = 900
) -> None:
    now = timezone.now()
    Worker.objects.create(
        name=name,
        host=host,
        boot_id=boot,
        pid=1,
        slots={"cpu": 1},
        version="0",
        started_at=now - timedelta(seconds=started_ago),
        last_seen_at=now - timedelta(seconds=seconds_ago),
    )


def test_a_lease_that_ran_out_gives_the_job_to_others_and_fences_its_worker(lost: Job) -> None:
    assert sweep.expire_leases(lease_seconds=15) == 1
    job = Job.objects.get(pk=lost.pk)
    assert (job.status, job.kills, job.worker) == ("queued", 0, "")
    assert JobAttempt.objects.get(job=job).outcome == "lost"
    with pytest.raises(Fenced):
        settle(lost.pk, 1, Verdict("completed", result={}))


def test_a_lease_that_holds_is_left_alone(kind: Any, owner: User) -> None:
    job_enqueue(kind=kind(), payload={}, owner=owner)
    [job] = claim(queue="cpu", worker="w1", host="here", lease_seconds=15)
    assert sweep.expire_leases(lease_seconds=15) == 0
    assert Job.objects.get(pk=job.pk).status == "running"


def test_a_worker_that_lives_has_not_been_killed(lost: Job) -> None:
    worker_seen(2)
    worker_seen(1, "w2")
    sweep.expire_leases(lease_seconds=15)
    assert Job.objects.get(pk=lost.pk).kills == 0


@pytest.mark.parametrize(
    ("witness", "kills"),
    [
        ({}, 1),  # another worker of the machine was there then and is now
        ({"started_ago": 85}, 1),  # or came soon after: somebody started it anew
        ({"started_ago": 20}, 0),  # came long after: somebody started the lab again
        ({"host": "there"}, 0),  # is of another machine
        ({"boot": "b2"}, 0),  # or of this one since it was started again
        ({"seconds_ago": 90}, 0),  # or fell silent too
    ],
)
def test_a_worker_that_fell_silent_with_its_machine_has_not_been_killed_by_its_job(
    lost: Job, witness: dict[str, Any], kills: int
) -> None:
    worker_seen(100)
    worker_seen(**{"seconds_ago": 1, "name": "w2", **witness})
    sweep.expire_leases(lease_seconds=15)
    job = Job.objects.get(pk=lost.pk)
    assert (job.status, job.kills) == ("queued", kills)
    assert ("killed" if kills else "fell silent") in JobAttempt.objects.get(job=job).error_message


def test_many_lost_jobs_ask_once_for_the_workers(kind: Any, owner: User) -> None:
    jobs_enqueue(specs=[JobSpec(kind())] * 12, owner=owner)
    for number in range(12):
        claim(queue="cpu", worker=f"w{number}", host="here", lease_seconds=15)
        worker_seen(100, f"w{number}")
    Job.objects.update(lease_expires_at=timezone.now() + PAST)
    with CaptureQueriesContext(connection) as seen:
        assert sweep.expire_leases(lease_seconds=15) == 12
    assert sum('FROM "core_worker"' in query["sql"] for query in seen.captured_queries) == 1


def test_a_worker_whose_jobs_nobody_took_over_is_remembered(lost: Job) -> None:
    worker_seen(500)
    assert sweep.forget_workers(silent_seconds=60) == 0
    sweep.expire_leases(lease_seconds=15)
    assert sweep.forget_workers(silent_seconds=60) == 1


def test_what_a_lost_execution_used_is_kept(lost: Job) -> None:
    JobAttempt.objects.filter(job=lost).update(cpu_seconds=3.5, peak_memory_mb=70.0)
    sweep.expire_leases(lease_seconds=15)
    attempt = JobAttempt.objects.get(job=lost)
    assert (attempt.cpu_seconds, attempt.peak_memory_mb) == (3.5, 70.0)


def test_a_lost_job_that_was_to_be_cancelled_or_paused_is(lost: Job, kind: Any, owner: User) -> None:
    job_cancel(job=lost, by=owner)
    job_enqueue(kind=kind(), payload={}, owner=owner)
    [second] = claim(queue="cpu", worker="w1", host="here", lease_seconds=15)
    Job.objects.filter(pk=second.pk).update(lease_expires_at=timezone.now() + PAST)
    job_pause(job=second, by=owner)
    assert sweep.expire_leases(lease_seconds=15) == 2
    assert Job.objects.get(pk=lost.pk).status == "cancelled"
    assert Job.objects.get(pk=second.pk).status == "paused"


def test_after_its_attempts_a_lost_job_fails(kind: Any, owner: User) -> None:
    job_enqueue(kind=kind(), payload={}, owner=owner, max_attempts=1)
    [job] = claim(queue="cpu", worker="w1", host="here", lease_seconds=15)
    Job.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() + PAST)
    sweep.expire_leases(lease_seconds=15)
    job.refresh_from_db()
    assert (job.status, job.error_code) == ("failed", "worker_lost")


def test_deadlines_pass_also_for_what_waits(kind: Any, owner: User) -> None:
    kind()
    past, future = timezone.now() + PAST, timezone.now() - PAST
    jobs_enqueue(specs=[JobSpec("chore", deadline_at=past), JobSpec("chore", deadline_at=future)], owner=owner)
    assert sweep.pass_deadlines() == 1
    assert sorted(Job.objects.values_list("status", flat=True)) == ["queued", "timeout"]
    assert SystemEvent.objects.filter(event_source="jobs").count() == 1


def test_what_is_due_is_queued_and_its_queue_rung(kind: Any, owner: User, silent_broker: list[str]) -> None:
    job_enqueue(kind=kind(), payload={}, owner=owner, available_at=timezone.now() - PAST)
    assert sweep.promote_due() == 0
    Job.objects.update(available_at=timezone.now() + PAST)
    assert sweep.promote_due() == 1
    job = Job.objects.get()
    assert (job.status, job.available_at) == ("queued", None)


def test_queues_with_work_are_rung(kind: Any, owner: User, silent_broker: list[str]) -> None:
    job_enqueue(kind=kind(queue="agents"), payload={}, owner=owner)
    silent_broker.clear()
    assert sweep.ring_waiting({"cpu", "agents"}) == ["agents"]
    assert silent_broker == ["agents"]


def test_workers_long_gone_are_forgotten(db: None) -> None:
    worker_seen(300)
    assert sweep.forget_workers(silent_seconds=600) == 0
    assert sweep.forget_workers(silent_seconds=60) == 1


def test_what_is_past_its_retention_is_deleted_and_nothing_else(kind: Any, owner: User) -> None:
    kind()
    old, fresh, unended = jobs_enqueue(specs=[JobSpec("chore")] * 3, owner=owner)
    for job in (old, fresh):
        job_cancel(job=job, by=owner)
    long_ago = timezone.now() - timedelta(days=100)
    Job.objects.filter(pk=old.pk).update(finished_at=long_ago)
    Job.objects.filter(pk=unended.pk).update(created_at=long_ago)
    JobEvent.objects.filter(job=fresh, seq=1).update(at=long_ago)
    SystemEvent.objects.create(
        event_type="x", event_source="x", severity="info", message="x", occurred_at=timezone.now() - timedelta(days=400)
    )
    forgotten = sweep.forget_old(event_days=14, job_days=90, system_event_days=180)
    assert forgotten == {"events": 1, "jobs": 1, "system_events": 1}
    assert set(Job.objects.values_list("pk", flat=True)) == {fresh.pk, unended.pk}
    assert list(JobEvent.objects.filter(job=fresh).values_list("seq", flat=True)) == [2]


def test_a_machine_that_slept_takes_nobodys_job_at_first(lost: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every lease ran out while it slept; the workers wake with it and renew theirs first."""
    now = 1000.0
    monkeypatch.setattr("workers.sweeper._clock", lambda: now)
    sweeper = Sweeper(lease_seconds=15, queues=["cpu"])
    now += 3600
    sweeper.take_over()
    assert Job.objects.get(pk=lost.pk).status == "running"
    now += 1
    sweeper.take_over()
    assert Job.objects.get(pk=lost.pk).status == "running"
    for _ in range(6):
        now += 1
        sweeper.take_over()
    assert Job.objects.get(pk=lost.pk).status == "queued"


def test_files_nobody_refers_to_are_collected_with_what_is_past_its_retention(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    stored = artefact_store(source=[b"left over"])
    os.utime(store().path(stored.sha256), (0, 0))
    Sweeper(lease_seconds=15, queues=["cpu"]).forget()
    assert list(store().files()) == []
