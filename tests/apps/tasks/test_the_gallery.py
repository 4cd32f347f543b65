"""The gallery: filters, pictures, and families made of chosen tasks."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.core.lists import Bulk
from apps.core.models import User
from apps.tasks import registry
from apps.tasks.models import ArcTask, TaskFamily, TaskSource
from apps.tasks.services import family_assign, family_create
from apps.tasks.svg import ARC_COLOURS
from tests.apps.tasks.conftest import A, B, C, cards, client_of, html, put, puzzle, score

HTMX = {"HTTP_HX_REQUEST": "true"}


def test_the_gallery_filters_by_its_address(viewer: User, curator: User) -> None:
    put(puzzle("a", (A, A)), puzzle("b", ([[5] * 15], B)), dataset="one")
    put(puzzle("c", (C, B)), dataset="two", source=TaskSource.EVALUATION)
    score(ArcTask.objects.get(pk="one:a"), curator)
    family = family_create(family_name="F", by=curator)
    family_assign(task_ids=["two:c"], family_id=family.pk, by=curator)
    client = client_of(viewer)
    expected = {
        "": ["one:a", "one:b", "two:c"],
        "split=one": ["one:a", "one:b"],
        "split=two/evaluation": ["two:c"],
        "split=two/training": [],
        "q=B": ["one:b"],
        "side=m": ["one:b"],
        "side=s": ["one:a", "two:c"],
        "shape=same": ["one:a"],
        "shape=changes": ["one:b", "two:c"],
        "colours=few": ["one:a"],
        "solved=ever": ["one:a"],
        "solved=never": ["one:b", "two:c"],
        "solved=by:program_synthesis": ["one:a"],
        "solved=not:program_synthesis": ["one:b", "two:c"],
        "difficulty=hard": [],
        f"family={family.pk}": ["two:c"],
        "sort=-id": ["two:c", "one:b", "one:a"],
        "sort=-size": ["one:b", "two:c", "one:a"],
        "q=none": [],
    }
    assert {query: cards(html(client, f"/tasks/?{query}")) for query in expected} == expected


@pytest.mark.parametrize(
    "query",
    [
        "page=abc",
        "page=-3",
        "page=²",
        "page=" + "9" * 30,
        "sort=x",
        "side=x",
        "solved=by:",
        "split=/",
        "q=" + "x" * 500,
        "split=%E2%80%8B",
        "family='--",
    ],
)
def test_an_address_it_does_not_understand_still_answers(viewer: User, query: str) -> None:
    put(puzzle("a"))
    html(client_of(viewer), f"/tasks/?{query}")


def test_htmx_gets_the_results_alone_and_a_page_link_moves_the_focus_to_them(viewer: User) -> None:
    put(*(puzzle(f"t{number:03}") for number in range(130)))
    client = client_of(viewer)
    filtered = html(client, "/tasks/?q=t", HTTP_HX_TARGET="gallery", **HTMX)
    assert filtered.lstrip().startswith('<div id="gallery"')
    assert "autofocus" not in filtered
    paged = html(client, "/tasks/?page=2", HTTP_HX_TARGET="gallery", HTTP_HX_BOOSTED="true", **HTMX)
    assert cards(paged)[0] == "lab:t060"
    assert "autofocus" in paged
    assert "61–120 of 130 tasks" in paged
    past = html(client, "/tasks/?page=99")
    assert "There is no page 99; this is the last." in past
    assert len(cards(past)) == 10


def test_after_an_import_the_filter_says_which_set_is_shown(viewer: User) -> None:
    put(puzzle("a"), dataset="mine")
    page = html(client_of(viewer), "/tasks/?split=mine")
    assert '<option value="mine" selected>mine</option>' in page
    assert "1 task matches" in page


# --- Families from the gallery


def fill(client: Client, picked: list[str], **more: str) -> str:
    """What the gallery says after the chosen tasks were put in a family."""
    response = client.post("/tasks/family/fill/", {"pick": picked, **more}, follow=True)
    assert response.redirect_chain == [(more.get("next", "/tasks/"), 302)]
    return str(response.content.decode())


def test_curators_put_chosen_tasks_in_a_family_and_make_it_by_naming_it(curator: User) -> None:
    put(puzzle("a", (A, A)), puzzle("b", (A, B)), puzzle("c", (C, B)))
    client = client_of(curator)
    made = fill(client, ["lab:a", "lab:b"], family="Things  fall", next="/tasks/?sort=size")
    assert "Family Things fall is new. 2 tasks put in Things fall." in made
    again = fill(client, ["lab:b", "lab:c"], family="Things fall")
    assert "1 task put in Things fall; one was there already." in again
    family = TaskFamily.objects.get()
    assert set(ArcTask.objects.filter(family=family).values_list("pk", flat=True)) == {"lab:a", "lab:b", "lab:c"}
    everything = fill(client, [], all="1", query="q=c", family="Other")
    assert "1 task put in Other." in everything
    cleared = client.post("/tasks/family/clear/", {"pick": ["lab:a", "lab:c"]}, follow=True)
    assert "2 tasks taken out of a family." in cleared.content.decode()
    assert [task.family_id for task in ArcTask.objects.order_by("pk")] == [None, family.pk, None]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"family": "F"}, "Choose at least one task first."),
        ({"pick": "lab:a", "family": "  "}, "A family needs a name"),
        ({"pick": "lab:nowhere", "family": "F"}, "There is no task lab:nowhere."),
    ],
)
def test_what_cannot_be_put_in_a_family_is_said_and_makes_none(curator: User, data: dict[str, str], said: str) -> None:
    put(puzzle("a"))
    response = client_of(curator).post("/tasks/family/fill/", data, follow=True)
    assert said in response.content.decode()
    assert not TaskFamily.objects.exists()


def test_families_are_for_curators(viewer: User, researcher: User) -> None:
    put(puzzle("a"))
    for member in (viewer, researcher):
        client = client_of(member)
        assert "/tasks/family/" not in html(client, "/tasks/")
        for action in ("fill", "clear"):
            answer = client.post(f"/tasks/family/{action}/", {"pick": "lab:a", "family": "F"})
            assert answer.status_code == 403
    assert not TaskFamily.objects.exists()


def test_the_gallery_costs_the_same_however_many_tasks_there_are(viewer: User) -> None:
    put(puzzle("a"))
    client = client_of(viewer)
    html(client, "/tasks/")
    with CaptureQueriesContext(connection) as few:
        html(client, "/tasks/")
    put(*(puzzle(f"t{number:03}", (A, [[number % 10]])) for number in range(200)))
    html(client, "/tasks/")
    with CaptureQueriesContext(connection) as many:
        html(client, "/tasks/")
    asked_few, asked_many = ([query["sql"] for query in seen.captured_queries] for seen in (few, many))
    assert len(asked_many) == len(asked_few) <= 12, "\n".join([*asked_few, "--", *asked_many])


def test_a_changed_task_gets_a_new_thumbnail(viewer: User) -> None:
    put(puzzle("a", (A, A)))
    first = html(client_of(viewer), "/tasks/")
    put(puzzle("a", (A, [[8]])))
    assert ARC_COLOURS[8] not in first
    assert ARC_COLOURS[8] in html(client_of(viewer), "/tasks/")


def test_apps_above_say_what_else_can_be_done_with_chosen_tasks(
    viewer: User, researcher: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_selection_actions", {})
    put(puzzle("a"))
    registry.selection_action_register(Bulk("tasks:import", "Send them away"))
    page = html(client_of(researcher), "/tasks/")
    assert "Send them away" in page
    assert 'formaction="/tasks/import/"' in page
    assert "Put in" not in page
    assert "Send them away" not in html(client_of(viewer), "/tasks/")
