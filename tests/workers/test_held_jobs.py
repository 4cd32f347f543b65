"""Work that waits for other work: held until its domain releases it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.core.errors import Invalid
from apps.core.jobs import JobSpec, fair, job_cancel, job_enqueue, job_pause, job_release, job_resume, jobs_enqueue
from apps.core.jobs.kinds import Finished
from apps.core.jobs.lease import claim
from apps.core.jobs.settle import settle
from apps.core.jobs.sweep import pass_deadlines, promote_due
from apps.core.jobs.verdict import Verdict
from apps.core.models import Job, User

pytestmark = pytest.mark.django_db


def take(limit: int = 10) -> list[Job]:
    return claim(queue="cpu", worker="w1", host="here", lease_seconds=15, limit=limit)


def test_a_held_job_does_not_run_until_it_is_released(kind: Any, owner: User, silent_broker: list[str]) -> None:
    job = job_enqueue(kind=kind(), payload={}, owner=owner, held=True)
    assert (job.status, job.held) == ("pending", True)
    promote_due()
    assert take() == []
    assert [one.pk for one in job_release(job_ids=[job.pk])] == [job.pk]
    assert [one.pk for one in take()] == [job.pk]
    assert job_release(job_ids=[job.pk]) == []


def test_dependents_are_released_by_the_end_of_what_they_waited_for(kind: Any, owner: User) -> None:
    def on_finish(finished: Sequence[Finished]) -> None:
        job_release(job_ids=[str(one.job.payload["next"]) for one in finished if "next" in one.job.payload])

    kind(on_finish=on_finish)
    second = job_enqueue(kind="chore", payload={}, owner=owner, held=True)
    job_enqueue(kind="chore", payload={"next": second.pk}, owner=owner)
    [first] = take()
    settle(first.pk, first.attempt, Verdict("completed", result={}))
    assert [one.pk for one in take()] == [second.pk]


def test_a_paused_held_job_is_held_again_when_resumed(kind: Any, owner: User) -> None:
    job = job_enqueue(kind=kind(), payload={}, owner=owner, held=True)
    job_pause(job=job, by=owner)
    assert job_resume(job=job, by=owner).status == "pending"
    assert take() == []
    job_release(job_ids=[job.pk])
    assert len(take()) == 1


def test_a_job_released_while_paused_runs_when_it_is_resumed(kind: Any, owner: User) -> None:
    job = job_enqueue(kind=kind(), payload={}, owner=owner, held=True)
    job_pause(job=job, by=owner)
    job_release(job_ids=[job.pk])
    assert take() == []
    assert job_resume(job=job, by=owner).status == "queued"
    assert len(take()) == 1


def test_a_held_job_is_cancelled_and_overdue_like_any_that_waits(kind: Any, owner: User) -> None:
    kind()
    first = job_enqueue(kind="chore", payload={}, owner=owner, held=True)
    late = job_enqueue(
        kind="chore", payload={}, owner=owner, held=True, deadline_at=timezone.now() - timedelta(seconds=1)
    )
    assert job_cancel(job=first, by=owner).status == "cancelled"
    assert pass_deadlines() == 1
    assert Job.objects.get(pk=late.pk).status == "timeout"
    assert job_release(job_ids=[first.pk]) == [] or Job.objects.get(pk=first.pk).status == "cancelled"


def test_who_had_many_held_does_not_jump_the_queue_when_they_are_released(kind: Any, owner: User, other: User) -> None:
    kind()
    held = jobs_enqueue(specs=[JobSpec("chore", held=True)] * 4, owner=owner)
    jobs_enqueue(specs=[JobSpec("chore")] * 40, owner=other)
    fair.advance(queue="cpu", tag=take(20)[-1].fair_tag)
    job_release(job_ids=[job.pk for job in held])
    assert [job.owner_id for job in take(4)].count(owner.pk) == 2


def test_a_job_waits_for_a_moment_or_for_its_release_not_for_both(kind: Any, owner: User) -> None:
    with pytest.raises(Invalid, match="not for both"):
        job_enqueue(kind=kind(), payload={}, owner=owner, held=True, available_at=timezone.now() + timedelta(hours=1))


def test_the_database_lets_no_held_job_run(kind: Any, owner: User) -> None:
    job = job_enqueue(kind=kind(), payload={}, owner=owner, held=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.filter(pk=job.pk).update(status="queued")
