"""The JSON API: what everybody reads, what curators write, what stays hidden until asked for."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.core.models import User
from apps.tasks.models import ArcTask, TaskFamily, TaskSource
from apps.tasks.services import family_create
from tests.apps.tasks.conftest import A, B, C, arc, client_of, put, puzzle, score

URL = "/api/v1/tasks"


def send(client: Client, method: str, url: str, body: Any = None) -> Any:
    """A request with a JSON body."""
    return client.generic(method, url, json.dumps(body), content_type="application/json")


def body(**changes: Any) -> dict[str, Any]:
    """A new task."""
    return {
        "raw_id": "new",
        "dataset": "lab",
        "train_examples": [{"input": A, "output": B}],
        "tests": [{"input": A, "output": C}],
        **changes,
    }


WRITES = [
    ("POST", "", body()),
    ("PATCH", "/lab:a", {"difficulty_level": "easy"}),
    ("POST", "/import", {"tasks": {"x": arc()}}),
    ("POST", "/difficulty", {"task_ids": ["lab:a"], "difficulty_level": "easy"}),
    ("POST", "/family", {"task_ids": ["lab:a"], "family_id": None}),
    ("POST", "/families", {"family_name": "New"}),
    ("PATCH", "/families/{family}", {"description": "x"}),
    ("DELETE", "/families/{family}", None),
]
READS = [
    "",
    "/splits",
    "/families",
    "/families/{family}",
    "/lab:a",
    "/lab:a/versions",
    "/lab:a/same",
    "/lab:a/arc.json",
]


@pytest.fixture
def family(curator: User) -> TaskFamily:
    """A family with a task beside it."""
    put(puzzle("a"))
    return family_create(family_name="Gravity", by=curator)


@pytest.mark.parametrize(("method", "path", "payload"), WRITES, ids=[f"{m} {p}" for m, p, _ in WRITES])
def test_curators_write_and_nobody_else(
    family: TaskFamily, curator: User, researcher: User, viewer: User, method: str, path: str, payload: Any
) -> None:
    url = URL + path.format(family=family.pk)
    assert send(client_of(None), method, url, payload).status_code == 401
    assert send(client_of(viewer), method, url, payload).status_code == 403
    assert send(client_of(researcher), method, url, payload).status_code == 403
    assert send(client_of(curator), method, url, payload).status_code in (200, 201)


@pytest.mark.parametrize("path", READS)
def test_members_read_and_strangers_do_not(family: TaskFamily, viewer: User, path: str) -> None:
    url = URL + path.format(family=family.pk)
    assert client_of(None).get(url).status_code == 401
    assert client_of(viewer).get(url).status_code == 200


def test_a_task_has_the_fields_of_the_spec_and_hides_its_truth(viewer: User) -> None:
    put(puzzle("a", tests=[(A, C), (B, A)]))
    task = client_of(viewer).get(f"{URL}/lab:a").json()
    spec = "task_id task_source difficulty_level train_examples test_input test_output family_id metadata created_at"
    assert set(spec.split()) <= set(task)
    assert (task["task_id"], task["test_input"], task["test_output"]) == ("lab:a", A, None)
    assert [test["output"] for test in task["tests"]] == [None, None]
    assert task["metadata"]["max_side"] == 3
    shown = client_of(viewer).get(f"{URL}/lab:a?include_truth=true").json()
    assert (shown["test_output"], [test["output"] for test in shown["tests"]]) == (C, [C, A])


def test_a_download_is_arcs_own_format_without_truths_unless_asked(viewer: User) -> None:
    put(puzzle("a"))
    response = client_of(viewer).get(f"{URL}/lab:a/arc.json")
    assert response["Content-Disposition"] == 'attachment; filename="a.json"'
    assert response.json()["test"] == [{"input": A}]
    assert client_of(viewer).get(f"{URL}/lab:a/arc.json?include_truth=true").json() == arc()


def test_lists_filter_sort_and_page_with_true_totals(viewer: User) -> None:
    put(puzzle("a", (A, A)), puzzle("b", (B, B)), dataset="one")
    put(puzzle("c", (C, B)), dataset="two", source=TaskSource.EVALUATION)

    def ids(query: str) -> list[str]:
        return [item["task_id"] for item in client_of(viewer).get(f"{URL}?{query}").json()["items"]]

    assert ids("") == ["one:a", "one:b", "two:c"]
    assert ids("dataset=two") == ["two:c"]
    assert ids("dataset=one&dataset=two&source=evaluation") == ["two:c"]
    assert ids("same_size=true") == ["one:a", "one:b"]
    assert ids("search=B") == ["one:b"]
    assert ids("max_side=2") == ["one:a"]
    assert ids("sort=-id&page_size=2") == ["two:c", "one:b"]
    page = client_of(viewer).get(f"{URL}?page=9&page_size=2").json()
    assert (page["items"], page["total"], page["page"], page["page_size"], page["pages"]) == ([], 3, 9, 2, 2)


def test_solved_tasks_can_be_told_from_the_others(viewer: User, researcher: User) -> None:
    right, wrong, _ = put(puzzle("a"), puzzle("b"), puzzle("c"))
    score(right, researcher)
    score(wrong, researcher, right=False)

    def ids(query: str) -> list[str]:
        return [item["task_id"] for item in client_of(viewer).get(f"{URL}?{query}").json()["items"]]

    assert ids("solved=ever") == ["lab:a"]
    assert ids("solved=never") == ["lab:b", "lab:c"]
    assert ids("solved_by=program_synthesis") == ["lab:a"]
    assert ids("solved_by=ttt") == []
    assert ids("not_solved_by=ttt") == ["lab:a", "lab:b", "lab:c"]


def test_a_list_costs_the_same_for_two_and_for_two_hundred(viewer: User) -> None:
    put(puzzle("a"), puzzle("b"))
    client = client_of(viewer)
    client.get(URL)
    with CaptureQueriesContext(connection) as few:
        client.get(URL)
    put(*(puzzle(f"t{number}") for number in range(200)))
    with CaptureQueriesContext(connection) as many:
        response = client.get(f"{URL}?page_size=200")
    assert len(response.json()["items"]) == 200
    assert len(few) == len(many) <= 8


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=x",
        "page_size=201",
        "source=other",
        "difficulty=9",
        "sort=name",
        "max_side=31",
        "min_colours=0",
        "same_size=maybe",
        "solved=x",
        "search=" + "x" * 101,
    ],
)
def test_a_filter_that_cannot_be_used_is_named(viewer: User, query: str) -> None:
    response = client_of(viewer).get(f"{URL}?{query}")
    assert response.status_code == 422
    error = response.json()["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert query.split("=")[0] in json.dumps(error["details"])


@pytest.mark.parametrize("task_id", ["lab:none", "lab", "x" * 500, "a:b:c", "%F0%9F%8C%B1:x"])
def test_a_task_that_is_not_there_is_a_404(family: TaskFamily, viewer: User, task_id: str) -> None:
    for path in ("", "/versions", "/same", "/arc.json", "/thumbnail.svg"):
        response = client_of(viewer).get(f"{URL}/{task_id}{path}")
        assert (response.status_code, response.json()["error"]["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "path", ["/%00:a", "/lab:a%00/same", "?search=%00", "/leaks?training=%00&evaluation=one", "/families/%00"]
)
def test_a_null_character_is_the_senders_mistake(family: TaskFamily, viewer: User, path: str) -> None:
    assert client_of(viewer).get(f"{URL}{path}").status_code in (400, 404, 422)


def test_creating_answers_the_task_and_a_taken_id_is_a_conflict(curator: User) -> None:
    created = send(client_of(curator), "POST", URL, body(metadata={"from": "me"}, difficulty_level="hard"))
    assert created.status_code == 201
    assert created.json()["task_id"] == "lab:new"
    assert created.json()["metadata"]["from"] == "me"
    assert send(client_of(curator), "POST", URL, body()).status_code == 409


@pytest.mark.parametrize(
    "changes",
    [
        {"train_examples": []},
        {"train_examples": [{"input": A}]},
        {"train_examples": [{"input": [[1, 2], [3]], "output": A}]},
        {"tests": [{"input": A, "output": [[1, 2], [3]]}]},
        {"train_examples": [{"input": [[10]], "output": A}]},
        {"train_examples": [{"input": [["1"]], "output": A}]},
        {"train_examples": [{"input": [[1.0]], "output": A}]},
        {"train_examples": [{"input": [[True]], "output": A}]},
        {"train_examples": [{"input": [[0] * 31], "output": A}]},
        {"tests": []},
        {"raw_id": "a/b"},
        {"raw_id": ""},
        {"dataset": "Über"},
        {"task_source": "private"},
        {"surprise": 1},
        {"metadata": []},
    ],
    ids=str,
)
def test_content_that_cannot_be_used_is_refused_with_its_place(curator: User, changes: dict[str, Any]) -> None:
    response = send(client_of(curator), "POST", URL, body(**changes))
    assert response.status_code == 422
    assert next(iter(changes)) in json.dumps(response.json()["error"]["details"])
    assert not ArcTask.objects.exists()


def test_a_family_that_is_not_there_leaves_nothing_behind(curator: User) -> None:
    assert send(client_of(curator), "POST", URL, body(family_id="fam_none")).status_code == 404
    assert not ArcTask.objects.exists()


def test_changing_what_is_named_and_nothing_else(curator: User) -> None:
    put(puzzle("a", (A, B)))
    family = family_create(family_name="F", by=curator)
    client = client_of(curator)
    changed = send(client, "PATCH", f"{URL}/lab:a", {"family_id": family.pk, "difficulty_level": "easy"}).json()
    assert (changed["family_id"], changed["difficulty_level"], changed["version"]) == (family.pk, "easy", 1)
    kept = send(client, "PATCH", f"{URL}/lab:a", {"metadata": {"x": 1}}).json()
    assert (kept["family_id"], kept["difficulty_level"]) == (family.pk, "easy")
    assert send(client, "PATCH", f"{URL}/lab:a", {"family_id": None}).json()["family_id"] is None
    half = send(client, "PATCH", f"{URL}/lab:a", {"tests": [{"input": A, "output": A}]})
    assert (half.status_code, half.json()["error"]["details"]["field"]) == (422, "tests")


def test_new_content_of_a_used_task_shows_as_a_version(curator: User) -> None:
    (task,) = put(puzzle("a", (A, B)))
    score(task, curator)
    new = {"train_examples": [{"input": B, "output": A}], "tests": [{"input": A, "output": A}]}
    assert send(client_of(curator), "PATCH", f"{URL}/lab:a", new).json()["version"] == 2
    (old,) = client_of(curator).get(f"{URL}/lab:a/versions").json()["items"]
    assert (old["version"], old["train_examples"], old["tests"]) == (
        1,
        [{"input": A, "output": B}],
        [{"input": A, "output": None}],
    )
    with_truth = client_of(curator).get(f"{URL}/lab:a/versions?include_truth=true").json()["items"][0]
    assert with_truth["tests"][0]["output"] == C


def test_the_same_puzzle_is_found_whatever_the_order_of_its_pairs(viewer: User) -> None:
    put(puzzle("a", (A, B), (B, C)), puzzle("b", (A, A)), dataset="one")
    put(puzzle("other", (B, C), (A, B)), dataset="two")
    found = client_of(viewer).get(f"{URL}/one:a/same").json()
    assert [item["task_id"] for item in found] == ["two:other"]


def test_importing_by_json_says_what_happened_and_what_was_wrong(curator: User) -> None:
    client = client_of(curator)
    good, bad = arc(), arc(([[1, 2], [3]], A))
    refused = send(client, "POST", f"{URL}/import", {"tasks": {"good": good, "bad": bad}})
    assert refused.status_code == 422
    assert refused.json()["error"]["details"]["problems"][0]["task_id"] == "bad"
    assert "row 2 has 1 cell but row 1 has 2" in refused.json()["error"]["message"]
    assert not ArcTask.objects.exists()
    taken = send(client, "POST", f"{URL}/import", {"tasks": {"good": good, "bad": bad}, "skip_invalid": True}).json()
    assert (taken["created"], len(taken["problems"])) == (["custom:good"], 1)
    again = send(client, "POST", f"{URL}/import", {"tasks": {"good": good}}).json()
    assert (again["created"], again["unchanged"]) == ([], ["custom:good"])


def test_solutions_that_come_apart_are_put_together(curator: User) -> None:
    challenge = arc(tests=[(A, None), (B, None)])
    payload = {"tasks": {"k": challenge}, "solutions": {"k": [C, A]}, "task_source": "evaluation"}
    assert send(client_of(curator), "POST", f"{URL}/import", payload).status_code == 200
    task = ArcTask.objects.get(pk="custom:k")
    assert (task.truths, task.task_source) == ([C, A], "evaluation")
    short = {"tasks": {"k": challenge}, "solutions": {"k": [C]}}
    assert (
        "1 solutions for 2 test inputs"
        in send(client_of(curator), "POST", f"{URL}/import", short).json()["error"]["message"]
    )


@pytest.mark.parametrize("payload", [{}, {"sets": ["arc1/training"], "tasks": {"a": arc()}}, {"tasks": {}}])
def test_an_import_names_either_sets_or_tasks(curator: User, payload: dict[str, Any]) -> None:
    assert send(client_of(curator), "POST", f"{URL}/import", payload).status_code == 422


def test_files_are_imported_too(curator: User, researcher: User) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("folder/z1.json", json.dumps(arc()))
        archive.writestr("readme.txt", "hello")

    def post(user: User) -> Any:
        files = [
            SimpleUploadedFile("one.json", json.dumps(arc((A, A))).encode()),
            SimpleUploadedFile("more.zip", packed.getvalue()),
        ]
        return client_of(user).post(f"{URL}/import/files", {"files": files, "dataset": "mine"})

    assert post(researcher).status_code == 403
    assert post(curator).json()["created"] == ["mine:one", "mine:z1"]


def test_leaks_are_reported_between_splits(viewer: User) -> None:
    put(puzzle("a", (A, B), (B, C)), puzzle("b", (C, C)), dataset="one")
    put(
        puzzle("x", (B, C), (A, B)),
        puzzle("y", (C, C), (A, A), tests=[(B, B)]),
        puzzle("b", (B, A), tests=[(C, A)]),
        dataset="two",
        source=TaskSource.EVALUATION,
    )
    report = client_of(viewer).get(f"{URL}/leaks?training=one/training&evaluation=two/evaluation").json()
    assert report["same_puzzle"] == [{"training_id": "one:a", "evaluation_id": "two:x"}]
    assert report["shared_pairs"] == [{"training_id": "one:b", "evaluation_id": "two:y"}]
    assert report["same_id"] == [{"training_id": "one:b", "evaluation_id": "two:b"}]
    assert (report["training_total"], report["evaluation_total"], report["leaked"], report["clean"]) == (2, 3, 2, 1)
    for query, status in (
        ("training=one/training&evaluation=one/training", 422),
        ("training=none&evaluation=one", 404),
        ("training=one", 422),
    ):
        assert client_of(viewer).get(f"{URL}/leaks?{query}").status_code == status


def test_thumbnails_are_svg_that_follows_the_task(curator: User) -> None:
    put(puzzle("a", (A, B)))
    first = client_of(curator).get(f"{URL}/lab:a/thumbnail.svg")
    assert first["Content-Type"] == "image/svg+xml"
    assert b"<svg" in first.content
    put(puzzle("a", (C, B)))
    second = client_of(curator).get(f"{URL}/lab:a/thumbnail.svg")
    assert second.content != first.content
    assert second["ETag"] != first["ETag"]
    assert client_of(None).get(f"{URL}/lab:a/thumbnail.svg").status_code == 401


def test_families_are_paged_and_counted(curator: User) -> None:
    put(puzzle("a"))
    client = client_of(curator)
    made = send(client, "POST", f"{URL}/families", {"family_name": "Tiling", "common_patterns": ["repeat"]}).json()
    send(client, "POST", f"{URL}/family", {"task_ids": ["lab:a"], "family_id": made["family_id"]})
    send(client, "POST", f"{URL}/difficulty", {"task_ids": ["lab:a"], "difficulty_level": "hard"})
    (family,) = client.get(f"{URL}/families").json()["items"]
    assert (family["task_count"], family["avg_difficulty"], family["common_patterns"]) == (1, 3.0, ["repeat"])
    assert client.get(f"{URL}/families?search=grav").json()["total"] == 0
    assert send(client, "POST", f"{URL}/families", {"family_name": "Tiling"}).status_code == 409
    assert send(client, "DELETE", f"{URL}/families/{made['family_id']}").status_code == 200
    assert client.get(f"{URL}/families/{made['family_id']}").status_code == 404
