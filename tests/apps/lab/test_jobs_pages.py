"""Jobs: lists that say what was asked for, and buttons that do what they say for whom they may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from apps.core.jobs import kinds
from apps.core.jobs.kinds import Kind
from apps.core.models import Job, JobEvent, User
from apps.experiments.models import Solve

from .conftest import People, make_attempt, make_cells, make_experiment, make_job

Browser = Callable[[User], Client]
LIST = "/system/jobs/"


@pytest.fixture
def _a_kind_without_consequences(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind of job that nothing else knows."""
    monkeypatch.setattr(kinds, "_kinds", {**kinds._kinds, "chore": Kind(name="chore", title="A chore")})


def ids(client: Client, query: str = "") -> list[str]:
    """The jobs a list shows."""
    return [row.job.pk for row in client.get(LIST + query).context["listing"].items]


def test_the_list_shows_everybodys_jobs_the_newest_first(as_: Browser, people: People) -> None:
    made = [make_job(user).pk for user in (people.owner, people.other, None)]
    assert ids(as_(people.viewer)) == sorted(made, reverse=True)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?status=failed", {"failed"}),
        ("?status=nonsense", {"failed", "gpu", "mine", "quarantined"}),
        ("?queue=gpu", {"gpu"}),
        ("?kind=other", {"quarantined"}),
        ("?mine=1", {"mine"}),
        ("?quarantined=1", {"quarantined"}),
        ("?topic=run_1", {"failed"}),
        ("?q=OLGA", {"mine"}),
        ("?q=C1:0000000", {"quarantined"}),
        ("?q=run_", {"failed"}),
        ("?q=%25", set()),
        ("?q=nobody", set()),
        ("?sort=finished", {"failed"}),
        ("?sort=nonsense&page=99", {"failed", "gpu", "mine", "quarantined"}),
    ],
)
def test_the_list_narrows_to_what_its_address_says(
    as_: Browser, people: People, query: str, expected: set[str]
) -> None:
    jobs = {
        "failed": make_job(people.other, "failed", topic="run_1"),
        "gpu": make_job(people.other, queue="gpu"),
        "mine": make_job(people.owner),
        "quarantined": make_job(people.other, kind="other", quarantined_at=timezone.now()),
    }
    cell = make_cells(make_experiment(people.other, "Dawn"), done=0, waiting=1)[0]
    Solve.objects.filter(pk=cell.pk).update(job=jobs["quarantined"])
    assert set(ids(as_(people.owner), query)) == {jobs[name].pk for name in expected}


def test_the_list_sorts_both_ways_and_says_which(as_: Browser, people: People) -> None:
    now = timezone.now()
    first = make_job(people.owner, "failed", finished_at=now - timedelta(seconds=2))
    last = make_job(people.owner, "completed", finished_at=now)
    client = as_(people.owner)
    assert ids(client, "?sort=finished") == [first.pk, last.pk]
    assert ids(client, "?sort=-finished") == [last.pk, first.pk]
    assert 'aria-sort="descending"' in client.get(f"{LIST}?sort=-finished").content.decode()


def test_the_list_pages_and_keeps_its_filter_on_the_way(as_: Browser, people: People) -> None:
    for _ in range(51):
        make_job(people.owner)
    client = as_(people.owner)
    page = client.get(f"{LIST}?status=queued").content.decode()
    assert "?status=queued&amp;page=2" in page
    assert len(ids(client, "?status=queued&page=2")) == 1


