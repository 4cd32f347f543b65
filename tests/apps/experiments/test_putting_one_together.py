"""The form: it draws each strategy's options, counts before starting, and keeps what was typed."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.core.models import User
from apps.experiments.forms import read_seeds
from apps.experiments.models import Experiment
from apps.tasks.models import ArcTask
from tests.apps.experiments.test_the_pages import client_of, text

pytestmark = pytest.mark.django_db
NEW = "/experiments/new/"
TYPED: dict[str, Any] = {
    "name": "Do nothing",
    "hypothesis": "Enough for one.",
    "strategies": ["echo"],
    "echo-depth": "3",
    "echo-weight": "0.25",
    "echo-order": "last",
    "echo-label": "",
    "how": "criteria",
    "datasets": ["lab"],
    "seeds": "0, 2-3",
    "seconds_per_task": "1.5",
}


@pytest.fixture
def client(tasks: list[ArcTask], owner: User) -> Client:
    return client_of(owner)


def test_each_strategy_shows_its_options_with_help_defaults_and_limits(client: Client) -> None:
    body = text(client.get(NEW))
    assert 'name="echo-depth" value="2" step="1" inputmode="numeric" min="1" max="9"' in body
    assert "How deep it would search. 1 to 9." in body
    assert '<option value="last">' in body
    assert 'name="echo-symmetric"' in body
    assert 'name="other-label"' in body


def test_create_and_start(client: Client) -> None:
    answer = client.post(NEW, {**TYPED, "then": "start"})
    made = Experiment.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/experiments/{made.pk}/")
    assert made.strategy_configs == {
        "echo": {"depth": 3, "weight": 0.25, "order": "last", "symmetric": False, "label": ""}
    }
    assert made.seeds == [0, 2, 3]
    assert made.status == "in_progress"
    assert made.runs.get().cells_total == 9


def test_create_only(client: Client) -> None:
    client.post(NEW, TYPED)
    assert Experiment.objects.get().status == "created"


def test_tasks_by_their_ids(client: Client) -> None:
    client.post(NEW, {**TYPED, "how": "list", "task_ids": "lab:a\nlab:c", "then": "start"})
    assert Experiment.objects.get().runs.get().task_ids == ["lab:a", "lab:c"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "Give it a name."),
        ({"strategies": []}, "Choose at least one strategy."),
        ({"strategies": ["magic"]}, "magic is not one of the available choices"),
        ({"echo-depth": "99"}, "Write 9 or less."),
        ({"echo-depth": "deep"}, "Enter a whole number."),
        ({"echo-order": "middle"}, "Select a valid choice."),
        ({"seeds": "one"}, "is not a seed"),
        ({"seeds": "5-2"}, "Write 2-5"),
        ({"seconds_per_task": "0"}, "greater than or equal to 0.05"),
        ({"seconds_per_task": "nan"}, "Enter a number."),
        ({"max_side": "31"}, "less than or equal to 30"),
        ({"datasets": [], "search": "nowhere"}, "No task matches"),
        ({"how": "list", "task_ids": "lab:z"}, "There is no task &#x27;lab:z&#x27;"),
        ({"how": "list", "task_ids": " "}, "No task matches"),
    ],
)
def test_a_complaint_stands_at_its_field_and_nothing_typed_is_lost(
    client: Client, change: dict[str, Any], words: str
) -> None:
    answer = client.post(NEW, {**TYPED, **change, "then": "start"})
    assert answer.status_code == 422
    body = text(answer)
    assert words in body
    assert "has-error" in body or "field-error" in body
    assert "Enough for one." in body
    if "echo-weight" not in change:
        assert 'value="0.25"' in body
    assert not Experiment.objects.exists()


def test_the_count_follows_what_is_typed(client: Client) -> None:
    body = text(client.post(f"{NEW}estimate/", {**TYPED, "name": "", "strategies": ["echo", "other"]}))
    assert "18 cells" in body
    assert "3 tasks" in body
    assert "no worker is up now" in body
    assert "No task matches" in text(client.post(f"{NEW}estimate/", {**TYPED, "datasets": [], "search": "nowhere"}))


def test_viewers_cannot_create_and_strangers_sign_in(tasks: list[ArcTask], viewer: User) -> None:
    assert client_of(viewer).get(NEW).status_code == 403
    assert client_of(viewer).post(NEW, TYPED).status_code == 403
    assert client_of(None).post(NEW, TYPED).status_code == 302
    assert not Experiment.objects.exists()


def test_a_copy_begins_with_what_the_original_asked(client: Client) -> None:
    client.post(NEW, {**TYPED, "then": "start"})
    original = Experiment.objects.get()
    body = text(client.get(f"{NEW}?copy={original.pk}"))
    assert 'value="Do nothing (copy)"' in body
    assert 'value="0.25"' in body
    assert 'value="0, 2, 3"' in body
    assert client.get(f"{NEW}?copy=exp_none").status_code == 404


def test_editing_before_the_start_changes_the_question(client: Client) -> None:
    client.post(NEW, TYPED)
    made = Experiment.objects.get()
    path = f"/experiments/{made.pk}/edit/"
    assert 'value="0.25"' in text(client.get(path))
    assert client.post(path, {**TYPED, "seeds": "9", "name": "Renamed"}).status_code == 302
    made.refresh_from_db()
    assert (made.seeds, made.name) == ([9], "Renamed")


def test_editing_after_the_start_changes_words_only(client: Client) -> None:
    client.post(NEW, {**TYPED, "then": "start"})
    made = Experiment.objects.get()
    path = f"/experiments/{made.pk}/edit/"
    body = text(client.get(path))
    assert "what it asks is fixed" in body
    assert 'name="seeds"' not in body
    words = {"name": "Later", "hypothesis": "", "description": "d", "insights": "one\n\ntwo", "seeds": "7"}
    assert client.post(path, words).status_code == 302
    made.refresh_from_db()
    assert (made.name, made.insights, made.seeds) == ("Later", ["one", "two"], [0, 2, 3])
    assert client.post(path, {**words, "name": " "}).status_code == 422


def test_others_cannot_edit(client: Client, teammate: User, admin: User) -> None:
    client.post(NEW, TYPED)
    path = f"/experiments/{Experiment.objects.get().pk}/edit/"
    assert client_of(teammate).get(path).status_code == 403
    assert client_of(teammate).post(path, TYPED).status_code == 403
    assert client_of(admin).get(path).status_code == 200


def test_seeds_are_read_as_people_write_them() -> None:
    assert read_seeds("3, 1 1;5-7") == [1, 3, 5, 6, 7]
