"""Putting work into a queue: order, fairness, the doorbell, the log."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from apps.core.errors import Invalid
from apps.core.jobs import JobSpec, job_enqueue, jobs_enqueue
from apps.core.models import Job, JobEvent, User

pytestmark = pytest.mark.django_db


def in_claim_order() -> list[str]:
    return [job.topic for job in Job.objects.order_by("queue", "fair_tag", "job_id")]


def test_a_new_job_is_queued_with_its_kinds_queue(kind: Any, owner: User) -> None:
    job = job_enqueue(kind=kind("bake", queue="gpu"), payload={"loaf": 1}, owner=owner, topic="run_1")
    job.refresh_from_db()
    assert (job.status, job.queue, job.payload, job.topic, job.owner) == ("queued", "gpu", {"loaf": 1}, "run_1", owner)


def test_an_unknown_kind_is_refused_with_the_known_ones(kind: Any, owner: User) -> None:
    kind("bake")
    with pytest.raises(KeyError, match="bake"):
        job_enqueue(kind="fry", payload={}, owner=owner)


@pytest.mark.parametrize(("field", "value"), [("max_attempts", 0), ("timeout_seconds", 0.0)])
def test_a_job_that_could_never_run_is_refused(kind: Any, owner: User, field: str, value: float) -> None:
    with pytest.raises(Invalid) as refused:
        job_enqueue(kind=kind(), payload={}, owner=owner, **{field: value})  # type: ignore[arg-type]
    assert refused.value.field == field


def test_many_jobs_keep_the_order_given(kind: Any, owner: User) -> None:
    kind()
    jobs = jobs_enqueue(specs=[JobSpec("chore", topic=str(n)) for n in range(30)], owner=owner)
    assert [job.topic for job in jobs] == [str(n) for n in range(30)]
    assert in_claim_order() == [str(n) for n in range(30)]


def test_users_share_a_queue_however_much_each_has_waiting(kind: Any, owner: User, other: User) -> None:
    kind()
    jobs_enqueue(specs=[JobSpec("chore", topic=f"a{n}") for n in range(5)], owner=owner)
    jobs_enqueue(specs=[JobSpec("chore", topic=f"b{n}") for n in range(3)], owner=other)
    assert in_claim_order() == ["a0", "b0", "a1", "b1", "a2", "b2", "a3", "a4"]


def test_a_new_job_is_in_the_log_once(kind: Any, owner: User) -> None:
    job = job_enqueue(kind=kind(), payload={}, owner=owner, topic="run_1")
    event = JobEvent.objects.get(job=job)
    assert (event.type, event.seq, event.topic) == ("status_change", 1, "run_1")
    assert event.payload == {"old_status": "", "new_status": "queued"}


@pytest.mark.django_db(transaction=True)
def test_the_doorbell_rings_when_the_transaction_commits(kind: Any, owner: User, silent_broker: list[str]) -> None:
    kind()
    with transaction.atomic():
        job_enqueue(kind="chore", payload={}, owner=owner)
        assert silent_broker == []
    assert silent_broker == ["cpu"]


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_down_does_not_stop_an_enqueue(
    kind: Any, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(queue: str) -> bool:
        raise ConnectionRefusedError(queue)

    monkeypatch.setattr("apps.core.jobs.doorbell._publish", refuse)
    monkeypatch.setattr("apps.core.jobs.doorbell._silent_until", 0.0)
    job = job_enqueue(kind=kind(), payload={}, owner=owner)
    assert Job.objects.filter(pk=job.pk, status="queued").exists()


def test_a_job_for_later_is_pending(kind: Any, owner: User) -> None:
    later = timezone.now() + timedelta(hours=1)
    job = job_enqueue(kind=kind(), payload={}, owner=owner, available_at=later)
    assert (job.status, job.available_at) == ("pending", later)
