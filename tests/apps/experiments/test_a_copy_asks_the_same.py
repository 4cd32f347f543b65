"""A copy, and an edit that changes nothing, choose the tasks that the experiment chose, whoever set its criteria."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from apps.core.models import User
from apps.experiments.documents import ExperimentSpec
from apps.experiments.models import Experiment
from apps.experiments.services import experiment_create, spec_of
from apps.tasks.criteria import TaskCriteria
from apps.tasks.models import ArcTask
from tests.apps.experiments.test_putting_one_together import NEW
from tests.apps.experiments.test_the_pages import client_of, text

pytestmark = pytest.mark.django_db

EVERYTHING: dict[str, Any] = {
    "datasets": ["lab"],
    "sources": ["training", "evaluation", "test"],
    "difficulties": ["unknown"],
    "families": [],
    "search": "lab",
    "min_side": 1,
    "max_side": 29,
    "min_colours": 1,
    "max_colours": 9,
    "same_size": True,
    "solved": "never",
    "not_solved_by": "echo",
    "sample": 3,
    "seed": 7,
    "offset": 1,
    "limit": 20,
}


def made_with(owner: User, criteria: TaskCriteria) -> Experiment:
    spec = ExperimentSpec(name="First", strategy_configs={"echo": {}}, task_selection_criteria=criteria)
    return experiment_create(spec=spec, by=owner)


def sent(body: str) -> dict[str, Any]:
    """What the form would send as it stands."""
    form = body.split('class="exp-form"')[1].split("</form>")[0]
    fields: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name is None or (('type="checkbox"' in tag or 'type="radio"' in tag) and " checked" not in tag):
            continue
        fields.setdefault(name[1], []).append(html.unescape(value[1]) if value else "")
    for name_, inner in re.findall(r'<textarea name="([^"]*)"[^>]*>(.*?)</textarea>', form, re.S):
        fields[name_] = [html.unescape(inner).strip()]
    for name_, inner in re.findall(r'<select name="([^"]*)"[^>]*>(.*?)</select>', form, re.S):
        fields[name_] = re.findall(r'<option value="([^"]*)" selected', inner)
    return fields


@pytest.mark.parametrize(
    "criteria", [EVERYTHING, {"task_ids": ["lab:a", "lab:c"], "same_size": True, "sources": ["training"]}, {}]
)
def test_a_copy_and_an_edit_lose_no_criterion(tasks: list[ArcTask], owner: User, criteria: dict[str, Any]) -> None:
    made = made_with(owner, TaskCriteria(**criteria))
    client = client_of(owner)
    copy = sent(text(client.get(f"{NEW}?copy={made.pk}")))
    answer = client.post(NEW, {**copy, "then": "keep"})
    again = Experiment.objects.exclude(pk=made.pk).first()
    assert again is not None, answer.content.decode()[-3000:]
    assert spec_of(again).task_selection_criteria == spec_of(made).task_selection_criteria
    edit = f"/experiments/{again.pk}/edit/"
    assert client.post(edit, sent(text(client.get(edit)))).status_code == 302
    again.refresh_from_db()
    assert spec_of(again).task_selection_criteria == spec_of(made).task_selection_criteria


def test_each_of_them_is_said_and_can_be_left_out(tasks: list[ArcTask], owner: User) -> None:
    made = made_with(owner, TaskCriteria(min_side=2, same_size=True, not_solved_by="echo"))
    client = client_of(owner)
    body = text(client.get(f"{NEW}?copy={made.pk}"))
    for words in ("No grid whose longest side is below 2", "Every output as large as its input", "Not solved by echo"):
        assert words in body
    copy = sent(body)
    copy["also"] = [one for one in copy["also"] if not one.startswith("min_side")]
    client.post(NEW, {**copy, "then": "keep"})
    again = Experiment.objects.exclude(pk=made.pk).get()
    assert spec_of(again).task_selection_criteria == TaskCriteria(same_size=True, not_solved_by="echo")


@pytest.mark.parametrize("bad", ["task_ids=[1]", "nonsense=1", "min_side=99", "min_side=", "="])
def test_what_is_no_criterion_is_refused(tasks: list[ArcTask], owner: User, bad: str) -> None:
    client = client_of(owner)
    copy = sent(text(client.get(NEW))) | {"name": "x", "datasets": ["lab"], "also": [bad]}
    assert client.post(NEW, {**copy, "then": "keep"}).status_code == 422
    assert not Experiment.objects.exists()
