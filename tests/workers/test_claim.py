"""Claiming: one statement takes the best job, and its number fences everybody else off."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from apps.core.jobs import JobSpec, job_cancel, job_enqueue, job_pause, jobs_enqueue, queue_pause, queue_resume
from apps.core.jobs.fair import advance
from apps.core.jobs.lease import Asked, Fenced, ask, claim, renew, speak
from apps.core.jobs.reports import Log, Progress, Report, Said
from apps.core.models import Job, JobAttempt, JobEvent, User

pytestmark = pytest.mark.django_db


def said(report: Report) -> Said:
    return Said(report, timezone.now())


def take(limit: int = 1, queue: str = "cpu", worker: str = "w1", **options: Any) -> list[Job]:
    return claim(**{"queue": queue, "worker": worker, "host": "here", "lease_seconds": 15, "limit": limit, **options})


def test_a_claim_takes_the_best_job_and_notes_the_execution(kind: Any, owner: User) -> None:
    kind()
    jobs_enqueue(specs=[JobSpec("chore", topic="later"), JobSpec("chore", topic="first", priority=1)], owner=owner)
    [job] = take()
    assert (job.topic, job.status, job.attempt, job.worker) == ("first", "running", 1, "w1")
    assert job.lease_expires_at is not None
    assert timedelta(seconds=10) < job.lease_expires_at - timezone.now() < timedelta(seconds=20)
    attempt = JobAttempt.objects.get(job=job)
    assert (attempt.number, attempt.outcome, attempt.host) == (1, "running", "here")
    last = JobEvent.objects.filter(job=job).latest("seq")
    assert (last.type, last.payload) == ("status_change", {"old_status": "queued", "new_status": "running"})


def test_a_batch_comes_in_order(kind: Any, owner: User) -> None:
    kind()
    made = jobs_enqueue(specs=[JobSpec("chore") for _ in range(5)], owner=owner)
    assert [job.pk for job in take(limit=3)] == [job.pk for job in made[:3]]
    assert [job.pk for job in take(limit=9)] == [job.pk for job in made[3:]]
    assert take() == []


def test_a_queue_is_left_alone_by_those_who_do_not_serve_it(kind: Any, owner: User) -> None:
    job_enqueue(kind=kind("train", queue="gpu"), payload={}, owner=owner)
    assert take() == []
    assert len(take(queue="gpu")) == 1


def test_a_paused_queue_gives_nothing_until_it_is_resumed(kind: Any, owner: User, admin: User) -> None:
    job_enqueue(kind=kind(), payload={}, owner=owner)
    queue_pause(queue="cpu", by=admin)
    assert take() == []
    queue_resume(queue="cpu", by=admin)
    assert len(take()) == 1


def test_a_host_runs_no_more_jobs_of_a_kind_than_it_may(kind: Any, owner: User) -> None:
    kind("train", queue="gpu")
    kind("tune", queue="gpu")
    jobs_enqueue(specs=[JobSpec("train")] * 3 + [JobSpec("tune")], owner=owner)
    taken = [job.kind for _ in range(4) for job in take(limit=5, queue="gpu", per_host={"train": 2})]
    assert taken == ["train", "train", "tune"]
    assert take(queue="gpu", per_host={"train": 2}, worker="w2") == []
    assert [job.kind for job in take(queue="gpu", per_host={"train": 2}, host="there")] == ["train"]


@pytest.mark.parametrize("priority", [0, 5])
def test_kinds_a_worker_cannot_start_are_passed_over_and_keep_their_turn(kind: Any, owner: User, priority: int) -> None:
    kind("cold")
    kind("warm")
    specs = [JobSpec("cold", priority=priority), JobSpec("warm"), JobSpec("cold"), JobSpec("warm")]
    jobs_enqueue(specs=specs, owner=owner)
    assert [job.kind for job in take(limit=3, without=["cold"])] == ["warm", "warm"]
    assert take(limit=3, without=["cold", "other"]) == []
    assert [job.priority for job in take(limit=3)] == [priority, 0]


def test_a_newcomer_does_not_wait_for_what_was_queued_before(kind: Any, owner: User, other: User) -> None:
    kind()
    jobs_enqueue(specs=[JobSpec("chore", topic=f"a{n}") for n in range(10)], owner=owner)
    last = take(limit=6)[-1]
    advance(queue="cpu", tag=last.fair_tag)
    jobs_enqueue(specs=[JobSpec("chore", topic=f"b{n}") for n in range(2)], owner=other)
    assert [job.topic for job in take(limit=4)] == ["a6", "b0", "a7", "b1"]


def test_an_idle_user_saves_nothing_up(kind: Any, owner: User, other: User) -> None:
    """Having used nothing for long gives the next turn, not all the turns."""
    kind()
    job_enqueue(kind="chore", payload={}, owner=other)
    take()
    jobs_enqueue(specs=[JobSpec("chore", topic="a") for _ in range(20)], owner=owner)
    advance(queue="cpu", tag=take(limit=10)[-1].fair_tag)
    jobs_enqueue(specs=[JobSpec("chore", topic="b") for _ in range(10)], owner=other)
    assert sorted(job.topic for job in take(limit=8)) == ["a"] * 4 + ["b"] * 4


def test_what_is_asked_of_a_held_job_comes_back(kind: Any, owner: User) -> None:
    kind()
    specs = [JobSpec("chore"), JobSpec("chore"), JobSpec("chore", deadline_at=timezone.now()), JobSpec("chore")]
    jobs_enqueue(specs=specs, owner=owner)
    cancelled, paused, late, quiet = take(limit=4)
    job_cancel(job=cancelled, by=owner)
    job_pause(job=paused, by=owner)
    held = {job.pk: job.attempt for job in (cancelled, paused, late, quiet)}
    assert ask(held) == {
        cancelled.pk: Asked(cancel=True),
        paused.pk: Asked(pause=True),
        late.pk: Asked(overdue=True),
        quiet.pk: Asked(),
    }


def test_an_older_attempt_is_fenced_from_every_write(kind: Any, owner: User) -> None:
    job_enqueue(kind=kind(), payload={}, owner=owner)
    [job] = take()
    Job.objects.filter(pk=job.pk).update(attempt=2)
    before = Job.objects.filter(pk=job.pk).values().get()
    assert ask({job.pk: 1}) == {job.pk: Asked(fenced=True)}
    assert renew({job.pk: 1}, lease_seconds=60) == 0
    with pytest.raises(Fenced):
        speak(job.pk, 1, [said(Log(message="stale")), said(Progress(fraction=0.9, note="stale"))])
    assert Job.objects.filter(pk=job.pk).values().get() == before
    assert not JobEvent.objects.filter(job=job, type="log").exists()


def test_a_heartbeat_extends_the_lease(kind: Any, owner: User) -> None:
    job_enqueue(kind=kind(), payload={}, owner=owner)
    [job] = take()
    assert renew({job.pk: 1}, lease_seconds=600) == 1
    renewed = Job.objects.get(pk=job.pk).lease_expires_at
    assert renewed is not None
    assert renewed - timezone.now() > timedelta(seconds=500)


def test_what_a_job_says_is_numbered_and_its_progress_kept(kind: Any, owner: User) -> None:
    job_enqueue(kind=kind(), payload={}, owner=owner)
    [job] = take()
    lines = [said(Log(message=str(n))) for n in range(3)]
    speak(job.pk, 1, [*lines, said(Progress(fraction=0.5, note="halfway"))])
    events = list(JobEvent.objects.filter(job=job).order_by("seq").values_list("seq", "type"))
    assert events == [
        (1, "status_change"),
        (2, "status_change"),
        (3, "log"),
        (4, "log"),
        (5, "log"),
        (6, "progress"),
    ]
    job.refresh_from_db()
    assert (job.progress, job.progress_note, job.last_seq) == (0.5, "halfway", 6)


@pytest.mark.django_db(transaction=True)
def test_many_workers_never_take_the_same_job(kind: Any, owner: User) -> None:
    if connection.vendor == "sqlite" and connection.is_in_memory_db():  # type: ignore[attr-defined]
        pytest.skip("threads cannot share SQLite's memory; the worker processes of test_worker.py share a file")
    kind()
    jobs_enqueue(specs=[JobSpec("chore") for _ in range(60)], owner=owner)
    taken: list[str] = []

    def work(name: str) -> None:
        try:
            while jobs := take(limit=2, worker=name):
                taken.extend(job.pk for job in jobs)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 60
    assert len(set(taken)) == 60


def test_the_claim_walks_its_index(kind: Any, owner: User) -> None:
    """Not a sort of everything queued: also with no statistics, and with other queues' jobs in the way."""
    from apps.core.jobs import lease

    kind()
    jobs_enqueue(specs=[JobSpec("chore", queue=f"q{n % 3}") for n in range(600)], owner=owner)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE core_job")
            cursor.execute("EXPLAIN " + lease._CLAIM["postgresql"], ["q1", "q1", 1, "w", 15.0])
        else:
            cursor.execute("EXPLAIN QUERY PLAN " + lease._CLAIM["sqlite"], ["w", "15.000", "q1", "q1", 1])
        plan = "\n".join(str(row) for row in cursor.fetchall())
    assert "core_job_claim" in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan
    if connection.vendor == "sqlite":
        assert "SEARCH core_job USING INDEX sqlite_autoindex_core_job_1 (job_id=?)" in plan
    else:
        assert "core_job_pkey" in plan or "_like" in plan or "TID" in plan
