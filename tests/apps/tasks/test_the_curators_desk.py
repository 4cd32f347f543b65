"""Django's admin for tasks: grids, not JSON; everything through the services."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from apps.core.models import Role, User
from apps.tasks.models import ArcTask, TaskFamily
from apps.tasks.rows import pairs_text, parse_pairs
from apps.tasks.services import family_assign, family_create
from tests.apps.tasks.conftest import A, B, C, client_of, person, put, puzzle, score

LIST, CHANGE = "/admin/tasks/arctask/", "/admin/tasks/arctask/lab_3Aa/change/"
FORM = {
    "task_source": "training",
    "difficulty_level": "unknown",
    "family": "",
    "metadata": "{}",
    "train_text": "10\n01\n->\n222\n",
    "tests_text": "1 0\n0 1\n→\n3\n4\n",
}


def errors(client: Client, **changes: str) -> str:
    """The page that refuses a change."""
    response = client.post(CHANGE, FORM | changes)
    assert response.status_code == 200, "it was accepted"
    return response.content.decode()


def test_curators_and_admins_come_in_and_nobody_else(curator: User, researcher: User) -> None:
    put(puzzle("a"))
    User.objects.filter(pk=researcher.pk).update(is_staff=True)
    researcher.refresh_from_db()
    for url in (LIST, CHANGE, "/admin/tasks/taskfamily/"):
        assert client_of(curator).get(url).status_code == 200
        assert client_of(person(f"boss{len(url)}", Role.ADMIN)).get(url).status_code == 200
        assert client_of(researcher).get(url).status_code == 403
    assert client_of(curator).get("/admin/tasks/arctask/add/").status_code == 403


def test_the_list_draws_every_task_in_a_constant_number_of_queries(curator: User) -> None:
    put(puzzle("a"))
    client = client_of(curator)
    client.get(LIST)
    with CaptureQueriesContext(connection) as few:
        client.get(LIST)
    put(*(puzzle(f"t{number}", (A, [[number]])) for number in range(9)), puzzle("z"))
    with CaptureQueriesContext(connection) as many:
        page = client.get(LIST).content.decode()
    assert page.count('class="arc-pair"') == 11
    assert len(many) <= len(few) + 1


def test_grids_are_shown_and_edited_as_rows_of_digits(curator: User) -> None:
    (task,) = put(puzzle("a", (A, A)))
    client = client_of(curator)
    page = client.get(CHANGE).content.decode()
    assert page.count('class="arc-grid"') == 4
    assert "10\n01\n-&gt;\n10\n01" in page
    assert client.post(CHANGE, FORM).status_code == 302
    task.refresh_from_db()
    assert task.train_examples == [{"input": A, "output": B}]
    assert task.tests == [{"input": A, "output": C}]
    assert task.version == 1


def test_changing_a_used_task_makes_a_version(curator: User) -> None:
    (task,) = put(puzzle("a", (A, A)))
    score(task, curator)
    client_of(curator).post(CHANGE, FORM)
    task.refresh_from_db()
    assert (task.version, task.versions.get().train_examples) == (2, [{"input": A, "output": A}])
    assert "Version 1, until" in client_of(curator).get(CHANGE).content.decode()


def test_judging_in_the_form_brings_the_family_up_to_date(curator: User) -> None:
    put(puzzle("a"))
    family = family_create(family_name="F", by=curator)
    client_of(curator).post(CHANGE, FORM | {"difficulty_level": "hard", "family": family.pk})
    family.refresh_from_db()
    assert family.avg_difficulty == 3.0


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("train_text", "10\n0\n->\n1", "Line 2: this row has 1 cell, the first of its grid has 2."),
        ("train_text", "1x\n->\n1", "Line 1, column 2: &#x27;x&#x27; is no colour"),
        ("train_text", "1\n->\n", "Line 2: there is no output below"),
        ("train_text", "\n\n->\n1", "Line 3: there is no input above"),
        ("train_text", "1\n2", "Line 1: the pair that begins here has no lines"),
        ("train_text", "1\n->\n2\n->\n3", "has 2 lines"),
        ("train_text", "0" * 31 + "\n->\n1", "Line 1: this row has 31 cells; the most is 30."),
        ("tests_text", "1\n" * 31 + "->\n1", "Line 31: this grid has 31 rows; the most is 30."),
        ("tests_text", " ", "There is no pair"),
        ("tests_text", "", "required"),
        ("metadata", "[]", "Metadata is a JSON object"),
        ("metadata", "{", "Enter a valid JSON"),
        ("task_source", "x", "Select a valid choice"),
    ],
)
def test_what_cannot_be_used_is_named_by_its_line(curator: User, field: str, text: str, words: str) -> None:
    put(puzzle("a"))
    assert words in errors(client_of(curator), **{field: text})
    assert ArcTask.objects.get().train_count == 2


def test_a_test_without_an_output_is_a_withheld_truth(curator: User) -> None:
    (task,) = put(puzzle("a"))
    client_of(curator).post(CHANGE, FORM | {"tests_text": "1\n->\n\n2\n->\n3\n"})
    task.refresh_from_db()
    assert task.truths == [None, [[3]]]


def test_many_tasks_are_judged_and_grouped_at_once(curator: User) -> None:
    tasks = [task.pk for task in put(puzzle("a"), puzzle("b"), puzzle("c"))]
    family = family_create(family_name="F", by=curator)
    client = client_of(curator)
    client.post(LIST, {"action": "mark_easy", "_selected_action": tasks[:2]})
    assert ArcTask.objects.filter(difficulty_level="easy").count() == 2
    asked = client.post(LIST, {"action": "assign_family", "_selected_action": tasks})
    assert f'value="{family.pk}"' in asked.content.decode()
    client.post(LIST, {"action": "assign_family", "_selected_action": tasks, "family_id": family.pk})
    family.refresh_from_db()
    assert (family.tasks.count(), family.avg_difficulty) == (3, 1.0)
    client.post(LIST, {"action": "assign_family", "_selected_action": tasks[:1], "family_id": ""})
    assert family.tasks.count() == 2
    assert (
        client.post(LIST, {"action": "assign_family", "_selected_action": tasks, "family_id": "x"}).status_code == 302
    )
    assert family.tasks.count() == 2


def test_a_task_in_use_cannot_be_deleted_and_a_free_one_can(curator: User) -> None:
    used, free = put(puzzle("a"), puzzle("b"))
    score(used, curator)
    family = family_create(family_name="F", by=curator)
    family_assign(task_ids=[free.pk], family_id=family.pk, by=curator)
    client = client_of(curator)
    client.post(LIST, {"action": "mark_hard", "_selected_action": [free.pk]})
    assert client.post("/admin/tasks/arctask/lab_3Aa/delete/", {"post": "yes"}).status_code == 403
    assert client.post("/admin/tasks/arctask/lab_3Ab/delete/", {"post": "yes"}).status_code == 302
    assert list(ArcTask.objects.values_list("pk", flat=True)) == [used.pk]
    family.refresh_from_db()
    assert family.avg_difficulty is None


def test_families_are_kept_in_the_admin(curator: User) -> None:
    client = client_of(curator)
    url = "/admin/tasks/taskfamily/add/"
    assert client.post(url, {"family_name": "F", "common_patterns": '["a"]'}).status_code == 302
    assert TaskFamily.objects.get().common_patterns == ["a"]
    again = client.post(url, {"family_name": "F", "common_patterns": '{"a": 1}'}).content.decode()
    assert "already exists" in again
    assert "A JSON list of sentences" in again


grids = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(st.integers(0, 9), min_size=width, max_size=width), min_size=1, max_size=5)
)


@given(st.lists(st.fixed_dictionaries({"input": grids, "output": grids}), min_size=1, max_size=4))
def test_rows_of_digits_say_exactly_what_the_grids_hold(pairs: list[dict[str, Any]]) -> None:
    assert parse_pairs(pairs_text(pairs), outputs_needed=True) == pairs


@given(st.text(alphabet="0189 x->\n→", max_size=60))
def test_no_text_breaks_the_reading_of_rows(text: str) -> None:
    with suppress(ValueError):
        pairs = parse_pairs(text, outputs_needed=False)
        assert all(len({len(row) for row in pair["input"]}) == 1 for pair in pairs)
