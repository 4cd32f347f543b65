"""Jobs: lists that say what was asked for, and buttons that do what they say for whom they may."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from apps.core import live
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
    for _ in range(26):
        make_job(people.owner)
    client = as_(people.owner)
    page = client.get(f"{LIST}?status=queued").content.decode()
    assert "?status=queued&amp;page=2" in page
    assert len(ids(client, "?status=queued&page=2")) == 1


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


# --- Many at once


def cancel(client: Client, **data: object) -> str:
    """What the list says after the chosen jobs were cancelled."""
    answer = client.post(f"{LIST}cancel/", data, follow=True)
    assert answer.redirect_chain == [(str(data.get("next", LIST)), 302)]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.mark.usefixtures("_a_kind_without_consequences")
def test_many_jobs_are_cancelled_at_once_and_each_is_accounted_for(as_: Browser, people: People) -> None:
    waiting = [make_job(people.owner, status, kind="chore") for status in ("queued", "pending", "paused")]
    running = make_job(people.owner, "running", kind="chore")
    over = make_job(people.owner, "completed", kind="chore")
    foreign = make_job(people.other, "queued", kind="chore")
    picked = [job.pk for job in (*waiting, running, over, foreign)] + ["job_nothing"]
    said = cancel(as_(people.owner), pick=picked, next=f"{LIST}?mine=1")
    assert "3 cancelled, 1 stopping within two seconds, 1 had already ended, 1 somebody else's" in said.replace(
        "&#x27;", "'"
    )
    assert "1 no longer there." in said
    assert [Job.objects.get(pk=job.pk).status for job in waiting] == ["cancelled"] * 3
    running.refresh_from_db()
    foreign.refresh_from_db()
    assert running.cancel_requested_at is not None
    assert (foreign.status, foreign.cancel_requested_at) == ("queued", None)
    assert JobEvent.objects.filter(job=waiting[0], type="status_change").count() == 1
    assert "1 cancelled" in cancel(as_(people.admin), pick=foreign.pk)


@pytest.mark.usefixtures("_a_kind_without_consequences")
def test_all_that_match_are_cancelled_beyond_the_page(
    as_: Browser, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.core.jobs.many._BATCH", 20)
    mine = [make_job(people.owner, kind="chore") for _ in range(55)]
    kept = make_job(people.owner, kind="chore", queue="gpu")
    assert "55 cancelled." in cancel(as_(people.owner), all="1", query="queue=cpu&mine=1", pick=mine[0].pk)
    assert set(Job.objects.filter(status="cancelled")) == set(mine)
    kept.refresh_from_db()
    assert kept.status == "queued"


def test_nothing_chosen_and_nothing_allowed_are_said(as_: Browser, people: People) -> None:
    job = make_job(people.owner)
    assert "Choose at least one job first." in cancel(as_(people.owner))
    assert "1 somebody else" in cancel(as_(people.other), pick=job.pk)
    assert as_(people.viewer).post(f"{LIST}cancel/", {"pick": job.pk}).status_code == 403
    job.refresh_from_db()
    assert job.status == "queued"


def test_boxes_are_offered_to_those_who_may_act(as_: Browser, people: People) -> None:
    make_job(people.owner)
    assert "data-pick" in as_(people.owner).get(LIST).content.decode()
    assert "data-pick" not in as_(people.viewer).get(LIST).content.decode()


def test_what_runs_comes_first_and_says_what_it_is_part_of(as_: Browser, people: People) -> None:
    experiment = make_experiment(people.owner, "Night run", "in_progress")
    cell = make_cells(experiment, done=0, waiting=1)[0]
    running = make_job(
        people.owner,
        "running",
        topic=cell.run_id,
        payload={"task_id": cell.task_id, "strategy": "echo", "solve_id": cell.pk},
    )
    later = [make_job(people.owner).pk for _ in range(3)]
    client = as_(people.viewer)
    assert ids(client) == [running.pk, *sorted(later, reverse=True)]
    assert ids(client, "?sort=-created") == [*sorted(later, reverse=True), running.pk]
    row = " ".join(client.get(LIST).content.decode().split())
    for said in ("arc1:00000001 · ", "seed 0", "Night run · "):
        assert said in row


@pytest.mark.parametrize("query", ["", "?status=failed", "?q=olga", "?sort=finished", "?mine=1&kind=solve"])
def test_thirty_jobs_cost_as_many_statements_as_three(as_: Browser, people: People, query: str) -> None:
    experiment = make_experiment(people.owner, "Dawn", "in_progress")
    topic = experiment.runs.get().pk
    client = as_(people.owner)

    def statements(number: int) -> int:
        for _ in range(number):
            make_job(people.owner, "failed", topic=topic)
            make_job(people.owner, "running", topic=topic)
        client.get(LIST + query)
        with CaptureQueriesContext(connection) as asked:
            assert client.get(LIST + query).status_code == 200
        return len(asked)

    few = statements(3)
    assert statements(27) <= few <= 16


def test_the_list_alone_is_what_its_bar_and_its_socket_are_given(as_: Browser, people: People) -> None:
    make_job(people.owner, "failed")
    client = as_(people.owner)
    alone = client.get(f"{LIST}?status=failed", headers={"HX-Request": "true", "HX-Target": "jobs"})
    page = client.get(f"{LIST}?status=failed")
    assert alone.content.decode().startswith('<div id="jobs">')
    assert "HX-Target" in alone["Vary"]
    assert "<html" in page.content.decode()
    rows = re.compile(r'<section class="listing" id="jobs-rows".*?</section>', re.S)
    found = [rows.search(html.content.decode()) for html in (alone, page)]
    pushed = live.pages.get("jobs").render(people.owner, "status=failed", [])
    parts = [_without_moments(match.group()) for match in (*found, rows.search(pushed)) if match]
    assert len(parts) == 3
    assert parts[0] == parts[1] == parts[2].replace(' hx-swap-oob="true"', "")


def _without_moments(html: str) -> str:
    """What differs with the second it is drawn in, and each form's token."""
    html = re.sub(r'<input type="hidden" name="csrfmiddlewaretoken"[^>]*>', "", html)
    return re.sub(r"\s+", " ", re.sub(r"<time[^>]*>.*?</time>|[\d.]+\u202fm?s", "", html))
