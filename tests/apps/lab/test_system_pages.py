"""The machine room and its events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from apps.core.models import QueueState, SystemEvent, User, Worker
from apps.core.system_events import system_event_record

from .conftest import People, make_job

Browser = Callable[[User], Client]


def make_worker(name: str, host: str, *, seen_seconds_ago: float = 1, queues: list[str] | None = None) -> Worker:
    """A worker that reported then."""
    now = timezone.now()
    return Worker.objects.create(
        name=name,
        host=host,
        pid=7,
        slots=dict.fromkeys(queues or ["cpu"], 4),
        version="0.1",
        started_at=now - timedelta(hours=1),
        last_seen_at=now - timedelta(seconds=seen_seconds_ago),
    )


def test_hosts_count_the_places_of_workers_that_still_report(as_: Browser, people: People) -> None:
    make_worker("a", "greenhouse")
    make_worker("b", "greenhouse", seen_seconds_ago=600)
    make_worker("c", "cellar", seen_seconds_ago=60 * 60 * 25)
    make_worker("d", "greenhouse", queues=["cpu", "gpu"])
    for status, worker in (("running", "a"), ("running", "a"), ("running", "a"), ("running", "b"), ("queued", "")):
        make_job(people.owner, status, **({"worker": worker} if worker else {}))
    make_job(people.owner, "running", worker="d", queue="gpu")
    response = as_(people.viewer).get("/system/")
    context = response.context
    [host] = context["hosts"]
    assert (host.name, host.alive, host.busy) == ("greenhouse", 2, "cpu 3 of 8 · gpu 1 of 4")
    assert context["places"] == "cpu 8, gpu 4"
    assert "1 host<" in response.content.decode()


def test_queues_tell_their_depth_and_whether_somebody_serves_them(as_: Browser, people: People) -> None:
    make_worker("a", "greenhouse", queues=["cpu"])
    for status, queue in (
        ("queued", "cpu"),
        ("queued", "cpu"),
        ("running", "cpu"),
        ("paused", "cpu"),
        ("queued", "gpu"),
    ):
        make_job(people.owner, status, queue=queue)
    QueueState.objects.create(queue="agents", paused_at=timezone.now())
    rows = {row.name: row for row in as_(people.viewer).get("/system/").context["queues"]}
    assert (rows["cpu"].waiting, rows["cpu"].running, rows["cpu"].paused_jobs, rows["cpu"].word) == (2, 1, 1, "working")
    assert (rows["gpu"].waiting, rows["gpu"].word) == (1, "no worker")
    assert rows["agents"].word == "paused"


def test_the_room_asks_the_same_few_questions_however_much_there_is(
    as_: Browser, people: People, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        make_worker(f"w{number}", f"h{number % 3}")
        make_job(people.owner, "running")
        make_job(people.owner, "queued", queue=f"q{number}")
    client = as_(people.admin)
    with django_assert_max_num_queries(15):
        assert client.get("/system/").status_code == 200


def test_a_queue_whose_worker_has_taken_nothing_yet_waits_and_is_not_idle(as_: Browser, people: People) -> None:
    make_worker("a", "greenhouse", queues=["cpu", "gpu"])
    make_job(people.owner, "queued", queue="cpu")
    rows = {row.name: row for row in as_(people.viewer).get("/system/").context["queues"]}
    assert (rows["cpu"].status, rows["cpu"].word) == ("queued", "waiting")
    assert rows["gpu"].word == "idle"


def test_only_admins_turn_a_queue_off_and_on(as_: Browser, people: People) -> None:
    make_worker("a", "greenhouse")
    for user in (people.owner, people.viewer):
        assert as_(user).post("/system/queues/cpu/pause/").status_code == 403
        assert "/system/queues/" not in as_(user).get("/system/").content.decode()
    assert Client().post("/system/queues/cpu/pause/").status_code == 302
    assert not QueueState.objects.filter(paused_at__isnull=False).exists()
    admin = as_(people.admin)
    assert "running jobs go on" in admin.post("/system/queues/cpu/pause/", follow=True).content.decode()
    assert QueueState.objects.get(queue="cpu").paused_at is not None
    admin.post("/system/queues/cpu/resume/")
    assert QueueState.objects.get(queue="cpu").paused_at is None


@pytest.mark.parametrize("path", ["/system/queues/nowhere/pause/", "/system/queues/cpu/explode/"])
def test_a_queue_there_is_not_cannot_be_switched(as_: Browser, people: People, path: str) -> None:
    make_worker("a", "greenhouse")
    assert as_(people.admin).post(path).status_code == 404
    assert not QueueState.objects.filter(queue="nowhere").exists()


def events(client: Client, query: str = "") -> list[str]:
    """The messages a list of events shows."""
    return [event.message for event in client.get(f"/system/events/{query}").context["listing"].items]


def record(message: str, severity: str = "error", source: str = "web", **context: object) -> SystemEvent:
    """An event."""
    return system_event_record(
        event_type="trouble", event_source=source, severity=severity, message=message, context=dict(context) or None
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?q=greenh", ["Disk of the greenhouse is full"]),
        ("?q=cellar42", ["Lease lost"]),
        ("?severity=warning", ["Lease lost"]),
        ("?source=carbon", ["Cost alert"]),
        ("?state=resolved", ["Cost alert"]),
        ("?state=open", ["Lease lost", "Disk of the greenhouse is full"]),
        ("?severity=loud&state=maybe", ["Cost alert", "Lease lost", "Disk of the greenhouse is full"]),
        ("?q=%22%27(*", []),
    ],
)
def test_events_are_found_by_words_severity_source_and_state(
    as_: Browser, people: People, query: str, expected: list[str]
) -> None:
    record("Disk of the greenhouse is full")
    record("Lease lost", "warning", host="cellar42")
    record("Cost alert", source="carbon")
    SystemEvent.objects.filter(message="Cost alert").update(resolved_at=timezone.now())
    assert events(as_(people.viewer), query) == expected


def test_the_list_of_events_asks_no_question_a_row(
    as_: Browser, people: People, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(60):
        record(f"Trouble {number}")
    client = as_(people.viewer)
    with django_assert_max_num_queries(11):
        assert len(events(client)) == 50


def test_an_event_is_a_page_of_its_own_and_a_panel_beside_the_list(as_: Browser, people: People) -> None:
    event = system_event_record(
        event_type="trouble",
        event_source="web",
        severity="error",
        message="It <broke>",
        context={"job_id": "job_1"},
        stack_trace="Traceback: here",
    )
    client = as_(people.viewer)
    path = f"/system/events/{event.public_id}/"
    page = client.get(path).content.decode()
    panel = client.get(path, headers={"HX-Request": "true", "HX-Target": "panel"}).content.decode()
    for text in (page, panel):
        assert "It &lt;broke&gt;" in text
        assert "Traceback: here" in text
        assert "/system/jobs/job_1/" in text
    assert "<html" in page
    assert "<html" not in panel
    assert "<dialog" in panel


def test_researchers_resolve_an_event_once_and_viewers_do_not(as_: Browser, people: People) -> None:
    event = record("Disk full")
    path = f"/system/events/{event.public_id}/resolve/"
    assert as_(people.viewer).post(path).status_code == 403
    assert "/resolve/" not in as_(people.viewer).get(f"/system/events/{event.public_id}/").content.decode()
    owner = as_(people.owner)
    assert "Resolved." in owner.post(path, follow=True).content.decode()
    event.refresh_from_db()
    assert event.resolved_at is not None
    assert "already resolved" in owner.post(path, follow=True).content.decode()


@pytest.mark.parametrize("event_id", ["evt_999", "evt_x", "12", "evt_99999999999999999999"])
def test_an_event_there_is_not_is_a_page_that_says_so(as_: Browser, people: People, event_id: str) -> None:
    assert as_(people.viewer).get(f"/system/events/{event_id}/").status_code == 404
