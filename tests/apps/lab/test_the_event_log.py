"""The event log is a page: every line that was written, of one job or group where the address says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.core.models import Job, JobEvent, User

from .conftest import People, make_cells, make_experiment, make_job

Browser = Callable[[User], Client]
LOG = "/system/log/"


def write(type: str, payload: dict[str, Any], job: Job | None = None, topic: str = "") -> JobEvent:
    """An event as writers leave it."""
    seq = JobEvent.objects.filter(job=job).count() + 1 if job else 0
    topic = topic or (job.topic if job else "")
    return JobEvent.objects.create(job=job, seq=seq, topic=topic, type=type, payload=payload, at=timezone.now())


def lines(client: Client, query: str = "") -> list[str]:
    """What the page lists."""
    return [row.line.text for row in client.get(LOG + query).context["listing"].items]


def test_every_event_is_a_line_the_latest_first(as_: Browser, people: People) -> None:
    job = make_job(people.owner, topic="run_1")
    write("status_change", {"old_status": "queued", "new_status": "running"}, job)
    write("log", {"level": "WARNING", "message": "<Depth 2>"}, job)
    write("metrics", {"step": 3, "values": {"loss": 0.5}}, job)
    write("something_new", {"said": "å"}, topic="run_2")
    client = as_(people.viewer)
    found = lines(client)
    assert found[0] == '{"said": "å"}'
    assert found[2:] == ["<Depth 2>", "queued → running"]
    assert "loss" in found[1]
    assert lines(client, "?sort=when") == found[::-1]
    assert lines(client, "?type=log") == lines(client, f"?job={job.pk}&type=log") == ["<Depth 2>"]
    assert lines(client, "?topic=run_2") == ['{"said": "å"}']
    assert "&lt;Depth 2&gt;" in client.get(LOG).content.decode()


def test_the_log_of_a_run_says_whose_it_is_and_is_reached_from_the_run(as_: Browser, people: People) -> None:
    experiment = make_experiment(people.owner, "Night run", "in_progress")
    run = experiment.runs.get()
    make_cells(experiment, done=0, waiting=1)
    write("status_change", {"old_status": "created", "new_status": "in_progress"}, topic=run.pk)
    client = as_(people.viewer)
    page = client.get(f"{LOG}?topic={run.pk}").content.decode()
    assert "Night run" in page
    assert "Of …" in page
    assert f'href="{LOG}?topic={run.pk}"' in client.get(f"/experiments/{experiment.pk}/log/").content.decode()
    job = make_job(people.owner)
    assert f'href="{LOG}?job={job.pk}"' in client.get(f"/system/jobs/{job.pk}/").content.decode()


def test_thirty_events_cost_as_many_statements_as_three(as_: Browser, people: People) -> None:
    client = as_(people.viewer)

    def statements(number: int) -> int:
        for _ in range(number):
            write("log", {"level": "INFO", "message": "x"}, make_job(people.owner))
        client.get(LOG)
        with CaptureQueriesContext(connection) as asked:
            assert client.get(LOG).status_code == 200
        return len(asked)

    assert statements(3) == statements(27) <= 12
