"""Jobs over the API: what a program reads, what it may do, and who may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from apps.core.jobs import JobSpec, job_enqueue, jobs_enqueue, kinds
from apps.core.jobs.lease import claim
from apps.core.jobs.settle import settle
from apps.core.jobs.verdict import Verdict
from apps.core.models import Job

from .conftest import People, Program

JOBS = "/api/v1/jobs"


@pytest.fixture(autouse=True)
def chore(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A kind of job, and a broker that hears nothing."""
    before = dict(kinds._kinds)
    kinds.register(kinds.Kind("chore", "Chore"))
    kinds.register(kinds.Kind("errand", "Errand", queue="agents"))
    monkeypatch.setattr("apps.core.jobs.doorbell._publish", lambda queue: True)
    yield
    kinds._kinds.clear()
    kinds._kinds.update(before)


@pytest.fixture
def job(people: People) -> Job:
    """A job of the owner that waits."""
    return job_enqueue(kind="chore", payload={"n": 1}, owner=people.owner, topic="run_1")


@pytest.fixture
def failed(people: People, job: Job) -> Job:
    """A job of the owner that failed."""
    claim(queue="cpu", worker="w", host="h", lease_seconds=15)
    return settle(job.pk, 1, Verdict("failed", error_code="ValueError", error_message="no", stack_trace="secret"))


def test_a_program_reads_a_job_in_both_vocabularies(
    people: People, program: Callable[..., Program], failed: Job
) -> None:
    answer = program(people.viewer, "read").call("get", f"{JOBS}/{failed.pk}")
    body = answer.json()
    assert answer.status_code == 200
    assert (body["status"], body["state"], body["owner"]) == ("FAILED", "failed", "olga")
    assert (body["error_code"], body["error_message"], body["payload"]) == ("ValueError", "no", {"n": 1})


def test_executions_are_listed_without_their_traces(
    people: People, program: Callable[..., Program], failed: Job
) -> None:
    body = program(people.viewer, "read").call("get", f"{JOBS}/{failed.pk}/attempts").json()
    assert body["total"] == 1
    assert (body["items"][0]["number"], body["items"][0]["outcome"]) == (1, "failed")
    assert "secret" not in str(body)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 5),
        ("?kind=errand", 2),
        ("?queue=cpu", 3),
        ("?topic=run_2", 2),
        ("?owner=otto", 2),
        ("?state=cancelled", 1),
        ("?status=CANCELLED", 1),
        ("?status=QUEUED&state=queued", 4),
        ("?status=QUEUED&state=failed", 0),
        ("?quarantined=true", 0),
    ],
)
def test_the_list_narrows(people: People, as_: Callable[..., Client], query: str, count: int) -> None:
    jobs_enqueue(specs=[JobSpec("chore", topic="run_1")] * 3, owner=people.owner)
    jobs_enqueue(specs=[JobSpec("errand", topic="run_2")] * 2, owner=people.other)
    browser = as_(people.owner)
    browser.post(f"{JOBS}/{Job.objects.filter(kind='chore').first().pk}/cancel")  # type: ignore[union-attr]
    body = browser.get(JOBS + query).json()
    assert (body["total"], len(body["items"])) == (count, count)


def test_the_list_is_newest_first_and_pages_in_few_queries(
    people: People, as_: Callable[..., Client], django_assert_max_num_queries: Any
) -> None:
    made = jobs_enqueue(specs=[JobSpec("chore")] * 50, owner=people.owner)
    browser = as_(people.viewer)
    with django_assert_max_num_queries(5):
        body = browser.get(f"{JOBS}?page=2&page_size=20").json()
    assert [item["job_id"] for item in body["items"]] == [job.pk for job in reversed(made)][20:40]
    assert (body["total"], body["pages"]) == (50, 3)


