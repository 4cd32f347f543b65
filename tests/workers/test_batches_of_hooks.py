"""Apps hear of their jobs in batches: a bounded number of calls and statements, however many end together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.jobs import JobSpec, job_enqueue, job_pause, jobs_enqueue, kinds
from apps.core.jobs.kinds import Beat, Finished, Subject
from apps.core.jobs.lease import beat, claim
from apps.core.jobs.reports import Usage
from apps.core.jobs.settle import settle_all
from apps.core.jobs.verdict import Verdict
from apps.core.models import Job, JobAttempt, SystemEvent, User

pytestmark = pytest.mark.django_db


def take(limit: int) -> list[Job]:
    return claim(queue="cpu", worker="w1", host="here", lease_seconds=15, limit=limit)


def finish(jobs: Sequence[Job]) -> None:
    settle_all([(job.pk, job.attempt, Verdict("completed", result={})) for job in jobs])


def test_what_ends_together_is_told_together(kind: Any, owner: User) -> None:
    told: list[int] = []
    kind("chore", on_finish=lambda finished: told.append(len(finished)))
    kind("other", on_finish=lambda finished: told.append(len(finished)))
    jobs_enqueue(specs=[JobSpec("chore")] * 5 + [JobSpec("other")] * 2, owner=owner)
    finish(take(7))
    assert told == [5, 2]


def test_fifty_that_start_and_end_together_cost_as_many_statements_as_two(kind: Any, owner: User) -> None:
    kind(on_finish=lambda finished: None, on_status=lambda jobs, old: None)
    counts = []
    for size in (2, 50):
        jobs_enqueue(specs=[JobSpec("chore")] * size, owner=owner)
        with CaptureQueriesContext(connection) as seen:
            finish(take(size))
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_one_job_that_spoils_a_batch_spoils_no_other(kind: Any, owner: User) -> None:
    kept: list[str] = []

    def on_status(jobs: Sequence[Job], old: str) -> None:
        if any(job.payload["n"] == 1 for job in jobs):
            raise ValueError("not this one")
        kept.extend(str(job.payload["n"]) for job in jobs)

    jobs_enqueue(specs=[JobSpec(kind(on_status=on_status), {"n": n}) for n in range(3)], owner=owner)
    assert len(take(3)) == 3
    assert kept == ["0", "2"]
    assert SystemEvent.objects.filter(message__contains="not this one").count() == 1


def test_a_heartbeat_tells_what_was_used_so_far_and_a_budget_may_stop_the_work(kind: Any, owner: User) -> None:
    heard: list[Beat] = []

    def budget(beats: Sequence[Beat]) -> None:
        heard.extend(beats)
        for one in beats:
            if one.usage.cpu_seconds > 10:
                job_pause(job=Job.objects.get(pk=one.job_id), by=None)

    kind()
    kinds.on_beat(budget)
    jobs_enqueue(specs=[JobSpec("chore")] * 2, owner=owner)
    cheap, dear = take(2)
    beats = [
        Beat(cheap.pk, 1, Usage(cpu_seconds=1.0, peak_memory_mb=5.0)),
        Beat(dear.pk, 1, Usage(cpu_seconds=11.0, gpu_memory_mb=3.0)),
    ]
    assert beat(beats, lease_seconds=60) == 2
    assert heard == beats
    asked = dict(Job.objects.values_list("pk", "pause_requested_at"))
    assert (asked[cheap.pk] is None, asked[dear.pk] is not None) == (True, True)
    noted = JobAttempt.objects.order_by("job_id").values_list("cpu_seconds", "peak_memory_mb", "gpu_memory_mb")
    assert list(noted) == [(1.0, 5.0, None), (11.0, 0.0, 3.0)]


def test_a_budget_that_fails_costs_nobody_the_lease(kind: Any, owner: User) -> None:
    def broken(beats: Sequence[Beat]) -> None:
        Job.objects.update(priority=9)
        raise ValueError("no")

    kinds.on_beat(broken)
    job_enqueue(kind=kind(), payload={}, owner=owner)
    [job] = take(1)
    assert beat([Beat(job.pk, 1, Usage())], lease_seconds=600) == 1
    renewed = Job.objects.get(pk=job.pk)
    assert renewed.priority == 0
    assert renewed.lease_expires_at > job.lease_expires_at  # type: ignore[operator]


def test_what_jobs_are_about_is_asked_once_a_kind(kind: Any, owner: User) -> None:
    asked: list[int] = []

    def subjects(jobs: Sequence[Job]) -> dict[str, Subject]:
        asked.append(len(jobs))
        return {job.pk: Subject(f"about {job.payload['n']}") for job in jobs if job.payload["n"]}

    jobs = jobs_enqueue(specs=[JobSpec(kind(subjects=subjects), {"n": n}) for n in range(3)], owner=owner)
    stranger = Job(kind="forgotten")
    about = kinds.subjects([*jobs, stranger])
    assert [about[job.pk].title for job in (*jobs, stranger)] == ["", "about 1", "about 2", ""]
    assert asked == [3]


def test_a_hook_for_ends_is_called_with_all_of_them(kind: Any, owner: User) -> None:
    ended: list[list[str]] = []

    def on_finish(finished: Sequence[Finished]) -> None:
        ended.append([one.outcome for one in finished])

    jobs_enqueue(specs=[JobSpec(kind(on_finish=on_finish))] * 3, owner=owner)
    first, second, third = take(3)
    settle_all(
        [
            (first.pk, 1, Verdict("completed", result={})),
            (second.pk, 1, Verdict("failed", error_code="x")),
            (third.pk, 1, Verdict("completed", result={})),
        ]
    )
    assert ended == [["completed", "completed"], ["failed"]]
