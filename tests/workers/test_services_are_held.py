"""Holding services: one keeper at a time, fenced when its lease is lost, on a host that has room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from django.db.models.functions import Now

from apps.core.engine.processes import RestartPolicy
from apps.core.jobs.lease import Fenced
from apps.core.models import Service, ServiceStatus, SystemEvent
from apps.core.serving import Needs, keeping, service_want
from apps.core.serving.keeping import Ended, Used
from apps.core.serving.room import Placed, Room
from apps.core.sql import in_seconds
from tests.workers.test_services_are_wanted import changes, claimed, made_ready

pytestmark = pytest.mark.django_db


def test_two_workers_never_hold_the_same_service(service_kind: Any) -> None:
    service_kind()
    service_want(kind="echo")
    first, second = claimed("w1"), claimed("w2")
    assert first is not None
    assert second is None
    assert (first.keeper, first.token, first.running_revision) == ("w1", 1, 1)


def test_a_worker_keeps_what_its_queues_have_and_it_knows(service_kind: Any) -> None:
    service_kind(queue="gpu")
    service_want(kind="echo")
    assert claimed(queues=("cpu",)) is None
    from apps.core.serving import kinds

    known = kinds._kinds.pop("echo")
    assert claimed(queues=("gpu",)) is None
    kinds._kinds["echo"] = known
    assert claimed(queues=("gpu", "cpu")) is not None


def test_whoever_lost_the_lease_can_write_nothing(service_kind: Any) -> None:
    service_kind()
    service_want(kind="echo")
    old = made_ready()
    Service.objects.filter(pk=old.pk).update(lease_expires_at=in_seconds(-1))
    assert keeping.expire_services() == 1
    assert keeping.expire_services() == 0
    new = claimed("w2", "there")
    assert new is not None
    assert (new.pk, new.token, new.host, new.deaths) == (old.pk, old.token + 1, "there", 0)
    assert keeping.wishes({old.pk: old.token})[old.pk].ask == "fenced"
    for late in (
        lambda: keeping.note_running(old.pk, old.token, pid=1, port=5, secret=""),
        lambda: keeping.note_ready(old.pk, old.token),
        lambda: keeping.settle(old.pk, old.token, Ended()),
    ):
        with pytest.raises(Fenced):
            late()
    assert not keeping.note_stopping(old.pk, old.token, reason="idle")
    keeping.renew({(old.pk, old.token): Used(5)}, lease_seconds=1000)
    standing = Service.objects.get(pk=old.pk)
    assert (standing.keeper, standing.used_memory_mb) == ("w2", None)
    assert changes(old)[-2:] == [("ready", "pending", "worker w1 fell silent"), ("pending", "starting", "on there")]


def test_a_renewed_lease_is_not_taken(service_kind: Any) -> None:
    service_kind()
    service_want(kind="echo")
    held = made_ready()
    Service.objects.filter(pk=held.pk).update(lease_expires_at=in_seconds(-1))
    keeping.renew({(held.pk, held.token): Used(12.5, 3.0)}, lease_seconds=30)
    assert keeping.expire_services() == 0
    held.refresh_from_db()
    assert (held.status, held.used_memory_mb, held.used_device_memory_mb) == (ServiceStatus.READY, 12.5, 3.0)


def test_a_host_holds_no_more_than_it_has_room_for(service_kind: Any) -> None:
    service_kind("small", needs=Needs(memory_mb=300))
    service_kind("large", needs=Needs(memory_mb=800))
    room = Room(memory_mb=1000, threads=4)

    def fit(service: Service, held: Sequence[Service]) -> Placed | str:
        return room.place(service, held)

    def claim() -> str | None:
        found = keeping.claim(keeper="w", host="h", boot_id="b", queues=["cpu"], lease_seconds=9, fit=fit)
        return found.key if found else None

    service_want(kind="small", key="a")
    service_want(kind="large", key="b")
    service_want(kind="small", key="c")
    assert [claim(), claim(), claim()] == ["a", "c", None], "what does not fit holds up nobody behind it"
    small = Service.objects.get(key="a")
    Service.objects.filter(key__in=["a", "c"]).update(wanted=False)
    keeping.settle(small.pk, small.token, Ended())
    assert claim() is None
    other = Service.objects.get(key="c")
    keeping.settle(other.pk, other.token, Ended())
    assert claim() == "b"


def test_a_service_goes_to_the_device_with_the_most_to_give() -> None:
    room = Room(memory_mb=1000, threads=4, devices={"0": 8000, "1": 8000})

    def model(size: int, on: str = "") -> Service:
        return Service(kind="m", device="gpu", device_memory_mb=size, device_name=on)

    assert room.place(model(5000), [model(5000, "0")]) == Placed("1")
    assert room.place(model(3000), [model(5000, "0"), model(6000, "1")]) == Placed("0")
    refused = room.place(model(4000), [model(5000, "0"), model(6000, "1")])
    assert refused == "it needs 4,000 MB, 3,000 of 8,000 MB memory of device 0 are free"
    assert Room(1000, 4).place(model(4000), []) == Placed(), "a host without one runs it without"
    assert room.place(Service(threads=8), []) == "it needs 8 cores, there are 4"


def test_pauses_grow_between_early_deaths_and_a_steady_run_forgives(service_kind: Any) -> None:
    service_kind(restarts=RestartPolicy(limit=3, steady_seconds=10, unit_seconds=1000, longest_seconds=5000))
    service_want(kind="echo")

    def dies(seconds: float) -> Service:
        Service.objects.filter(status="pending").update(available_at=None)
        running = claimed()
        assert running is not None
        return keeping.settle(running.pk, running.token, Ended("exited", "It ended.", "", seconds))

    first = dies(1)
    assert (first.deaths, first.available_at) == (1, None)
    second = dies(1)
    assert second.available_at is not None
    assert claimed() is None, "it waits for its next try"
    assert dies(11).deaths == 0
    assert [dies(1).deaths, dies(1).deaths] == [1, 2]
    last = dies(1)
    assert (last.status, last.deaths) == (ServiceStatus.FAILED, 3)
    event = SystemEvent.objects.get(dedupe_key=f"service:{last.pk}")
    assert "ended 3 times soon after it was started" in event.message


def test_a_death_of_what_was_replaced_meanwhile_is_not_held_against_the_new(service_kind: Any) -> None:
    service_kind(restarts=RestartPolicy(limit=1))
    service = service_want(kind="echo")
    running = made_ready()
    Service.objects.filter(pk=service.pk).update(revision=2)
    again = keeping.settle(running.pk, running.token, Ended("exited", "It ended.", "", 1.0))
    assert (again.status, again.deaths, again.available_at) == (ServiceStatus.PENDING, 0, None)


def test_what_waits_longest_is_started_first(service_kind: Any) -> None:
    service_kind()
    for key in ("a", "b"):
        service_want(kind="echo", key=key)
    Service.objects.filter(key="a").update(wanted_at=Now())
    first = claimed()
    assert first is not None
    assert first.key == "b"