def test_an_owner_pauses_resumes_cancels_and_retries(people: People, as_: Callable[..., Client], job: Job) -> None:
    browser = as_(people.owner)
    assert browser.post(f"{JOBS}/{job.pk}/pause").json()["state"] == "paused"
    assert browser.post(f"{JOBS}/{job.pk}/resume").json()["state"] == "queued"
    assert browser.post(f"{JOBS}/{job.pk}/cancel").json()["state"] == "cancelled"
    again = browser.post(f"{JOBS}/{job.pk}/retry")
    assert again.status_code == 201
    assert (again.json()["state"], again.json()["payload"], again.json()["topic"]) == ("queued", {"n": 1}, "run_1")
    assert again.json()["job_id"] != job.pk


def test_a_running_job_is_asked_to_stop(people: People, as_: Callable[..., Client], job: Job) -> None:
    claim(queue="cpu", worker="w", host="h", lease_seconds=15)
    body = as_(people.owner).post(f"{JOBS}/{job.pk}/cancel").json()
    assert (body["state"], body["cancel_requested"]) == ("running", True)


def test_many_are_cancelled_in_one_call_and_each_is_counted(
    people: People, program: Callable[..., Program], failed: Job
) -> None:
    waiting = Job.objects.create(kind="chore", owner=people.owner)
    foreign = Job.objects.create(kind="chore", owner=people.other)
    owner = program(people.owner, "read", "write")
    answer = owner.call(
        "post", f"{JOBS}/cancel", {"job_ids": [waiting.pk, failed.pk, foreign.pk, "job_gone", waiting.pk]}
    )
    assert answer.json() == {"cancelled": 1, "stopping": 0, "ended": 1, "foreign": 1, "missing": 1}
    assert Job.objects.get(pk=foreign.pk).status == "queued"
    assert program(people.owner, "read").call("post", f"{JOBS}/cancel", {"job_ids": [waiting.pk]}).status_code == 403
    assert owner.call("post", f"{JOBS}/cancel", {"job_ids": []}).status_code == 422


@pytest.mark.parametrize("action", ["cancel", "pause", "resume", "retry"])
def test_only_the_owner_or_an_admin_may_act(
    people: People, as_: Callable[..., Client], anonymous: Client, job: Job, action: str
) -> None:
    address = f"{JOBS}/{job.pk}/{action}"
    before = Job.objects.filter(pk=job.pk).values().get()
    assert as_(people.other).post(address).status_code == 403
    assert as_(people.viewer).post(address).status_code == 403
    assert as_(people.curator).post(address).status_code == 403
    assert anonymous.post(address).status_code == 401
    assert Job.objects.filter(pk=job.pk).values().get() == before
    assert as_(people.admin).post(address).status_code == (200 if action in ("cancel", "pause") else 409)


def test_a_key_that_may_only_read_changes_nothing(people: People, program: Callable[..., Program], job: Job) -> None:
    assert program(people.owner, "read").call("post", f"{JOBS}/{job.pk}/cancel").status_code == 403
    assert program(people.owner, "read", "write").call("post", f"{JOBS}/{job.pk}/cancel").status_code == 200


def test_strangers_read_nothing(anonymous: Client, job: Job) -> None:
    for address in (JOBS, f"{JOBS}/{job.pk}", f"{JOBS}/{job.pk}/attempts"):
        assert anonymous.get(address).status_code == 401


@pytest.mark.parametrize(("action", "code"), [("cancel", 409), ("pause", 409), ("resume", 409)])
def test_what_has_ended_stays_ended(
    people: People, as_: Callable[..., Client], failed: Job, action: str, code: int
) -> None:
    answer = as_(people.owner).post(f"{JOBS}/{failed.pk}/{action}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (code, "CONFLICT")


@pytest.mark.parametrize("job_id", ["job_nothere", "x" * 40, "1"])
def test_an_unknown_job_is_not_found(people: People, as_: Callable[..., Client], job_id: str) -> None:
    assert as_(people.owner).get(f"{JOBS}/{job_id}").status_code == 404
