"""Wanting services: one of a kind and key, changed by whoever may, and told of where it can be reached."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from pydantic import BaseModel, Field

from apps.core.errors import Forbidden, Invalid, Unavailable
from apps.core.models import JobEvent, Service, ServiceStatus, User, Worker
from apps.core.serving import (
    Needs,
    address_of,
    keeping,
    service_address,
    service_restart,
    service_touch,
    service_unwant,
    service_wait,
    service_want,
)
from apps.core.serving.keeping import Ended
from apps.core.serving.room import Placed, Room
from apps.core.sql import in_seconds

pytestmark = pytest.mark.django_db


class Model(BaseModel):
    """What a model server is told."""

    model: str
    memory_mb: int = Field(100, ge=1)


def claimed(keeper: str = "w1", host: str = "here", queues: tuple[str, ...] = ("cpu",)) -> Service | None:
    return keeping.claim(
        keeper=keeper,
        host=host,
        boot_id="b",
        queues=queues,
        lease_seconds=30,
        fit=lambda service, held: Placed(),
    )


def made_ready(**options: Any) -> Service:
    service = claimed(**options)
    assert service is not None
    keeping.note_running(service.pk, service.token, pid=7, address="127.0.0.1", port=4711, secret="s3")
    keeping.note_ready(service.pk, service.token)
    return Service.objects.get(pk=service.pk)


def changes(service: Service) -> list[tuple[str, str, str | None]]:
    found = JobEvent.objects.filter(topic=service.pk, type="service_change").order_by("id")
    return [(p["old_state"], p["state"], p.get("reason")) for p in found.values_list("payload", flat=True)]


def test_a_service_is_wanted_once_however_often_it_is_asked_for(service_kind: Any, owner: User) -> None:
    service_kind("models", specification=Model, needs=lambda said: Needs(memory_mb=said.memory_mb))
    first = service_want(kind="models", key="m1", specification={"model": "tiny", "memory_mb": 300}, by=owner)
    again = service_want(kind="models", key="m1", specification={"model": "tiny", "memory_mb": 300}, by=owner)
    assert first.pk == again.pk
    assert (again.revision, again.memory_mb, again.status) == (1, 300, ServiceStatus.PENDING)
    assert changes(first) == [("", "pending", "wanted")]
    other = service_want(kind="models", key="m2", specification={"model": "tiny"}, by=owner)
    assert (other.pk != first.pk, other.memory_mb) == (True, 100)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"kind": "unheard"}, "kind"),
        ({"kind": "models", "specification": {"model": "x", "memory_mb": 0}}, "specification.memory_mb"),
        ({"kind": "models"}, "specification.model"),
        ({"kind": "models", "key": "x" * 121, "specification": {"model": "x"}}, "key"),
    ],
)
def test_what_cannot_be_wanted_is_refused_by_its_field(
    service_kind: Any, owner: User, asked: dict[str, Any], field: str
) -> None:
    service_kind("models", specification=Model)
    with pytest.raises(Invalid) as refused:
        service_want(**asked, by=owner)
    assert refused.value.field == field or (refused.value.details or {})["field"] == field


def test_another_specification_replaces_what_runs_and_is_for_its_owner(
    service_kind: Any, owner: User, other: User, admin: User, viewer: User
) -> None:
    service_kind("models", specification=Model)
    wanted = {"kind": "models", "key": "m1"}
    with pytest.raises(Forbidden):
        service_want(**wanted, specification={"model": "tiny"}, by=viewer)
    service_want(**wanted, specification={"model": "tiny"}, by=owner)
    service = made_ready()
    assert service_want(**wanted, specification={"model": "tiny"}, by=other).revision == 1
    with pytest.raises(Forbidden):
        service_want(**wanted, specification={"model": "huge"}, by=other)
    assert keeping.wishes({service.pk: service.token})[service.pk].ask == ""
    assert service_want(**wanted, specification={"model": "huge"}, by=owner).revision == 2
    assert keeping.wishes({service.pk: service.token})[service.pk].ask == "restart"
    keeping.settle(service.pk, service.token, Ended(message="restart"))
    again = made_ready()
    assert (again.running_revision, again.specification["model"], again.deaths) == (2, "huge", 0)


def test_what_is_no_longer_wanted_stops_at_once_or_when_its_worker_hears_of_it(
    service_kind: Any, owner: User, other: User
) -> None:
    service_kind()
    waiting = service_want(kind="echo", by=owner)
    with pytest.raises(Forbidden):
        service_unwant(service=waiting, by=other)
    assert service_unwant(service=waiting, by=owner).status == ServiceStatus.STOPPED
    service_want(kind="echo", by=owner)
    running = made_ready()
    assert service_unwant(service=running, by=owner).status == ServiceStatus.READY
    assert keeping.wishes({running.pk: running.token})[running.pk].ask == "unwanted"
    assert keeping.note_stopping(running.pk, running.token, reason="no longer wanted")
    assert service_unwant(service=running, by=owner).status == ServiceStatus.STOPPING
    done = keeping.settle(running.pk, running.token, Ended())
    assert (done.status, done.port, done.secret, done.pid) == (ServiceStatus.STOPPED, None, "", None)


def test_one_that_is_wanted_again_while_it_stops_comes_back(service_kind: Any, owner: User) -> None:
    service_kind()
    service_want(kind="echo", by=owner)
    running = made_ready()
    service_unwant(service=running, by=owner)
    keeping.note_stopping(running.pk, running.token, reason="no longer wanted")
    service_want(kind="echo", by=owner)
    assert keeping.settle(running.pk, running.token, Ended()).status == ServiceStatus.PENDING


def test_a_use_that_comes_just_in_time_keeps_an_idle_service(service_kind: Any, owner: User) -> None:
    service_kind(idle_seconds=60)
    service_want(kind="echo", by=owner)
    running = made_ready()
    long_ago = {"ready_at": in_seconds(-100), "last_used_at": in_seconds(-90)}
    Service.objects.filter(pk=running.pk).update(**long_ago)
    wish = keeping.wishes({running.pk: running.token})[running.pk]
    assert wish.ask == "idle"
    service_touch(service_id=running.pk)
    assert not keeping.note_stopping(running.pk, running.token, reason="idle", unused_since=wish.last_used_at)
    assert keeping.wishes({running.pk: running.token})[running.pk].ask == ""
    Service.objects.filter(pk=running.pk).update(**long_ago)
    wish = keeping.wishes({running.pk: running.token})[running.pk]
    assert keeping.note_stopping(running.pk, running.token, reason="idle", unused_since=wish.last_used_at)
    stopped = keeping.settle(running.pk, running.token, Ended(message="idle"))
    assert (stopped.wanted, stopped.status) == (False, ServiceStatus.STOPPED)
    assert service_want(kind="echo").status == ServiceStatus.PENDING


def test_the_address_is_there_while_it_is_ready(service_kind: Any, owner: User) -> None:
    service_kind()
    service = service_want(kind="echo", by=owner)
    assert address_of(service) is None
    running = made_ready()
    address = service_address(kind="echo", timeout=0)
    assert address == address_of(running)
    assert (address.url, address.headers) == ("http://127.0.0.1:4711", {"Authorization": "Bearer s3"})
    assert "s3" not in repr(address)


def test_waiting_says_why_there_is_no_address(service_kind: Any, owner: User) -> None:
    service_kind(needs=Needs(memory_mb=5000))
    service = service_want(kind="echo", key="m1", by=owner)
    with pytest.raises(Unavailable, match=r"m1 has not been started within 0 s: no worker serves the queue cpu"):
        service_wait(service=service, timeout=0)
    Worker.objects.create(
        name="w1",
        host="here",
        pid=1,
        version="1",
        slots={"cpu": 1},
        room=Room(4000, 8).stored(),
        started_at=Now(),
        last_seen_at=Now(),
    )
    with pytest.raises(Unavailable, match=r"on here it needs 5,000 MB, 4,000 of 4,000 MB memory are free"):
        service_wait(service=service, timeout=0)
    running = claimed()
    assert running is not None
    with pytest.raises(Unavailable, match=r"not ready within 0 s; it is starting on here"):
        service_wait(service=service, timeout=0)
    for _ in range(5):
        Service.objects.filter(pk=service.pk).update(available_at=None)
        running = claimed() or running
        keeping.settle(running.pk, running.token, Ended("exited", "It ended with status 3.", "no such colour", 1.0))
    with pytest.raises(Unavailable, match=r"(?s)ended 5 times.*status 3.*no such colour"):
        service_wait(service=service, timeout=30)


def test_one_that_has_failed_stays_so_until_it_is_started_again(service_kind: Any, owner: User, other: User) -> None:
    service_kind()
    service = service_want(kind="echo", by=owner)
    for count in range(1, 6):
        running = claimed()
        assert running is not None
        ended = keeping.settle(running.pk, running.token, Ended("exited", "It ended with status 3.", "ouch", 1.0))
        assert ended.deaths == count
        Service.objects.filter(pk=service.pk).exclude(status="failed").update(available_at=None)
    assert (ended.status, ended.restarts, ended.last_words) == (ServiceStatus.FAILED, 4, "ouch")
    assert service_want(kind="echo", by=other).status == ServiceStatus.FAILED
    assert claimed() is None
    with pytest.raises(Forbidden):
        service_restart(service=ended, by=other)
    again = service_restart(service=ended, by=owner)
    assert (again.status, again.deaths, again.error_code) == (ServiceStatus.PENDING, 0, "")
    assert claimed() is not None


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"status": "ready"}, "core_service_held_means_leased"),
        ({"status": "dreaming"}, "core_service_status_known"),
        ({"keeper": "w"}, "core_service_held_means_leased"),
        ({"status": "stopped"}, "core_service_waits_means_wanted"),
        ({"wanted": False}, "core_service_waits_means_wanted"),
        ({"status": "failed"}, "core_service_failed_means_reason"),
        ({"status": "failed", "error_code": "x", "available_at": Now()}, "core_service_backoff_means_pending"),
        ({"port": 70_000}, "core_service_port_range"),
        ({"idle_seconds": 0}, "core_service_needs_range"),
        ({"running_revision": F("revision") + 1}, "core_service_runs_what_was_wanted"),
        (
            {"status": "ready", "keeper": "w", "host": "h", "lease_expires_at": Now()},
            "core_service_ready_means_running",
        ),
    ],
)
def test_the_database_refuses_a_service_that_cannot_be(service_kind: Any, values: dict[str, Any], name: str) -> None:
    service_kind()
    service = service_want(kind="echo")
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Service.objects.filter(pk=service.pk).update(**values)
