"""Datasets by JSON: the shapes of the specification, uploads whole and in pieces, what is refused and how it is said."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.core.accounts import api_key_create
from apps.core.models import User
from apps.training.models import Dataset, DatasetUpload

from .working import jsonl, ready, run_jobs, sums

pytestmark = pytest.mark.django_db
API = "/api/v1/training"


class Caller:
    """A program with a key."""

    def __init__(self, user: User) -> None:
        _key, text = api_key_create(
            owner=user, name="tests", scopes=["read"] if user.role == "viewer" else ["read", "write"]
        )
        self.client = Client(headers={"Authorization": f"Bearer {text}"}, raise_request_exception=False)

    def __call__(self, method: str, path: str, body: Any = None, status: int = 200, **more: Any) -> Any:
        if body is not None:
            more |= {"data": body, "content_type": "application/json"}
        answer = getattr(self.client, method)(f"{API}{path}", **more)
        assert answer.status_code == status, answer.content[:600]
        return answer.json()

    def piece(self, upload_id: str, offset: int, data: bytes, status: int = 200) -> Any:
        url = f"{API}/uploads/{upload_id}?offset={offset}"
        answer = self.client.generic("PUT", url, data, content_type="application/octet-stream")
        assert answer.status_code == status, answer.content[:600]
        return answer.json()

    def send(self, data: bytes, status: int = 202, **about: Any) -> Any:
        file = SimpleUploadedFile("sums.jsonl", data)
        answer = self.client.post(f"{API}/datasets", {"file": file, "name": "Sums", **about})
        assert answer.status_code == status, answer.content[:600]
        return answer.json()


@pytest.fixture
def call(owner: User) -> Caller:
    return Caller(owner)


def test_a_dataset_has_the_shape_of_the_specification(call: Caller) -> None:
    sent = call.send(sums(30), description="Small sums")
    assert (sent["state"], sent["num_samples"], sent["statistics"]) == ("looking", 0, None)
    run_jobs()
    found = call("get", f"/datasets/{sent['dataset_id']}")
    assert found["schema"] == {
        "columns": ["instruction", "input", "output"],
        "sample": {"instruction": "Add", "input": "0 1", "output": "1"},
        "required_columns": ["instruction", "input", "output"],
    }
    wanted = {"dataset_id", "name", "description", "size_bytes", "format", "num_samples", "path", "created_at"}
    assert wanted <= set(found)
    assert {"avg_input_length", "avg_output_length", "max_length", "min_length", "total_tokens"} <= set(
        found["statistics"]
    )
    assert (found["size_bytes"], found["num_samples"], found["format"]) == (len(sums(30)), 30, "jsonl")
    assert found["path"].endswith(found["content_hash"])
    listed = call("get", "/datasets")
    assert {name: listed[name] for name in ("total", "page", "page_size", "pages")} == {
        "total": 1,
        "page": 1,
        "page_size": 20,
        "pages": 1,
    }
    assert listed["items"] == [found]


def test_lists_are_narrowed(call: Caller, owner: User) -> None:
    ready(owner, sums(3), "One")
    ready(owner, sums(4), "Two")
    for query, names in (
        ("name=One", ["One"]),
        ("q=tw", ["Two"]),
        ("state=failed", []),
        ("format=jsonl", ["Two", "One"]),
    ):
        assert [one["name"] for one in call("get", f"/datasets?{query}")["items"]] == names
    call("get", "/datasets?format=xml", status=422)


def test_a_large_file_comes_in_pieces_and_a_piece_sent_twice_is_found_out(call: Caller) -> None:
    data = sums(500)
    upload = call("post", "/uploads", {"file_name": "../big.jsonl", "size": len(data)}, 201)
    upload_id = upload["upload_id"]
    assert (upload["file_name"], upload["received"]) == ("big.jsonl", 0)
    assert call.piece(upload_id, 0, data[:100])["received"] == 100
    refused = call.piece(upload_id, 0, data[:100], 409)
    assert refused["error"]["details"] == {"received": 100, "size": len(data)}
    missing = call("post", "/datasets/from-upload", {"name": "Big", "upload_id": upload_id}, 409)
    assert "still missing" in missing["error"]["message"]
    assert call.piece(upload_id, 100, data[100:] + b"x", 422)["error"]["details"]["field"] == "size"
    assert call("get", f"/uploads/{upload_id}")["received"] == 100, "nothing of what was too much is kept"
    call.piece(upload_id, 100, data[100:])
    made = call("post", "/datasets/from-upload", {"name": "Big", "upload_id": upload_id}, 202)
    call("get", f"/uploads/{upload_id}", status=404)
    run_jobs()
    assert call("get", f"/datasets/{made['dataset_id']}")["num_samples"] == 500
    assert not DatasetUpload.objects.exists()


def test_uploads_are_ones_own(call: Caller, teammate: User) -> None:
    upload = call("post", "/uploads", {"file_name": "a", "size": 3}, 201)
    other = Caller(teammate)
    other.piece(upload["upload_id"], 0, b"abc", 403)
    other("post", "/datasets/from-upload", {"name": "Big", "upload_id": upload["upload_id"]}, 403)
    call("delete", f"/uploads/{upload['upload_id']}")
    call("post", "/uploads", {"file_name": "a", "size": 2**49}, 507)


def test_what_is_wrong_with_a_file_is_told_with_line_and_field(call: Caller) -> None:
    made = call.send(sums(2) + jsonl({"instruction": "a"}))
    run_jobs()
    found = call("get", f"/datasets/{made['dataset_id']}")
    assert (found["state"], found["fault_count"]) == ("failed", 1)
    told = call("get", f"/datasets/{made['dataset_id']}/faults")
    assert told["items"] == [{"line": 3, "field": "output", "code": "missing", "words": "missing"}]
    call("get", f"/datasets/{made['dataset_id']}/content", status=409)


def test_columns_are_told_with_the_file_or_afterwards(call: Caller) -> None:
    rows = jsonl({"q": "a", "r": "b"})
    made = call.send(rows, shape="instruction", instruction="q", output="r")
    run_jobs()
    assert call("get", f"/datasets/{made['dataset_id']}")["state"] == "ready"
    later = call.send(jsonl({"q": "a", "r": "c"}))
    run_jobs()
    assert call("get", f"/datasets/{later['dataset_id']}")["state"] == "mapping"
    wrong = call("post", f"/datasets/{later['dataset_id']}/mapping", {"shape": "instruction", "instruction": "q"}, 422)
    assert wrong["error"]["details"]["field"] == "output"
    told = {"shape": "instruction", "instruction": "q", "output": "r"}
    assert call("post", f"/datasets/{later['dataset_id']}/mapping", told, 202)["state"] == "reading"
    run_jobs()
    assert call("get", f"/datasets/{later['dataset_id']}")["version"] == 2


def test_examples_are_read_searched_and_taken_whole(call: Caller, owner: User) -> None:
    made = ready(owner, sums(30))
    page = call("get", f"/datasets/{made.pk}/examples?start=29&count=5")
    assert [one["number"] for one in page["items"]] == [29, 30]
    assert (page["total"], page["following"]) == (30, None)
    assert call("get", f"/datasets/{made.pk}/examples?q=29")["items"][0]["output"] == "29"
    whole = call.client.get(f"{API}/datasets/{made.pk}/content")
    assert b"".join(whole.streaming_content).count(b"\n") == 30  # type: ignore[attr-defined]
    assert "Sums-v1.jsonl" in whole["Content-Disposition"]


def test_parts_and_descriptions_and_deletion(call: Caller, owner: User, teammate: User, viewer: User) -> None:
    made = ready(owner, sums(40))
    parts = call("post", f"/datasets/{made.pk}/split", {"fraction": 0.25, "seed": 3}, 202)
    assert [(one["name"], one["parent_id"]) for one in parts] == [("Sums train", made.pk), ("Sums eval", made.pk)]
    assert call("patch", f"/datasets/{made.pk}", {"description": "new"})["description"] == "new"
    Caller(teammate)("delete", f"/datasets/{made.pk}", status=403)
    Caller(viewer)("delete", f"/datasets/{made.pk}", status=403)
    call("delete", f"/datasets/{made.pk}")
    call("get", f"/datasets/{made.pk}", status=404)
    assert not Dataset.objects.filter(pk=made.pk).exists()


def test_a_selection_that_cannot_be_used_names_its_field(call: Caller) -> None:
    for recipe, field in (
        ({"orientations": 99}, "orientations"),
        ({"tasks": {"sources": ["x"]}}, "tasks.sources.0"),
        ({"no": 1}, "no"),
    ):
        refused = call("post", "/datasets/from-tasks", {"name": "x", "recipe": recipe}, 422)
        assert refused["error"]["details"]["field"] == field


def test_a_viewer_reads_and_sends_nothing(viewer: User, owner: User) -> None:
    made = ready(owner)
    call = Caller(viewer)
    call("get", f"/datasets/{made.pk}")
    call.send(sums(3), 403)
    call("post", "/uploads", {"file_name": "a", "size": 3}, 403)


def test_an_empty_file_is_refused_at_once(call: Caller) -> None:
    assert call.send(b"", 422)["error"]["details"]["field"] == "file"
    assert not Dataset.objects.exists()