def test_the_list_asks_no_question_a_row(
    as_: Browser, people: People, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(40):
        make_job(people.owner if number % 2 else people.other, "failed" if number % 3 else "running")
    client = as_(people.owner)
    with django_assert_max_num_queries(12):
        client.get(LIST)


def test_an_empty_list_tells_the_next_step_and_a_narrow_one_the_way_back(as_: Browser, people: People) -> None:
    client = as_(people.owner)
    assert "No job has been queued yet" in client.get(LIST).content.decode()
    assert "Loosen the filter" in client.get(f"{LIST}?status=failed").content.decode()


def test_a_job_shows_its_state_error_executions_and_log(
    as_: Browser, people: People, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    experiment = make_experiment(people.owner, "Dawn")
    job = make_job(
        people.owner, "failed", topic=experiment.runs.get().pk, error_code="crashed", error_message="Signal <9>."
    )
    make_attempt(job, stack_trace="MemoryError: 2048")
    for seq, (kind, payload) in enumerate(
        [
            ("log", {"level": "WARNING", "message": "Depth 3"}),
            ("status_change", {"old_status": "running", "new_status": "failed"}),
            ("metrics", {"steps": 4}),
        ],
        start=1,
    ):
        JobEvent.objects.create(job=job, topic=job.topic, seq=seq, type=kind, payload=payload, at=timezone.now())
    client = as_(people.viewer)
    with django_assert_max_num_queries(12):
        response = client.get(f"{LIST}{job.pk}/")
    page = response.content.decode()
    for said in ("Signal &lt;9&gt;.", "MemoryError: 2048", "Depth 3", "running → failed", "Dawn", "3.0\u202fs"):
        assert said in page
    assert [line.level for line in response.context["lines"]] == ["warning", "error"]


def test_a_job_there_is_not_is_a_page_that_says_so(as_: Browser, people: People) -> None:
    answer = as_(people.owner).get(f"{LIST}job_nothing/")
    assert answer.status_code == 404
    assert "There is no job" in answer.content.decode()


@pytest.mark.parametrize(
    ("status", "action", "after"),
    [
        ("queued", "cancel", "cancelled"),
        ("queued", "pause", "paused"),
        ("paused", "resume", "queued"),
        ("failed", "retry", "failed"),
    ],
)
@pytest.mark.usefixtures("_a_kind_without_consequences")
def test_only_the_owner_and_admins_act_on_a_job(
    as_: Browser, people: People, status: str, action: str, after: str
) -> None:
    job = make_job(people.owner, status, kind="chore")
    act = f"{LIST}{job.pk}/{action}/"
    for user in (people.other, people.viewer):
        assert as_(user).post(act).status_code == 403
    assert Client().post(act).status_code == 302
    assert as_(people.owner).get(act).status_code == 405
    job.refresh_from_db()
    assert (job.status, Job.objects.count()) == (status, 1)
    answer = as_(people.owner).post(act)
    assert answer.status_code == 302
    job.refresh_from_db()
    assert job.status == after
    if action == "retry":
        assert answer["Location"] == f"{LIST}{Job.objects.exclude(pk=job.pk).get().pk}/"


@pytest.mark.parametrize("status", ["queued", "running", "paused", "failed", "completed"])
def test_buttons_are_shown_to_those_who_may_press_them_and_when(as_: Browser, people: People, status: str) -> None:
    job = make_job(people.owner, status)
    expected = {
        "queued": {"cancel", "pause"},
        "running": {"cancel", "pause"},
        "paused": {"cancel", "resume"},
        "failed": {"retry"},
        "completed": set(),
    }[status]
    for user, wanted in (
        (people.owner, expected),
        (people.admin, expected),
        (people.other, set()),
        (people.viewer, set()),
    ):
        page = as_(user).get(f"{LIST}{job.pk}/").content.decode()
        shown = {action for action in ("cancel", "pause", "resume", "retry") if f'/{job.pk}/{action}/"' in page}
        assert shown == wanted, user.username


def test_asking_too_late_is_told_kindly_and_changes_nothing(as_: Browser, people: People) -> None:
    job = make_job(people.owner, "completed")
    answer = as_(people.owner).post(f"{LIST}{job.pk}/cancel/", follow=True)
    assert answer.status_code == 200
    assert "has already ended" in answer.content.decode()


def test_a_running_job_that_is_asked_to_stop_says_so(as_: Browser, people: People) -> None:
    job = make_job(people.owner, "running")
    page = as_(people.owner).post(f"{LIST}{job.pk}/cancel/", follow=True).content.decode()
    assert "cancelling" in page
    assert f'/{job.pk}/cancel/"' not in page


@pytest.mark.parametrize(
    ("target", "lands"),
    [("/system/jobs/?status=queued", "/system/jobs/?status=queued"), ("https://evil.example/", None)],
)
def test_a_button_leads_back_to_where_it_stood_but_never_off_the_site(
    as_: Browser, people: People, target: str, lands: str | None
) -> None:
    job = make_job(people.owner)
    answer = as_(people.owner).post(f"{LIST}{job.pk}/cancel/", {"next": target})
    assert answer["Location"] == (lands or f"{LIST}{job.pk}/")
