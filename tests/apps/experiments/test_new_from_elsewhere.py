"""A new experiment begins where its tasks are: on a task's page, from a family, or with what was chosen in the gallery."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from django.test import Client

from apps.core.models import User
from apps.experiments.models import Experiment
from apps.tasks.models import ArcTask, TaskFamily
from tests.apps.experiments.test_putting_one_together import NEW, TYPED
from tests.apps.experiments.test_the_pages import client_of, text
from tests.apps.experiments.test_what_a_run_waits_for import worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(tasks: list[ArcTask], owner: User) -> Client:
    return client_of(owner)


@pytest.fixture
def family(tasks: list[ArcTask]) -> TaskFamily:
    made = TaskFamily.objects.create(family_name="Doing nothing")
    ArcTask.objects.filter(pk__in=["lab:a", "lab:b"]).update(family=made)
    return made


def typed(body: str) -> str:
    """The ids in the form."""
    found = re.search(r'<textarea name="task_ids"[^>]*>(.*?)</textarea>', body, re.S)
    assert found is not None
    return html.unescape(found[1]).strip()


def said(client: Client, **change: Any) -> dict[str, str]:
    """What is wrong with what is typed, field by field."""
    body = text(client.post(f"{NEW}estimate/", {**TYPED, **change}))
    found = re.search(r'data-problems="([^"]*)"', body)
    return dict(json.loads(html.unescape(found[1]))) if found else {}


def test_from_a_task(client: Client, viewer: User) -> None:
    page = text(client.get("/tasks/lab:a/submissions/"))
    assert 'href="/experiments/new/?task=lab%3Aa"' in page
    body = text(client.get(f"{NEW}?task=lab%3Aa"))
    assert typed(body) == "lab:a"
    assert 'value="Task a"' in body
    assert re.search(r'name="how" value="list"[^>]* checked', body)
    assert (
        "/experiments/new/" not in text(client_of(viewer).get("/tasks/lab:b/submissions/")).split('id="task-tabs"')[1]
    )


def test_from_a_family(client: Client, family: TaskFamily) -> None:
    assert f"?family={family.pk}" in text(client.get("/tasks/lab:a/submissions/"))
    body = text(client.get(f"{NEW}?family={family.pk}"))
    assert 'value="Family Doing nothing"' in body
    assert re.search(rf'<option value="{family.pk}" selected', body)
    data = {**TYPED, "datasets": [], "families": [family.pk], "then": "start"}
    assert client.post(NEW, data).status_code == 302
    assert Experiment.objects.get().runs.get().task_ids == ["lab:a", "lab:b"]


def test_a_copy_keeps_the_family_it_was_chosen_by(client: Client, family: TaskFamily) -> None:
    client.post(NEW, {**TYPED, "datasets": [], "families": [family.pk]})
    body = text(client.get(f"{NEW}?copy={Experiment.objects.get().pk}"))
    assert re.search(rf'<option value="{family.pk}" selected', body)


def test_a_family_there_is_not_is_passed_over(client: Client) -> None:
    assert client.get(f"{NEW}?family=nonsense").status_code == 200


def test_from_a_selection(client: Client, viewer: User) -> None:
    assert 'formaction="/experiments/new/from-tasks/"' in text(client.get("/tasks/"))
    assert 'formaction="/experiments/new/from-tasks/"' not in text(client_of(viewer).get("/tasks/"))
    answer = client.post(f"{NEW}from-tasks/", {"pick": ["lab:a", "lab:c"]})
    assert answer.status_code == 200
    assert typed(text(answer)).split() == ["lab:a", "lab:c"]
    assert 'value="2 chosen tasks"' in text(answer)
    assert 'action="/experiments/new/"' in text(answer)
    assert not Experiment.objects.exists()
    assert client_of(viewer).post(f"{NEW}from-tasks/", {"pick": ["lab:a"]}).status_code == 403


def test_a_selection_of_nothing_goes_back_and_says_so(client: Client) -> None:
    answer = client.post(f"{NEW}from-tasks/", follow=True)
    assert answer.redirect_chain[0][0] == "/tasks/"


def test_each_complaint_is_told_by_its_field_and_gone_when_it_is_mended(client: Client) -> None:
    wrong = said(client, seeds="5-2", **{"echo-depth": "99"})
    assert wrong["seeds"] == "'5-2' runs backwards. Write 2-5."
    assert said(client, **{"echo-depth": "99"}) == {"echo-depth": "Write 9 or less."}
    assert said(client, name="") == {"name": "Give it a name."}
    assert said(client, strategies=[]) == {"strategies": "Choose at least one strategy."}
    assert said(client) == {}


def test_the_form_says_what_its_budget_is(client: Client) -> None:
    worker("a", cpu=2, gpu=1)
    body = text(client.post(f"{NEW}estimate/", TYPED))
    assert "9 cells" in body
    assert "of search steps in all" in body
    assert "on 2 slots" in body
    assert "at most" not in body
