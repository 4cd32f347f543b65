"""That a worker started is an event a person finds later, when its row is long gone."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.core.models import SystemEvent, User, Worker
from workers.supervisor import Supervisor

pytestmark = pytest.mark.django_db


def test_each_start_is_an_event_and_writing_itself_down_again_is_not(viewer: User) -> None:
    first = Supervisor(slots={"gpu": 1, "cpu": 2}, host="greenhouse")
    first.register()
    Worker.objects.all().delete()  # a sweeper took its row for a dead one's
    first.register()
    second = Supervisor(slots={"cpu": 1}, host="cellar")
    second.register()
    events = list(SystemEvent.objects.order_by("event_id"))
    assert [(event.event_type, event.severity) for event in events] == [("worker_started", "info")] * 2
    assert events[0].message == f"Worker {first.name} started on greenhouse: 2 places for cpu, 1 place for gpu."
    assert events[0].context is not None
    assert events[0].context["count"] == 2
    client = Client()
    client.force_login(viewer)
    page = client.get("/system/events/?source=workers").content.decode()
    assert f"Worker {second.name} started on cellar: 1 place for cpu." in page
