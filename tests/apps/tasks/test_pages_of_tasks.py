"""The gallery, a task's page, leaks and import, as people in each role meet them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.core.models import User
from apps.tasks import registry
from apps.tasks.models import ArcTask, TaskFamily, TaskImport, TaskSource
from apps.tasks.registry import TaskTab
from apps.tasks.services import family_assign, family_create
from apps.tasks.svg import ARC_COLOURS, grid_svg
from tests.apps.tasks.conftest import A, B, C, arc, client_of, put, puzzle, score

SECRET = [[7, 7, 7, 7, 9]]
HTMX = {"HTTP_HX_REQUEST": "true"}


def html(client: Client, url: str, **headers: Any) -> str:
    """A page that must answer 200."""
    response = client.get(url, **headers)
    assert response.status_code == 200, response.content[:300]
    return str(response.content.decode())


def cards(page: str) -> list[str]:
    """The tasks a gallery shows, in order."""
    return re.findall(r'class="card" href="/tasks/([^"]+)/"', page)


# --- Who sees what


@pytest.mark.parametrize(
    "url", ["/tasks/", "/tasks/lab:a/", "/tasks/lab:a/history/", "/tasks/leaks/", "/tasks/lab:a/arc.json"]
)
def test_strangers_are_led_to_the_login_and_members_see(viewer: User, url: str) -> None:
    put(puzzle("a"))
    assert client_of(None).get(url)["Location"].startswith("/login/")
    assert client_of(viewer).get(url).status_code == 200


@pytest.mark.parametrize("url", ["/tasks/import/", "/tasks/import/draft_x/"])
def test_only_curators_reach_the_import(researcher: User, curator: User, url: str) -> None:
    assert client_of(None).get(url).status_code == 302
    assert client_of(researcher).get(url).status_code == 403
    assert client_of(curator).get(url).status_code in (200, 404)


@pytest.mark.parametrize("url", ["/tasks/import/sets/", "/tasks/import/draft_x/confirm/", "/tasks/lab:a/judge/"])
def test_only_curators_post(researcher: User, viewer: User, curator: User, url: str) -> None:
    put(puzzle("a"))
    for member in (viewer, researcher):
        assert client_of(member).post(url).status_code == 403
    assert client_of(curator).get(url).status_code == 405
    assert client_of(curator).post(url).status_code in (302, 404)


def test_what_only_curators_may_do_is_shown_to_them_alone(viewer: User, curator: User) -> None:
    put(puzzle("a"))
    assert "/tasks/import/" in html(client_of(curator), "/tasks/")
    assert "/tasks/import/" not in html(client_of(viewer), "/tasks/")
    assert "/judge/" in html(client_of(curator), "/tasks/lab:a/")
    assert "/judge/" not in html(client_of(viewer), "/tasks/lab:a/")


def test_an_empty_lab_says_what_to_do_next(viewer: User, curator: User) -> None:
    assert 'href="/tasks/import/"' in html(client_of(curator), "/tasks/")
    assert "No tasks yet" in html(client_of(viewer), "/tasks/")


# --- Gallery


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
        assert "data-pick" not in html(client, "/tasks/")
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
    assert len(many) == len(few) <= 12


def test_a_changed_task_gets_a_new_thumbnail(viewer: User) -> None:
    put(puzzle("a", (A, A)))
    first = html(client_of(viewer), "/tasks/")
    put(puzzle("a", (A, [[8]])))
    assert ARC_COLOURS[8] not in first
    assert ARC_COLOURS[8] in html(client_of(viewer), "/tasks/")


# --- One task


def test_truths_are_not_in_the_page_before_they_are_asked_for(viewer: User) -> None:
    put(puzzle("a", (A, B), tests=[(A, SECRET), (B, C)]))
    client = client_of(viewer)
    drawn = re.search(r"<path.*</svg>", grid_svg(SECRET)).group()  # type: ignore[union-attr]
    for url in ("/tasks/lab:a/", "/tasks/lab:a/same/", "/tasks/lab:a/history/", "/tasks/"):
        page = html(client, url)
        assert ARC_COLOURS[7] not in page.replace("</style>", "")
    revealed = html(client, "/tasks/lab:a/truth/1/", **HTMX)
    assert revealed.count("<svg") == 1
    assert ARC_COLOURS[7] in revealed
    assert drawn[:20] in revealed
    assert ARC_COLOURS[7] not in html(client, "/tasks/lab:a/truth/2/", **HTMX)
    assert ARC_COLOURS[7] in html(client, "/tasks/lab:a/?truth=1")
    for number in (0, 3, 10**20):
        assert client.get(f"/tasks/lab:a/truth/{number}/").status_code == 404


def test_an_unknown_truth_says_so(viewer: User) -> None:
    put(puzzle("a", tests=[(A, None)]))
    assert "Output unknown" in html(client_of(viewer), "/tasks/lab:a/")


def test_digits_are_shown_where_asked_for(viewer: User) -> None:
    put(puzzle("a"))
    assert "<text" not in html(client_of(viewer), "/tasks/lab:a/")
    assert "<text" in html(client_of(viewer), "/tasks/lab:a/?digits=1")


def test_tabs_have_their_own_addresses_and_apps_above_add_theirs(viewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_tabs", dict(registry._tabs))
    registry.task_tab_register(
        TaskTab(name="extra", title="Extra", render=lambda _, task: f"about {task.raw_id}", count=lambda _: 7, order=1)
    )
    put(puzzle("a"))
    client = client_of(viewer)
    first = html(client, "/tasks/lab:a/")
    assert "about a" in first
    assert 'href="/tasks/lab:a/extra/" aria-current="page"' in first
    history = html(client, "/tasks/lab:a/history/")
    assert "about a" not in history
    assert "Unchanged since it came" in history
    part = html(client, "/tasks/lab:a/history/", HTTP_HX_TARGET="task-tabs", **HTMX)
    assert "<html" not in part
    assert "Unchanged since it came" in part
    assert client.get("/tasks/lab:a/nothing/").status_code == 404


def test_what_a_tab_renders_is_text_unless_it_says_it_is_html(viewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_tabs", dict(registry._tabs))
    registry.task_tab_register(TaskTab(name="bad", title="Bad", render=lambda *_: "<script>1</script>", order=1))
    put(puzzle("a"))
    assert "<script>1" not in html(client_of(viewer), "/tasks/lab:a/bad/")


def test_the_same_puzzle_and_older_versions_can_be_seen(curator: User) -> None:
    (task,) = put(puzzle("a", (A, B), (B, C)), dataset="one")
    put(puzzle("b", (B, C), (A, B)), dataset="two")
    page = html(client_of(curator), "/tasks/one:a/same/")
    assert cards(page) == ["two:b"]
    score(task, curator)
    put(puzzle("a", (A, [[8, 8]])), dataset="one")
    history = html(client_of(curator), "/tasks/one:a/history/?version=1")
    assert "Version 1" in history
    html(client_of(curator), "/tasks/one:a/history/?version=<x>")


@pytest.mark.parametrize(
    "url", ["/tasks/lab:none/", "/tasks/none/", "/tasks/lab:none/arc.json", "/tasks/lab:none/truth/1/", "/tasks/:x/"]
)
def test_a_task_that_is_not_there_is_a_page_that_helps(viewer: User, url: str) -> None:
    response = client_of(viewer).get(url)
    assert response.status_code == 404
    assert b"Traceback" not in response.content


def test_the_download_is_arcs_own_format(viewer: User) -> None:
    put(puzzle("a"))
    response = client_of(viewer).get("/tasks/lab:a/arc.json")
    assert response.json() == arc()
    assert "a.json" in response["Content-Disposition"]
    assert "output" not in client_of(viewer).get("/tasks/lab:a/arc.json?truth=0").json()["test"][0]


def test_a_curator_judges_on_the_page(curator: User) -> None:
    put(puzzle("a"))
    family = family_create(family_name="Gravity", by=curator)
    client = client_of(curator)
    client.post("/tasks/lab:a/judge/", {"difficulty_level": "hard", "family_id": family.pk})
    task = ArcTask.objects.get()
    family.refresh_from_db()
    assert (task.difficulty_level, task.family_id, family.avg_difficulty) == ("hard", family.pk, 3.0)
    client.post("/tasks/lab:a/judge/", {"difficulty_level": "no such", "family_id": ""})
    task.refresh_from_db()
    assert (task.difficulty_level, task.family_id) == ("hard", None)
    assert client.post("/tasks/lab:a/judge/", {"family_id": "fam_none"}).status_code == 404


# --- Leaks


def test_leaks_are_shown_for_all_sets_and_for_two(viewer: User) -> None:
    put(puzzle("a", (A, B), (B, C)), dataset="one")
    put(puzzle("x", (B, C), (A, B)), dataset="two", source=TaskSource.EVALUATION)
    client = client_of(viewer)
    assert "?training=one/training&amp;evaluation=two/evaluation" in html(client, "/tasks/leaks/")
    page = html(client, "/tasks/leaks/?training=one/training&evaluation=two/evaluation")
    assert "gives away 1 of the 1 tasks" in page
    assert "/tasks/two:x/" in page
    for query in ("training=one/training&evaluation=one/training", "training=x&evaluation=y"):
        assert 'class="note' in html(client, f"/tasks/leaks/?{query}")
    assert "Nothing to compare" in html(client_of(viewer), "/tasks/leaks/") or ArcTask.objects.count() > 1


# --- Import


def upload(client: Client, **fields: Any) -> Any:
    """Send the form."""
    return client.post("/tasks/import/", {"dataset": "mine", "task_source": "training", **fields})


def test_an_upload_is_shown_before_anything_is_imported(curator: User) -> None:
    client = client_of(curator)
    files = [
        SimpleUploadedFile("good.json", json.dumps(arc()).encode()),
        SimpleUploadedFile("bad.json", json.dumps(arc(([[1, 2], [3]], A)), indent=1).encode()),
    ]
    sent = upload(client, uploads=files)
    assert sent.status_code == 302
    page = html(client, sent["Location"])
    assert "Task bad line" in page
    assert "row 2 has 1 cells but row 1 has 2; make all rows equally long. Fix the file or import without it." in page
    assert "Import without the problems" in page
    assert not ArcTask.objects.exists()
    done = client.post(f"{sent['Location']}confirm/", {"action": "import"})
    assert done["Location"] == sent["Location"]
    assert ArcTask.objects.get().pk == "mine:good"


def test_chosen_tasks_are_left_out(curator: User) -> None:
    client = client_of(curator)
    location = upload(client, pasted=json.dumps({"a": arc(), "b": arc((A, A))}))["Location"]
    client.post(f"{location}confirm/", {"action": "import", "without": ["a"]})
    assert list(ArcTask.objects.values_list("pk", flat=True)) == ["mine:b"]


def test_an_upload_can_be_dropped(curator: User) -> None:
    client = client_of(curator)
    location = upload(client, pasted=json.dumps(arc()), pasted_id="p")["Location"]
    client.post(f"{location}confirm/", {"action": "discard"})
    assert not TaskImport.objects.exists()
    assert client.get(location).status_code == 404


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Choose files or a folder, or paste JSON."),
        ({"pasted": "{}", "dataset": "No Good"}, "cannot be used"),
        ({"pasted": "{}", "task_source": "x"}, "Select a valid choice"),
        ({"pasted": "{}", "pasted_id": "../x"}, "it holds &#x27;/&#x27;"),
        ({"pasted": "{}", "dataset": ""}, "required"),
    ],
)
def test_a_form_that_cannot_be_used_comes_back_with_words(curator: User, fields: dict[str, str], words: str) -> None:
    response = upload(client_of(curator), **fields)
    assert response.status_code == 422
    assert words in response.content.decode()


def test_pasted_nonsense_is_a_preview_with_a_problem(curator: User) -> None:
    client = client_of(curator)
    page = html(client, upload(client, pasted="not json")["Location"])
    assert "line 1: not valid JSON" in page
    assert 'value="import"' not in page


def test_canonical_sets_are_imported_from_the_page(curator: User) -> None:
    client = client_of(curator)
    assert (
        client.post("/tasks/import/sets/", {"sets": "arc2/evaluation"})["Location"] == "/tasks/?split=arc2/evaluation"
    )
    assert ArcTask.objects.count() == 120
    client.post("/tasks/import/sets/", {"sets": "nonsense"})
    client.post("/tasks/import/sets/")
    assert ArcTask.objects.count() == 120
    assert "120 tasks, all here" in html(client, "/tasks/import/")


def test_the_search_of_the_top_bar_finds_tasks_by_id(viewer: User) -> None:
    put(puzzle("007bbfb7"), dataset="arc9")
    assert "/tasks/arc9:007bbfb7/" in html(client_of(viewer), "/search/?q=007B")
