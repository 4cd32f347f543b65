"""The cells of a run as a list: what narrows and orders it, what it costs, and how it moves while the run does."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.live import Event
from apps.core.live.log import Position
from apps.core.models import User
from apps.experiments import live
from apps.experiments.models import Experiment
from apps.experiments.services import experiment_rerun
from apps.tasks.models import ArcTask

from .conftest import begin, cells, end, make_task
from .test_the_pages import Make, client_of, finished, page, text

__all__ = ["finished"]
pytestmark = pytest.mark.django_db


def shown(body: str) -> list[str]:
    """The tasks of the rows, in order."""
    return re.findall(r'<tr id="r\d+">.*?>lab:(\w+)</a>', body)


def test_it_is_narrowed_and_ordered_by_its_address(finished: Experiment, viewer: User) -> None:
    path = f"{finished.pk}/tasks/"
    assert shown(text(page(viewer, path))) == ["a", "b", "c"]
    assert shown(text(page(viewer, f"{path}?sort=-task"))) == ["c", "b", "a"]
    assert shown(text(page(viewer, f"{path}?result=partial"))) == ["b"]
    assert shown(text(page(viewer, f"{path}?q=C"))) == ["c"]
    assert shown(text(page(viewer, f"{path}?strategy=echo&sort=-score"))) == ["a", "b", "c"]


def test_it_says_what_its_address_cannot_mean(finished: Experiment, viewer: User) -> None:
    body = text(page(viewer, f"{finished.pk}/tasks/?result=nonsense&strategy=nobody&sort=up&page=9&size=3"))
    for words in ("There is no result “nonsense”", "There is no strategy “nobody”", "no order “up”", "no page 9"):
        assert words in body
    assert shown(body) == ["a", "b", "c"]


def test_htmx_gets_the_list_alone(finished: Experiment, viewer: User) -> None:
    headers = {"HX-Request": "true", "HX-Target": "cells"}
    body = text(page(viewer, f"{finished.pk}/tasks/?result=exact", **headers))
    assert shown(body) == ["a"]
    assert "<html" not in body


def test_the_links_of_an_earlier_run_stay_in_it(finished: Experiment, owner: User, viewer: User) -> None:
    experiment_rerun(experiment=finished, by=owner)
    body = text(page(viewer, f"{finished.pk}/tasks/?run=1"))
    assert "cells/0/?run=1" in body
    heads = re.findall(r'class="sort" id="cells-by-\w+" href="([^"]+)"', body)
    assert heads
    assert all("run=1" in head for head in heads)


def test_it_costs_the_same_however_many_cells(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    client = client_of(viewer)

    def statements(made: Experiment) -> int:
        with CaptureQueriesContext(connection) as caught:
            assert client.get(f"/experiments/{made.pk}/tasks/").status_code == 200
        return len(caught)

    first = make()
    statements(first)
    few = statements(first)
    for number in range(20):
        make_task(f"more{number}")
    assert statements(make()) == few


def test_a_cell_that_changes_is_sent_as_its_row(make: Make, tasks: list[ArcTask], owner: User) -> None:
    made = make()
    one = cells(made)[1]
    begin(one)
    run_id = one.run_id
    at = made.created_at
    event = Event(Position(0, 1), one.job_id, run_id, 1, "status_change", {"new_status": "running"}, at)
    html = live._render(owner, f"{run_id}:tasks", [event])
    assert re.findall(r'<template><tr id="r1" hx-swap-oob="true"', html)
    assert 'id="r0"' not in html
    end(one)
    html = live._render(owner, f"{run_id}:tasks", [event])
    assert "1 of 2 tests solved" in html
