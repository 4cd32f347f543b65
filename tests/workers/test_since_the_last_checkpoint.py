"""A checkpoint is where everything counts from: failures, kills, progress and time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.core.errors import Conflict
from apps.core.jobs import job_cancel, job_enqueue, job_retry, job_stop_early
from apps.core.jobs.lease import Asked, ask, claim, speak
from apps.core.jobs.reports import Checkpoint, Said
from apps.core.jobs.settle import settle
from apps.core.jobs.sweep import promote_due
from apps.core.jobs.verdict import Verdict
from apps.core.models import Job, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(kind: Any, owner: User) -> Job:
    return job_enqueue(kind=kind(), payload={}, owner=owner)


def take() -> Job:
    Job.objects.filter(status="pending").update(available_at=timezone.now() - timedelta(seconds=1))
    promote_due()
    [job] = claim(queue="cpu", worker="w1", host="here", lease_seconds=15)
    return job


def checkpoint(step: int, *, seconds: float = 0.0, fraction: float | None = None) -> Said:
    return Said(Checkpoint(step=step, seconds=seconds, fraction=fraction), timezone.now())


def test_a_job_that_gets_on_between_its_kills_is_never_quarantined(made: Job) -> None:
    for step in range(12):
        job = take()
        speak(job.pk, job.attempt, [checkpoint(step)])
        assert settle(job.pk, job.attempt, Verdict("killed")).status in ("queued", "pending")
    job = take()
    assert (job.attempt, job.kills, job.checkpoint) == (13, 1, Job.objects.get(pk=job.pk).checkpoint)


def test_a_job_that_does_not_get_on_is_quarantined_all_the_same(made: Job) -> None:
    job = take()
    speak(job.pk, job.attempt, [checkpoint(1)])
    for _ in range(2):
        settle(job.pk, job.attempt, Verdict("killed"))
        job = take()
    assert settle(job.pk, job.attempt, Verdict("killed")).error_code == "quarantined"


def test_a_checkpoint_among_the_last_words_counts(made: Job) -> None:
    for _ in range(2):
        job = take()
        settle(job.pk, job.attempt, Verdict("killed"))
    job = take()
    ended = settle(job.pk, job.attempt, Verdict("killed", last_words=(checkpoint(5),)))
    assert (ended.status, ended.kills, ended.checkpoint["step"]) == ("queued", 1, 5)  # type: ignore[index]


def test_progress_goes_on_from_the_checkpoint(made: Job) -> None:
    job = take()
    speak(job.pk, job.attempt, [checkpoint(5, fraction=0.4, seconds=30.0)])
    settle(job.pk, job.attempt, Verdict("released"))
    job = take()
    assert (job.progress, job.checkpoint_seconds) == (0.4, 30.0)


def test_a_checkpoint_in_the_last_words_of_what_completes_is_kept(made: Job) -> None:
    job = take()
    assert settle(job.pk, job.attempt, Verdict("completed", result={}, last_words=(checkpoint(9),))).progress == 1
    assert Job.objects.get(pk=job.pk).checkpoint["step"] == 9  # type: ignore[index]


def test_a_retry_asked_for_twice_is_one_job_with_the_same_deadline(kind: Any, owner: User) -> None:
    until = timezone.now() + timedelta(hours=1)
    job = job_enqueue(kind=kind(), payload={}, owner=owner, deadline_at=until)
    job_cancel(job=job, by=owner)
    fresh = job_retry(job=job, by=owner)
    assert (fresh.deadline_at, fresh.retry_of_id) == (until, job.pk)
    assert job_retry(job=job, by=owner).pk == fresh.pk
    assert Job.objects.count() == 2


def test_work_whose_deadline_has_passed_is_not_retried(kind: Any, owner: User) -> None:
    job = job_enqueue(kind=kind(), payload={}, owner=owner, deadline_at=timezone.now() + timedelta(hours=1))
    job_cancel(job=job, by=owner)
    Job.objects.filter(pk=job.pk).update(deadline_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(Conflict, match="deadline"):
        job_retry(job=job, by=owner)


def test_ending_early_is_asked_of_what_runs_only(made: Job, owner: User) -> None:
    with pytest.raises(Conflict, match="only a running job"):
        job_stop_early(job=made, by=owner)
    job = take()
    job_stop_early(job=job, by=owner)
    assert ask({job.pk: job.attempt}) == {job.pk: Asked(stop_early=True)}
    settle(job.pk, job.attempt, Verdict("completed", result={}))
    assert Job.objects.get(pk=job.pk).stop_early_requested_at is None
