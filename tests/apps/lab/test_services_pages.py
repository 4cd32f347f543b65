"""Services on the system pages: what is wanted, what is, why it waits or failed, and buttons for whom they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.core.errors import NotFound
from apps.core.jobs.kinds import Subject
from apps.core.live import pages as live_pages
from apps.core.live.log import Event, Position
from apps.core.models import Service, ServiceStatus, User
from apps.core.serving import Launch, Needs, ServiceKind, keeping, kinds, service_want
from apps.core.serving.keeping import Ended, Used
from apps.core.serving.room import Placed

from .conftest import People

Browser = Callable[[User], Client]
LIST = "/system/services/"


@pytest.fixture(autouse=True)
def echo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A kind of service whose keys have names, and a broker that hears nothing."""
    before = dict(kinds._kinds)
    kinds.register(
        ServiceKind(
            "echo",
            "Echo",
            lambda berth: Launch(["true"]),
            needs=Needs(memory_mb=50),
            idle_seconds=900,
            subjects=lambda services: {one.pk: Subject(f"The {one.key}", f"/things/{one.key}/") for one in services},
        )
    )
    monkeypatch.setattr("apps.core.jobs.doorbell._publish", lambda queue: True)
    yield
    kinds._kinds.clear()
    kinds._kinds.update(before)


def held(service: Service) -> Service:
    found = keeping.claim(
        keeper="w1", host="h1", boot_id="", queues=["cpu"], lease_seconds=60, fit=lambda one, others: Placed()
    )
    assert found is not None
    assert found.pk == service.pk
    return found


def ready(service: Service) -> Service:
    found = held(service)
    keeping.note_running(found.pk, found.token, pid=9, address="127.0.0.1", port=4711, secret="the-secret")
    keeping.note_ready(found.pk, found.token)
    keeping.renew({(found.pk, found.token): Used(42.0)}, lease_seconds=60)
    return Service.objects.get(pk=found.pk)


def failed(service: Service) -> Service:
    for _ in range(5):
        Service.objects.update(available_at=None)
        found = held(service)
        keeping.settle(
            found.pk, found.token, Ended("exited", "It ended by itself with status 3.", "no <such> colour", 1.0)
        )
    return Service.objects.get(pk=service.pk)


@pytest.fixture
def three(people: People) -> dict[str, Service]:
    """One that is ready, one that failed, one that waits."""
    made = {"ready": ready(service_want(kind="echo", key="bell", by=people.owner))}
    made["failed"] = failed(service_want(kind="echo", key="horn", by=people.other))
    made["waits"] = service_want(kind="echo", key="gong", by=None)
    return made


def names(client: Client, query: str = "") -> list[str]:
    return [row.name for row in client.get(LIST + query).context["listing"].items]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["The bell", "The gong", "The horn"]),
        ("?state=failed", ["The horn"]),
        ("?mine=1", ["The bell"]),
        ("?q=gong", ["The gong"]),
        ("?q=otto", ["The horn"]),
        ("?q=h1&sort=restarts", ["The bell", "The horn"]),
        ("?kind=nonsense", []),
    ],
)
def test_the_list_shows_what_runs_first_and_narrows(
    as_: Browser, people: People, three: dict[str, Service], query: str, shown: list[str]
) -> None:
    assert names(as_(people.owner), query) == shown


def test_a_page_says_where_it_runs_and_never_its_secret(
    as_: Browser, people: People, three: dict[str, Service]
) -> None:
    text = as_(people.viewer).get(f"{LIST}{three['ready'].pk}/").content.decode()
    for said in (
        "The bell",
        'href="/things/bell/"',
        "h1",
        "127.0.0.1:4711",
        "42.0 MB",
        "15",
        "pending → starting: on h1",
    ):
        assert said in text, said
    assert "the-secret" not in text
    assert as_(people.viewer).get(f"{LIST}svc_none/").status_code == 404


def test_a_page_says_why_it_waits_and_what_it_said_last(
    as_: Browser, people: People, three: dict[str, Service]
) -> None:
    client = as_(people.viewer)
    assert "exited after 5 tries" in client.get(LIST).content.decode()
    assert "No worker serves the queue cpu." in client.get(f"{LIST}{three['waits'].pk}/").content.decode()
    text = client.get(f"{LIST}{three['failed'].pk}/").content.decode()
    assert "It ended 5 times soon after it was started" in text
    assert "no &lt;such&gt; colour" in text


def test_buttons_are_shown_to_whom_they_obey_and_do_what_they_say(
    as_: Browser, people: People, three: dict[str, Service]
) -> None:
    page = f"{LIST}{three['ready'].pk}/"
    for user, sees in ((people.owner, True), (people.admin, True), (people.other, False), (people.viewer, False)):
        text = as_(user).get(page).content.decode()
        assert (f"{page}stop/" in text, f"{page}restart/" in text) == (sees, sees)
    assert as_(people.other).post(f"{page}stop/").status_code == 403
    assert as_(people.owner).post(f"{page}explode/").status_code == 404
    assert as_(people.owner).post(f"{page}restart/").status_code == 302
    assert "restarting" in as_(people.viewer).get(page).content.decode()
    answer = as_(people.owner).post(f"{page}stop/", follow=True)
    assert "Stopping: its worker ends it." in answer.content.decode()
    assert not Service.objects.get(pk=three["ready"].pk).wanted
    again = as_(people.admin).post(f"{LIST}{three['failed'].pk}/restart/", follow=True)
    assert "It will be started." in again.content.decode()
    assert Service.objects.get(pk=three["failed"].pk).status == ServiceStatus.PENDING


def test_an_open_page_is_sent_its_parts_and_each_new_line_once(people: People, three: dict[str, Service]) -> None:
    service = three["ready"]
    page = live_pages.get("service")
    assert page.topics(people.owner, service.pk) == [service.pk]
    payload: dict[str, Any] = {"service_id": service.pk, "kind": "echo", "old_state": "ready", "state": "stopping"}
    change = Event(Position(0, 9), None, service.pk, 0, "service_change", {**payload, "reason": "idle"}, timezone.now())
    html = page.render(people.owner, service.pk, [change])
    for part in ("service-state", "service-actions", "service-facts"):
        assert re.search(rf'id="{part}"[^>]* hx-swap-oob="true"', html)
    assert html.count("ready → stopping: idle") == 1
    with pytest.raises(NotFound):
        page.topics(people.owner, "svc_none")
    assert "The gong" in live_pages.get("services").render(people.viewer, "", [])
