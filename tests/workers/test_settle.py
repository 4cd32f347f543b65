"""The end of an execution: completed, tried again, given up, quarantined; and hooks that fail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.core.jobs import job_cancel, job_enqueue, job_pause, kinds
from apps.core.jobs.kinds import AttemptEnd, Finished
from apps.core.jobs.lease import Fenced, claim
from apps.core.jobs.reports import Log, Said, Usage
from apps.core.jobs.settle import MAX_KILLS, backoff, settle, settle_all
from apps.core.jobs.sweep import promote_due
from apps.core.jobs.verdict import Verdict
from apps.core.models import Job, JobAttempt, JobEvent, SystemEvent, User

pytestmark = pytest.mark.django_db

USAGE = Usage(cpu_seconds=1.5, wall_seconds=2.0, peak_memory_mb=64.0)


@pytest.fixture
def running(kind: Any, owner: User) -> Job:
    """A job that worker w1 holds."""
    kind()
    job_enqueue(kind="chore", payload={}, owner=owner)
    return take()


def take() -> Job:
    Job.objects.filter(status="pending").update(available_at=timezone.now() - timedelta(seconds=1))
    promote_due()
    [job] = claim(queue="cpu", worker="w1", host="here", lease_seconds=15)
    return job


def end(job: Job, outcome: Any, **more: Any) -> Job:
    return settle(job.pk, job.attempt, Verdict(outcome, usage=USAGE, **more))


def test_completing_writes_everything_at_once(kind: Any, owner: User) -> None:
    finished: list[Finished] = []
    metered: list[tuple[int, Usage, str]] = []
    kinds.on_attempt_end(lambda ended: metered.extend((end.number, end.usage, end.outcome) for end in ended))
    job_enqueue(kind=kind(on_finish=finished.extend), payload={}, owner=owner)
    job = end(take(), "completed", result={"answer": 42}, last_words=(Said(Log(message="last words"), timezone.now()),))
    assert (job.status, job.progress, job.lease_expires_at, job.worker) == ("completed", 1.0, None, "")
    assert [(one.outcome, one.result) for one in finished] == [("completed", {"answer": 42})]
    assert metered == [(1, USAGE, "completed")]
    attempt = JobAttempt.objects.get(job=job)
    assert (attempt.outcome, attempt.cpu_seconds, attempt.peak_memory_mb) == ("completed", 1.5, 64.0)
    types = list(JobEvent.objects.filter(job=job).order_by("seq").values_list("type", flat=True))
    assert types == ["status_change", "status_change", "log", "result", "status_change"]


def test_only_the_first_of_two_ends_counts(running: Job) -> None:
    end(running, "completed", result={"n": 1})
    with pytest.raises(Fenced):
        end(running, "completed", result={"n": 2})
    with pytest.raises(Fenced):
        settle(running.pk, running.attempt, Verdict("lost"), expired_only=True)
    assert JobEvent.objects.filter(job=running, type="result").count() == 1


def test_a_large_result_is_left_out_of_the_log(running: Job) -> None:
    end(running, "completed", result={"grid": "x" * 100_000})
    payload = JobEvent.objects.get(job=running, type="result").payload
    assert "result" not in payload
    assert payload["keys"] == ["grid"]


def test_work_that_raises_fails_at_once_and_is_recorded_once(running: Job) -> None:
    job = end(running, "failed", error_code="ValueError", error_message="no such colour", stack_trace="Traceback")
    assert (job.status, job.error_code, job.error_message) == ("failed", "ValueError", "no such colour")
    event = SystemEvent.objects.get(event_source="jobs")
    assert event.context is not None
    assert event.context["job_id"] == job.pk
    assert event.stack_trace == "Traceback"


def test_an_error_marked_retryable_is_tried_until_its_attempts_are_used(running: Job) -> None:
    job = running
    for attempt in (1, 2):
        after = end(job, "failed", error_code="Busy", retryable=True)
        assert (after.status, after.attempt) == ("pending", attempt)
        assert after.available_at is not None
        job = take()
    assert end(job, "failed", error_code="Busy", retryable=True).status == "failed"


def test_a_job_that_killed_three_workers_is_quarantined_with_the_reason(kind: Any, owner: User) -> None:
    job_enqueue(kind=kind(), payload={}, owner=owner, max_attempts=10)
    for status in ["queued", *["pending"] * (MAX_KILLS - 2)]:
        assert end(take(), "killed", error_message="signal 9").status == status
    job = end(take(), "killed", error_message="signal 9")
    assert (job.status, job.error_code, job.kills) == ("failed", "quarantined", 3)
    assert job.quarantined_at is not None
    assert "signal 9" in job.error_message


@pytest.mark.parametrize("outcome", ["lost", "killed"])
def test_what_is_lost_runs_again_at_once_the_first_time_and_after_a_wait_the_next(
    kind: Any, owner: User, outcome: str
) -> None:
    job_enqueue(kind=kind(), payload={}, owner=owner, max_attempts=5)
    first = end(take(), outcome)
    assert (first.status, first.available_at) == ("queued", None)
    second = end(take(), outcome)
    assert second.status == "pending"
    assert second.available_at is not None
    assert second.available_at - timezone.now() < timedelta(seconds=0.5)


def test_losing_its_host_is_no_kill(kind: Any, owner: User) -> None:
    job_enqueue(kind=kind(), payload={}, owner=owner, max_attempts=5)
    for _ in range(4):
        job = end(take(), "lost")
    assert (job.status, job.kills) == ("pending", 0)


def test_a_released_job_is_queued_again_and_has_lost_nothing(kind: Any, owner: User) -> None:
    job_enqueue(kind=kind(), payload={}, owner=owner, max_attempts=1)
    for _ in range(3):
        assert end(take(), "released").status == "queued"
    assert end(take(), "completed", result={}).status == "completed"


def test_waiting_doubles_up_to_a_limit() -> None:
    assert all(0.25 <= backoff(1) <= 0.5 for _ in range(20))
    assert all(2.0 <= backoff(4) <= 4.0 for _ in range(20))
    assert backoff(60) <= 120.0


def test_a_lost_job_that_was_to_be_cancelled_is_cancelled(running: Job, owner: User) -> None:
    job_cancel(job=running, by=owner)
    assert end(running, "lost").status == "cancelled"


def test_a_job_that_completes_before_the_cancel_reaches_it_is_completed(running: Job, owner: User) -> None:
    job_cancel(job=running, by=owner)
    job = end(running, "completed", result={})
    assert (job.status, job.cancel_requested_at) == ("completed", None)


def test_a_lost_job_that_was_to_pause_is_paused(running: Job, owner: User) -> None:
    job_pause(job=running, by=owner)
    assert end(running, "lost").status == "paused"


def test_a_hook_that_fails_undoes_what_it_wrote_and_fails_the_job_once(kind: Any, owner: User, other: User) -> None:
    seen: list[str] = []

    def hook(finished: Sequence[Finished]) -> None:
        seen.extend(one.outcome for one in finished)
        User.objects.filter(pk=other.pk).update(first_name="half done")
        if finished[0].outcome == "completed":
            raise ValueError("cannot store this")

    job_enqueue(kind=kind(on_finish=hook), payload={}, owner=owner)
    job = end(take(), "completed", result={})
    assert (job.status, job.error_code) == ("failed", "finish_failed")
    assert seen == ["completed", "failed"]
    assert not JobEvent.objects.filter(job=job, type="result").exists()


def test_a_hook_that_always_fails_still_ends_the_job(kind: Any, owner: User, other: User) -> None:
    def hook(finished: Sequence[Finished]) -> None:
        User.objects.filter(pk=other.pk).update(first_name="half done")
        raise ValueError("never")

    job_enqueue(kind=kind(on_finish=hook), payload={}, owner=owner)
    assert end(take(), "completed", result={}).status == "failed"
    other.refresh_from_db()
    assert other.first_name == ""
    assert SystemEvent.objects.filter(severity="critical").count() == 1


def test_a_ledger_that_fails_does_not_fail_the_job(running: Job) -> None:
    def hook(ended: Sequence[AttemptEnd]) -> None:
        raise ValueError("no money")

    kinds.on_attempt_end(hook)
    assert end(running, "completed", result={}).status == "completed"
    assert SystemEvent.objects.filter(message__contains="no money").exists()


def test_settling_many_leaves_the_others_alone(kind: Any, owner: User) -> None:
    kind()
    for _ in range(3):
        job_enqueue(kind="chore", payload={}, owner=owner)
    first, stale, last = claim(queue="cpu", worker="w1", host="here", lease_seconds=15, limit=3)
    done = Verdict("completed", result={})
    fenced = settle_all([(first.pk, 1, done), (stale.pk, 7, done), (last.pk, 1, done)])
    assert fenced == [(stale.pk, 7)]
    assert Job.objects.filter(status="completed").count() == 2
