"""Services over the API: what a program reads, what it may do, and who may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pydantic import BaseModel, Field

from apps.core.models import Service, ServiceStatus
from apps.core.serving import Launch, Needs, ServiceKind, keeping, kinds, service_want
from apps.core.serving.room import Placed

from .conftest import People, Program

SERVICES = "/api/v1/services"


class Loud(BaseModel):
    """What an echo is told."""

    volume: int = Field(3, ge=1, le=10)


@pytest.fixture(autouse=True)
def echo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A kind of service, and a broker that hears nothing."""
    before = dict(kinds._kinds)
    kinds.register(
        ServiceKind(
            "echo",
            "Echo",
            lambda berth: Launch(["true"]),
            specification=Loud,
            needs=Needs(memory_mb=50),
            idle_seconds=60,
        )
    )
    monkeypatch.setattr("apps.core.jobs.doorbell._publish", lambda queue: True)
    yield
    kinds._kinds.clear()
    kinds._kinds.update(before)


@pytest.fixture
def running(people: People) -> Service:
    """A service of the owner that is ready."""
    service_want(kind="echo", key="e1", by=people.owner)
    held = keeping.claim(
        keeper="w1", host="h1", boot_id="", queues=["cpu"], lease_seconds=60, fit=lambda service, others: Placed()
    )
    assert held is not None
    keeping.note_running(held.pk, held.token, pid=9, address="127.0.0.1", port=4711, secret="the-secret")
    keeping.note_ready(held.pk, held.token)
    return Service.objects.get(pk=held.pk)


def test_a_program_wants_a_service_and_wanting_it_again_changes_nothing(
    people: People, program: Callable[..., Program]
) -> None:
    owner = program(people.owner, "read", "write")
    first = owner.call("post", SERVICES, {"kind": "echo", "key": "e1", "specification": {"volume": 7}}).json()
    assert (first["state"], first["wanted"], first["owner"]) == ("pending", True, "olga")
    assert (first["specification"], first["needs"]["memory_mb"], first["idle_seconds"]) == ({"volume": 7}, 50, 60.0)
    assert first["waits_for"] == "no worker serves the queue cpu"
    again = owner.call("post", SERVICES, {"kind": "echo", "key": "e1"}).json()
    assert again["service_id"] == first["service_id"]
    assert again["specification"] == {"volume": 7}


def test_what_cannot_be_wanted_is_named(people: People, program: Callable[..., Program]) -> None:
    owner = program(people.owner, "read", "write")
    answer = owner.call("post", SERVICES, {"kind": "oracle"})
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (422, "kind")
    assert "there are echo" in answer.json()["error"]["message"]
    answer = owner.call("post", SERVICES, {"kind": "echo", "specification": {"volume": 11}})
    assert answer.json()["error"]["details"]["field"] == "specification.volume"


def test_a_program_reads_where_a_service_runs_and_never_its_secret(
    people: People, program: Callable[..., Program], running: Service
) -> None:
    viewer = program(people.viewer, "read")
    one = viewer.call("get", f"{SERVICES}/{running.pk}")
    assert (one.json()["state"], one.json()["host"], one.json()["port"]) == ("ready", "h1", 4711)
    assert "the-secret" not in one.content.decode()
    assert "the-secret" not in viewer.call("get", SERVICES).content.decode()
    [kind] = [kind for kind in viewer.call("get", f"{SERVICES}/kinds").json() if kind["name"] == "echo"]
    assert kind["specification_schema"]["properties"]["volume"]["maximum"] == 10


@pytest.mark.parametrize(
    ("query", "total"),
    [("", 1), ("?state=ready", 1), ("?state=failed", 0), ("?kind=echo&wanted=true", 1), ("?host=elsewhere", 0)],
)
def test_the_list_narrows(
    people: People, program: Callable[..., Program], running: Service, query: str, total: int
) -> None:
    assert program(people.viewer, "read").call("get", f"{SERVICES}{query}").json()["total"] == total


def test_only_its_owner_or_an_admin_stops_and_restarts_a_service(
    people: People, program: Callable[..., Program], running: Service
) -> None:
    for act in ("stop", "restart"):
        assert program(people.other, "read", "write").call("post", f"{SERVICES}/{running.pk}/{act}").status_code == 403
    admin = program(people.admin, "read", "write", "admin")
    assert admin.call("post", f"{SERVICES}/{running.pk}/restart").json()["state"] == "ready"
    assert keeping.wishes({running.pk: running.token})[running.pk].ask == "restart"
    stopped = program(people.owner, "read", "write").call("post", f"{SERVICES}/{running.pk}/stop").json()
    assert (stopped["wanted"], stopped["state"]) == (False, ServiceStatus.READY), "its worker is told"
    assert admin.call("post", f"{SERVICES}/svc_none/stop").status_code == 404
