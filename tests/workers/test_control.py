"""What people do to jobs that wait or run, one or all of a topic, and who may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from apps.core.errors import Conflict, Forbidden
from apps.core.jobs import (
    JobSpec,
    job_cancel,
    job_enqueue,
    job_pause,
    job_resume,
    job_retry,
    jobs_enqueue,
    queue_is_paused,
    queue_pause,
    queue_resume,
    topic_cancel,
    topic_pause,
    topic_resume,
)
from apps.core.jobs.kinds import Finished
from apps.core.jobs.lease import claim
from apps.core.jobs.settle import settle
from apps.core.jobs.verdict import Verdict
from apps.core.models import Job, JobEvent, User

pytestmark = pytest.mark.django_db


def take(limit: int = 1) -> list[Job]:
    return claim(queue="cpu", worker="w1", host="here", lease_seconds=15, limit=limit)


def test_cancelling_what_waits_ends_it_and_tells_its_kind_once(kind: Any, owner: User) -> None:
    finished: list[Finished] = []
    job = job_enqueue(kind=kind(on_finish=finished.extend), payload={}, owner=owner)
    assert job_cancel(job=job, by=owner).status == "cancelled"
    assert [(one.outcome, one.job.pk) for one in finished] == [("cancelled", job.pk)]
    with pytest.raises(Conflict):
        job_cancel(job=job, by=owner)
    assert len(finished) == 1
    assert take() == []


def test_cancelling_what_runs_is_a_request(kind: Any, owner: User) -> None:
    job_enqueue(kind=kind(), payload={}, owner=owner)
    [job] = take()
    asked = job_cancel(job=job, by=owner)
    assert (asked.status, asked.cancel_requested_at is not None) == ("running", True)
    assert job_cancel(job=job, by=owner).cancel_requested_at == asked.cancel_requested_at


def test_a_hook_that_fails_does_not_keep_a_job_from_being_cancelled(kind: Any, owner: User) -> None:
    def hook(finished: Sequence[Finished]) -> None:
        raise ValueError("no")

    job = job_enqueue(kind=kind(on_finish=hook), payload={}, owner=owner)
    assert job_cancel(job=job, by=owner).status == "cancelled"


def test_a_paused_job_waits_until_it_is_resumed(kind: Any, owner: User, silent_broker: list[str]) -> None:
    changes: list[tuple[str, str]] = []
    job = job_enqueue(
        kind=kind(on_status=lambda jobs, old: changes.extend((old, job.status) for job in jobs)),
        payload={},
        owner=owner,
    )
    assert job_pause(job=job, by=owner).status == "paused"
    assert take() == []
    assert job_resume(job=job, by=owner).status == "queued"
    assert changes == [("queued", "paused"), ("paused", "queued")]
    assert len(take()) == 1


def test_a_pause_not_yet_carried_out_can_be_taken_back(kind: Any, owner: User) -> None:
    job_enqueue(kind=kind(), payload={}, owner=owner)
    [job] = take()
    job_pause(job=job, by=owner)
    assert job_resume(job=job, by=owner).pause_requested_at is None
    with pytest.raises(Conflict):
        job_resume(job=job, by=owner)


def test_a_retry_is_a_new_job_that_its_domain_row_hears_of(kind: Any, owner: User, admin: User) -> None:
    told: list[tuple[str, str]] = []
    kind("chore", on_retry=lambda old, new: told.append((old.pk, new.pk)))
    job_enqueue(kind="chore", payload={"n": 1}, owner=owner, topic="run_1", priority=3)
    [job] = take()
    with pytest.raises(Conflict):
        job_retry(job=job, by=owner)
    settle(job.pk, 1, Verdict("failed", error_code="x"))
    fresh = job_retry(job=job, by=admin)
    assert (fresh.status, fresh.payload, fresh.topic, fresh.priority, fresh.owner) == (
        "queued",
        {"n": 1},
        "run_1",
        3,
        owner,
    )
    assert told == [(job.pk, fresh.pk)]
    assert Job.objects.get(pk=job.pk).status == "failed"


def test_a_domain_that_refuses_a_retry_leaves_no_job_behind(kind: Any, owner: User) -> None:
    def refuse(old: Job, new: Job) -> None:
        raise Conflict("another job has taken this over")

    job = job_enqueue(kind=kind(on_retry=refuse), payload={}, owner=owner)
    job_cancel(job=job, by=owner)
    with pytest.raises(Conflict, match="taken this over"):
        job_retry(job=job, by=owner)
    assert Job.objects.count() == 1


def test_a_topic_is_paused_resumed_and_cancelled_as_a_whole(kind: Any, owner: User) -> None:
    kind()
    jobs_enqueue(specs=[JobSpec("chore", topic="run_1")] * 5 + [JobSpec("chore", topic="run_2")], owner=owner)
    [running] = take()
    assert topic_pause(topic="run_1", by=owner) == 5
    assert Job.objects.filter(topic="run_1", status="paused").count() == 4
    assert topic_resume(topic="run_1", by=owner) == 5
    running.refresh_from_db()
    assert running.pause_requested_at is None
    assert topic_cancel(topic="run_1", by=owner) == 5
    assert Job.objects.filter(topic="run_1", status="cancelled").count() == 4
    running.refresh_from_db()
    assert running.cancel_requested_at is not None
    assert Job.objects.get(topic="run_2").status == "queued"


@pytest.mark.parametrize("act", [job_cancel, job_pause, job_resume, job_retry])
def test_a_stranger_and_a_viewer_change_nothing(kind: Any, owner: User, other: User, viewer: User, act: Any) -> None:
    job = job_enqueue(kind=kind(), payload={}, owner=owner, topic="run_1")
    for somebody in (other, viewer):
        with pytest.raises(Forbidden):
            act(job=job, by=somebody)
        with pytest.raises(Forbidden):
            topic_cancel(topic="run_1", by=somebody)
    assert Job.objects.get(pk=job.pk).status == "queued"
    assert JobEvent.objects.filter(job=job).count() == 1


def test_queues_are_switched_by_admins_only(owner: User, admin: User) -> None:
    with pytest.raises(Forbidden):
        queue_pause(queue="cpu", by=owner)
    queue_pause(queue="cpu", by=admin)
    assert queue_is_paused("cpu")
    queue_resume(queue="cpu", by=admin)
    assert not queue_is_paused("cpu")
