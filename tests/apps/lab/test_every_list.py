"""Every list there is: the same number of statements for three rows as for thirty, and no address that breaks it."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module, util
from itertools import count
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

import apps
from apps.core.lists import ListPage
from apps.core.models import JobEvent, Service, User
from apps.core.system_events import system_event_record
from apps.core.views.people import PEOPLE
from apps.lab.samples import SAMPLE_LIST
from apps.training.models import Dataset

from .conftest import People, make_cells, make_experiment, make_job, make_task, results_of

Browser = Callable[[User], Client]
numbers = count(1)


def lists() -> dict[str, ListPage]:
    """The lists of all apps, by name."""
    found = [PEOPLE]
    for app in pkgutil.iter_modules(apps.__path__):
        name = f"apps.{app.name}.lists"
        if app.name != "core" and util.find_spec(name) is not None:
            found += [value for value in vars(import_module(name)).values() if isinstance(value, ListPage)]
    return {page.name: page for page in found if page is not SAMPLE_LIST}


def _job(people: People) -> Any:
    return make_job(people.owner, "failed" if next(numbers) % 2 else "running", topic=f"run_{next(numbers)}")


def _experiment(people: People) -> None:
    make_experiment(people.owner, f"Ended {next(numbers)}", results=results_of(0.2))


def _event(people: People) -> None:
    system_event_record(event_type="x", event_source="web", severity="error", message=f"Event {next(numbers)}")


def _line(people: People) -> None:
    job = _job(people)
    payload = {"level": "INFO", "message": "x"}
    JobEvent.objects.create(job=job, topic=job.topic, seq=1, type="log", payload=payload, at=timezone.now())


def _task(people: People) -> None:
    make_task(next(numbers))


def _member(people: People) -> None:
    User.objects.create(username=f"member{next(numbers)}", role="researcher")


def _service(people: People) -> None:
    Service.objects.create(kind="echo", key=f"e{next(numbers)}", owner=people.owner, wanted_at=timezone.now())


def _dataset(people: People) -> None:
    Dataset.objects.create(name=f"Sums {next(numbers)}", owner=people.owner)


MAKERS: dict[str, Callable[[People], Any]] = {
    "jobs": _job,
    "events": _event,
    "log": _line,
    "experiments": _experiment,
    "gallery": _task,
    "people": _member,
    "datasets": _dataset,
    "services": _service,
}
"""One more row of each list. A new list says here how a row of it is made."""


def test_every_list_is_here() -> None:
    assert set(lists()) == set(MAKERS)


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_thirty_rows_cost_as_many_statements_as_three(as_: Browser, people: People, name: str) -> None:
    page = lists()[name]
    client = as_(people.admin)
    url = reverse(page.url)

    def statements(rows: int) -> int:
        for _ in range(rows):
            MAKERS[name](people)
        client.get(url)
        with CaptureQueriesContext(connection) as asked:
            assert client.get(url).status_code == 200
        return len(asked)

    few = statements(3)
    assert statements(27) == few <= 16


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_no_address_breaks_a_list(as_: Browser, people: People, name: str) -> None:
    MAKERS[name](people)
    page = lists()[name]
    client = as_(people.admin)
    for parameter in page.parameters:
        for value in ("", "nonsense", "-1", "9" * 40, "%00", "'\"<b>", "%", "ü" * 300, "a&a=b"):
            answer = client.get(reverse(page.url), {parameter: value})
            assert answer.status_code == 200, (parameter, value)
            assert "<b>" not in answer.content.decode()


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_every_order_and_every_choice_answers_and_is_stable(as_: Browser, people: People, name: str) -> None:
    for _ in range(3):
        MAKERS[name](people)
    page = lists()[name]
    for sort in page.sorts:
        whole = [str(row) for row in page.listing(f"sort={sort}", people.admin).queryset.values_list("pk", flat=True)]
        listing = page.listing(f"sort={sort}", people.admin)
        assert listing.problems == []
        assert len(listing.items) <= len(whole)
    listing = page.listing("", people.admin)
    for choice in listing.choices:
        for value, _label in choice["options"]:
            narrowed = page.listing(f"{choice['name']}={value}", people.admin)
            assert len(narrowed.items) == min(narrowed.total, narrowed.size)
            assert narrowed.problems == []


def test_experiments_that_run_cost_no_statement_each_either(as_: Browser, people: People) -> None:
    client = as_(people.owner)

    def statements(rows: int) -> int:
        for _ in range(rows):
            make_cells(make_experiment(people.owner, f"Runs {next(numbers)}", "in_progress"), done=0, waiting=0)
        client.get("/experiments/")
        with CaptureQueriesContext(connection) as asked:
            client.get("/experiments/")
        return len(asked)

    assert statements(3) == statements(20)
