"""The observatory: every figure is a row somewhere, read by a fixed number of statements."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from apps.carbon.models import ResourceUsage
from apps.carbon.observatory import today
from apps.core import observatory
from apps.core.models import QueueState, SystemEvent, User, Worker
from apps.core.observatory import Figure, Look, Need, Panel, needs
from apps.lab.services import AWAY_AFTER, look

from .conftest import People, make_cells, make_experiment, make_job, results_of

Browser = Callable[[User], Client]
STATEMENTS = 20
"""Session, member, cursor, the look, the pill and what the page itself reads; none of them grows with the rows."""


def test_a_newcomer_is_told_the_next_step(as_: Browser, people: People) -> None:
    page = as_(people.owner).get("/").content.decode()
    assert "Nothing has run yet" in page
    assert 'href="/experiments/new/"' in page
    assert "No worker has reported" in page


def test_a_viewer_is_not_offered_what_would_be_refused(as_: Browser, people: People) -> None:
    page = as_(people.viewer).get("/").content.decode()
    assert 'href="/experiments/new/"' not in page


def test_a_stranger_is_led_to_the_door(db: None) -> None:
    answer = Client().get("/")
    assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/")


def test_what_runs_is_shown_with_how_far_and_how_good(as_: Browser, people: People) -> None:
    make_cells(make_experiment(people.owner, "Dawn", "in_progress"), done=3, waiting=5)
    page = as_(people.viewer).get("/").content.decode()
    assert "Dawn" in page
    assert "3 of 8" in page
    assert "100.0\u202f%" in page
    assert "ETA" in page


def test_what_ended_since_the_last_look_is_told_and_what_ended_before_is_not(as_: Browser, people: People) -> None:
    now = timezone.now()
    User.objects.filter(pk=people.owner.pk).update(last_looked_at=now - timedelta(hours=2))
    make_experiment(people.owner, "Fresh", completed_at=now - timedelta(hours=1), results=results_of(0.25))
    make_experiment(people.owner, "Stale", completed_at=now - timedelta(hours=3), results=results_of(0.25))
    response = as_(people.owner).get("/")
    page = response.content.decode()
    assert "Fresh" in page.partition('id="obs-score-cost"')[0]
    assert "Stale" not in page.partition('id="obs-score-cost"')[0]
    assert "15–35\u202f%" in page


def test_the_last_look_is_kept_for_a_visit_and_moves_with_the_next(people: People) -> None:
    session: dict[str, str] = {}
    start = timezone.now()
    assert look(user=people.owner, session=session, now=start) is None  # type: ignore[arg-type]
    people.owner.refresh_from_db()
    assert people.owner.last_looked_at == start
    assert look(user=people.owner, session=session, now=start + timedelta(minutes=10)) is None  # type: ignore[arg-type]
    people.owner.refresh_from_db()
    later = start + timedelta(minutes=10) + AWAY_AFTER + timedelta(minutes=1)
    assert look(user=people.owner, session=session, now=later) == start + timedelta(minutes=10)  # type: ignore[arg-type]


def test_the_ledger_of_the_last_day_is_summed(people: People) -> None:
    now = timezone.now()
    for hours, dollars in ((1, 0.25), (23, 0.5), (25, 100.0)):
        ResourceUsage.objects.create(
            cpu_seconds=10,
            memory_mb=1,
            estimated_cost=dollars,
            energy_joules=3600,
            timestamp=now - timedelta(hours=hours),
        )
    used = today()
    assert (used.executions, used.dollars, used.core_seconds, used.joules) == (2, 0.75, 20, 7200)
    assert used.dollars_each == 0.375


def test_failures_need_their_owner_and_the_admin_but_nobody_else(people: People) -> None:
    run = make_experiment(people.owner, "Dusk", "failed").runs.get()
    make_job(people.owner, "failed", topic=run.pk)
    make_job(people.owner, "timeout", topic=run.pk, quarantined_at=timezone.now())
    told = {user.username: needs(Look(user)) for user in (people.owner, people.admin, people.other)}
    assert [(need.title, need.note) for need in told["olga"]] == [("2 jobs failed", "Dusk · 1 quarantined")]
    assert told["ada"] == told["olga"]
    assert told["otto"] == []


def test_a_solve_that_was_tried_again_no_longer_needs_anybody(people: People) -> None:
    cell = make_cells(make_experiment(people.owner, "Dawn", "in_progress"), done=0, waiting=1)[0]
    failed = make_job(people.owner, "failed")
    cell.job = failed
    cell.save(update_fields=["job"])
    assert len(needs(Look(people.owner))) == 1
    make_job(people.owner, "completed", retry_of=failed)
    assert needs(Look(people.owner)) == []


def test_open_events_and_stuck_queues_need_somebody_the_worst_first(as_: Browser, people: People) -> None:
    SystemEvent.objects.create(event_type="disk_low", event_source="web", severity="critical", message="No room left.")
    SystemEvent.objects.create(event_type="sweep", event_source="web", severity="info", message="Swept.")
    SystemEvent.objects.create(
        event_type="alert", event_source="web", severity="error", message="Done with.", resolved_at=timezone.now()
    )
    make_job(people.owner, "queued", queue="gpu")
    make_job(people.owner, "queued", queue="cpu")
    QueueState.objects.create(queue="gpu", paused_at=timezone.now())
    assert as_(people.owner).get("/").status_code == 200
    assert [need.title for need in needs(Look(people.owner))] == [
        "No room left.",
        "Queue cpu has no worker",
        "Queue gpu is paused",
    ]


def test_a_worker_that_reports_serves_its_queue(as_: Browser, people: People) -> None:
    now = timezone.now()
    make_job(people.owner, "queued", queue="cpu")
    for _ in range(3):
        make_job(people.owner, "running", queue="cpu", worker="w")
    Worker.objects.create(
        name="w",
        host="greenhouse",
        pid=1,
        slots={"cpu": 4},
        version="1",
        started_at=now,
        last_seen_at=now,
    )
    response = as_(people.owner).get("/")
    assert "Nothing waits for you." in response.content.decode()
    assert "cpu 3 of 4" in response.content.decode()


def test_the_page_asks_the_same_few_questions_however_much_there_is(
    as_: Browser, people: People, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(7):
        experiment = make_experiment(people.owner, f"Done {number}", results=results_of(0.2))
        for _ in range(3):
            make_job(people.owner, "failed", kind=f"kind{number}", topic=experiment.runs.get().pk)
        make_experiment(people.owner, f"Runs {number}", "in_progress")
        SystemEvent.objects.create(event_type="x", event_source="web", severity="error", message=f"Event {number}")
    browser = as_(people.admin)
    browser.get("/")
    with django_assert_max_num_queries(STATEMENTS):
        assert browser.get("/").status_code == 200


@pytest.mark.parametrize("points", [0, 1])
def test_the_chart_is_there_with_its_data_once_something_has_ended(as_: Browser, people: People, points: int) -> None:
    for _ in range(points):
        make_experiment(people.owner, "<b>Dawn</b>", results=results_of(0.25))
    response = as_(people.owner).get("/")
    page = response.content.decode()
    assert ("Show data" in page) is bool(points)
    assert "<b>Dawn" not in page
    assert "bokeh" not in page
    assert "unsafe-inline" not in response["Content-Security-Policy"]


def test_an_app_adds_a_panel_a_figure_and_a_need(as_: Browser, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_panels", "_figures", "_needs"):
        monkeypatch.setattr(observatory, name, dict(getattr(observatory, name)))
    observatory.panel_register(Panel("needs", "lab/_obs_needs.html", lambda look: None, place="side"))
    observatory.panel_register(
        Panel(
            "first", "lab/_obs_needs.html", lambda look: {"needs": [Need("failed", "By a panel", "", "/x/")]}, order=1
        )
    )
    observatory.figures_register("mine", lambda look: [Figure("Beds", "7", "m²")], order=1)
    observatory.needs_register("mine", lambda look: [Need("critical", f"For {look.user.username}", "", "/y/")])
    response = as_(people.owner).get("/")
    page = response.content.decode()
    assert 'id="obs-first"' in page.partition('id="obs-running"')[0]
    assert '<div id="obs-needs" hidden></div>' in page
    assert page.index("Beds") < page.index("Running now")
    assert [need.title for need in needs(Look(people.owner))] == ["For olga"]
    assert len(response.context["figures"]) == observatory.MOST_FIGURES


def test_what_panels_share_is_read_once_a_look(people: People) -> None:
    asked: list[str] = []

    def read(look: Look) -> str:
        asked.append(look.user.username)
        return "read"

    here = Look(people.owner)
    assert (here.once(read), here.once(read), Look(people.other).once(read)) == ("read", "read", "read")
    assert asked == ["olga", "otto"]
