"""Priority orders the jobs of one user; between users only fairness does."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, connections

from apps.core.jobs import JobSpec, job_pause, job_resume, jobs_enqueue
from apps.core.jobs.lease import claim
from apps.core.jobs.settle import settle
from apps.core.jobs.sweep import promote_due
from apps.core.jobs.verdict import Verdict
from apps.core.models import Job, User

pytestmark = pytest.mark.django_db


def take(limit: int = 1, worker: str = "w1") -> list[Job]:
    return claim(queue="cpu", worker=worker, host="here", lease_seconds=15, limit=limit)


def order(step: int = 1) -> list[str]:
    """The topics of everything queued, as it is claimed."""
    taken: list[str] = []
    while jobs := take(limit=step):
        taken.extend(job.topic for job in jobs)
    return taken


def put(owner: User | None, *topics: str, priority: int = 0) -> list[Job]:
    return jobs_enqueue(specs=[JobSpec("chore", topic=topic, priority=priority) for topic in topics], owner=owner)


@pytest.mark.parametrize("step", [1, 2, 3, 50])
def test_an_urgent_job_runs_in_its_own_users_next_turn(kind: Any, owner: User, other: User, step: int) -> None:
    kind()
    put(owner, "a0", "a1", "a2")
    put(other, "b0", "b1", "b2")
    put(other, "urgent", priority=9)
    taken = order(step)
    assert [topic for topic in taken if topic[0] == "a"] == ["a0", "a1", "a2"]
    assert [topic for topic in taken if topic[0] != "a"] == ["urgent", "b0", "b1", "b2"]
    assert ["".join(sorted("a" if topic[0] == "a" else "b" for topic in taken[n : n + 2])) for n in (0, 2, 4)] == [
        "ab"
    ] * 3


def test_many_urgent_jobs_of_one_user_gain_no_turn_of_another(kind: Any, owner: User, other: User) -> None:
    kind()
    put(owner, *(f"a{n}" for n in range(6)))
    put(other, *(f"b{n}" for n in range(4)))
    tags = sorted(Job.objects.filter(owner=other).values_list("fair_tag", flat=True))
    put(other, "u0", "u1", "u2", priority=100)
    users, later = [], []
    for _ in range(8):
        [job] = take()
        users.append(job.owner_id)
        if job.owner_id == other.pk:
            later.append((job.topic, job.fair_tag))
    assert users.count(owner.pk) == users.count(other.pk) == 4
    assert [topic for topic, _ in later] == ["u0", "u1", "u2", "b0"]
    assert [tag for _, tag in later] == tags


def test_equal_priorities_keep_their_order_after_an_urgent_job(kind: Any, owner: User) -> None:
    """Who gave up a turn comes next, and does not go to the end."""
    kind()
    put(owner, "0", "1", "2", "3")
    put(owner, "urgent 0", "urgent 1", priority=1)
    put(owner, "4")
    put(owner, "idle", priority=-1)
    put(owner, "5")
    assert order() == ["urgent 0", "urgent 1", "0", "1", "2", "3", "4", "5", "idle"]


def test_an_urgent_job_that_comes_late_goes_before_what_still_waits(kind: Any, owner: User) -> None:
    kind()
    put(owner, "0", "1", "2", "3")
    put(owner, "urgent 0", priority=1)
    taken = [take()[0].topic for _ in range(2)]
    put(owner, "urgent 1", priority=1)
    assert taken + order() == ["urgent 0", "0", "urgent 1", "1", "2", "3"]


def test_jobs_without_an_owner_are_one_users(kind: Any, owner: User) -> None:
    kind()
    put(None, "n0", "n1")
    put(owner, "a0", "a1")
    put(None, "urgent", priority=1)
    taken = order()
    assert [topic for topic in taken if topic[0] != "a"] == ["urgent", "n0", "n1"]
    assert taken.index("a0") < 2
    assert taken.index("a1") < 4


def test_the_tags_of_a_user_stay_what_they_were(kind: Any, owner: User) -> None:
    kind()
    put(owner, "0", "1", "2")
    put(owner, "urgent", priority=1)
    before = sorted(Job.objects.values_list("fair_tag", flat=True))
    take()
    assert sorted(Job.objects.values_list("fair_tag", flat=True)) == before
    take(limit=3)
    assert [job.topic for job in Job.objects.order_by("fair_tag")] == ["urgent", "0", "1", "2"]


def test_a_job_tried_again_keeps_its_place(kind: Any, owner: User, other: User) -> None:
    kind()
    put(owner, "a0", "a1", "a2")
    put(owner, "urgent", priority=1)
    put(other, "b0", "b1")
    [first] = take()
    settle(first.pk, first.attempt, Verdict("failed", retryable=True))
    assert [job.topic for job in take(limit=2)] == ["b0", "a0"]  # while it waits, its owner's others go on
    Job.objects.filter(pk=first.pk).update(available_at=first.created_at)
    assert promote_due() == 1
    assert order() == ["urgent", "b1", "a1", "a2"]


def test_a_displaced_job_that_was_paused_comes_back_in_order(kind: Any, owner: User) -> None:
    kind()
    zero = put(owner, "0", "1", "2")[0]
    put(owner, "urgent", priority=1)
    assert take()[0].topic == "urgent"
    job_pause(job=zero, by=owner)
    assert take()[0].topic == "1"
    job_resume(job=zero, by=owner)
    assert order() == ["0", "2"]


def test_without_priorities_nothing_is_exchanged(kind: Any, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> list[str]:
        raise AssertionError("there is nothing to exchange")

    kind()
    put(owner, "0", "1")
    monkeypatch.setattr("apps.core.jobs.turns.give", refuse)
    assert order() == ["0", "1"]


@pytest.mark.django_db(transaction=True)
def test_workers_that_claim_at_once_never_take_the_same_job(kind: Any, owner: User, other: User) -> None:
    if connection.vendor == "sqlite" and connection.is_in_memory_db():  # type: ignore[attr-defined]
        pytest.skip("threads cannot share SQLite's memory; the worker processes of test_worker.py share a file")
    kind()
    for user in (owner, other, None):
        jobs_enqueue(specs=[JobSpec("chore", priority=n % 3) for n in range(20)], owner=user)
    before = sorted(Job.objects.values_list("owner_id", "fair_tag"), key=str)
    taken: list[tuple[str, str | None, int]] = []

    def work(name: str) -> None:
        try:
            while jobs := take(limit=2, worker=name):
                taken.extend((job.pk, job.owner_id, job.attempt) for job in jobs)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len({pk for pk, _, _ in taken}) == 60
    assert {attempt for _, _, attempt in taken} == {1}
    assert sorted(Job.objects.values_list("owner_id", "fair_tag"), key=str) == before
    for user in (owner, other, None):
        run = Job.objects.filter(owner=user).order_by("fair_tag").values_list("priority", flat=True)
        assert list(run) == sorted(run, reverse=True)


def test_finding_an_owners_best_job_walks_its_index(kind: Any, owner: User) -> None:
    """Not a sort of everything the owner has waiting."""
    from apps.core.jobs import turns

    kind()
    put(owner, *["x"] * 300)
    put(None, *["x"] * 300)
    sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        if not sqlite:
            cursor.execute("ANALYZE core_job")
        for whose, key in (("owner_id = %s", [owner.pk]), ("owner_id IS NULL", [])):
            cursor.execute(
                f"EXPLAIN {'QUERY PLAN' if sqlite else ''} SELECT job_id FROM core_job "
                f"{'INDEXED BY core_job_own_order' if sqlite else ''} WHERE status = 'queued' AND queue = %s "
                f"AND {whose} ORDER BY {turns._OWN_ORDER} LIMIT %s {'' if sqlite else 'FOR UPDATE SKIP LOCKED'}",
                ["cpu", *key, 1],
            )
            plan = "\n".join(str(row) for row in cursor.fetchall())
            assert "core_job_own_order" in plan
            assert "Sort" not in plan
            assert "TEMP B-TREE" not in plan
