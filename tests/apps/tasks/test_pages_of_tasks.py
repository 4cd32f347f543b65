"""A task's page, leaks and import, as people in each role meet them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.core.models import User
from apps.tasks import registry
from apps.tasks.models import ArcTask, TaskImport, TaskSource
from apps.tasks.registry import TaskTab
from apps.tasks.services import family_create
from apps.tasks.svg import ARC_COLOURS, grid_svg
from tests.apps.tasks.conftest import A, B, C, arc, cards, client_of, html, put, puzzle, score

SECRET = [[7, 7, 7, 7, 9]]
HTMX = {"HTTP_HX_REQUEST": "true"}


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
    assert "row 2 has 1 cell but row 1 has 2; make all rows equally long. Fix the file or import without it." in page
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
