"""Tasks in bulk leave as a zip that imports back exactly: content, splits, versions, metadata, whatever they are called."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from typing import Any

import pytest
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from apps.core.models import User
from apps.tasks import exports
from apps.tasks.models import ArcTask, TaskSource
from apps.tasks.services import task_update
from tests.apps.tasks.conftest import client_of, person, put, puzzle
from tests.apps.tasks.uploading import API, by_api, by_page, preview, send
from tests.engines.intake.files import G, H, K, blind, task

EXACT = (
    "task_id",
    "raw_id",
    "dataset",
    "dataset_version",
    "task_source",
    "train_examples",
    "tests",
    "metadata",
    "content_hash",
)


def everything() -> list[dict[str, Any]]:
    """All that must come back."""
    return list(ArcTask.objects.order_by("pk").values(*EXACT))


@pytest.fixture
def full(curator: User) -> Client:
    """A lab with tasks of every kind, and its curator's browser."""
    client = client_of(curator)
    by_api(
        client,
        {"training/a.json": task(), "evaluation/b.json": task(H, G), "test.json": {"c": blind(K, G)}},
        dataset="one",
    )
    by_api(client, {"d.json": task(K, K)}, dataset="one", dataset_version="v2")
    by_api(client, {"training/a.json": task(G, G)}, dataset="two", dataset_version="abc")
    odd = {"größer (2) [x] don't": task(G, K), "図形": task(H, H), "x.json": task(H, K), "training": task(K, H)}
    by_api(client, {"all.json": odd}, dataset="odd")
    for raw_id, metadata in (
        ("図形", {"name": "図形", "metadata": {"metadata": 1}, "train": [1], "test": 2, "id": "x"}),
        ("x.json", {"a": None}),
    ):
        task_update(task_id=f"odd:{raw_id}", by=curator, metadata=metadata)
    return client


def fetch(client: Client, query: str = "include_truth=true") -> bytes:
    """The zip."""
    response = client.get(f"{API}/export?{query}")
    assert response.status_code == 200
    assert response["Content-Type"] == "application/zip"
    return response.getvalue()


def names(data: bytes) -> list[str]:
    """The files in it."""
    return zipfile.ZipFile(io.BytesIO(data)).namelist()


def test_what_goes_out_comes_back_exactly(full: Client) -> None:
    before, data = everything(), fetch(full)
    assert len(before) == 9
    again = by_api(full, {"tasks.zip": data})
    assert (again.status_code, len(again.json()["unchanged"])) == (200, 9)
    ArcTask.objects.all().delete()
    done = by_api(full, {"tasks.zip": data}, dataset="ignored").json()
    assert (len(done["created"]), done["problems"], done["left_out"]) == (9, [], [])
    assert everything() == before


def test_the_page_takes_it_too_and_names_the_datasets(full: Client) -> None:
    before, data = everything(), fetch(full)
    ArcTask.objects.all().delete()
    location = by_page(full, {"tasks.zip": data})
    text = full.get(location).content.decode()
    for words in ("into one", "into two", "into odd"):
        assert words in text
    full.post(f"{location}confirm/", {"action": "import"})
    assert everything() == before


def test_it_comes_back_from_a_folder_as_well(full: Client) -> None:
    before, archive = everything(), zipfile.ZipFile(io.BytesIO(fetch(full)))
    ArcTask.objects.all().delete()
    by_api(full, {f"mine/{name}": archive.read(name) for name in reversed(archive.namelist())})
    assert everything() == before


def test_truths_leave_only_when_asked_for(full: Client, viewer: User) -> None:
    archive = zipfile.ZipFile(io.BytesIO(fetch(client_of(viewer), "")))
    for name in archive.namelist():
        value = json.loads(archive.read(name))
        assert not any("output" in pair for pair in value.get("test", []))
    assert any(
        "output" in pair
        for pair in json.loads(zipfile.ZipFile(io.BytesIO(fetch(full))).read("one/training/a.json"))["test"]
    )


def test_a_blind_copy_takes_no_truth_away(full: Client) -> None:
    before, data = everything(), fetch(full, "")
    by_api(full, {"tasks.zip": data})
    assert everything() == before


def test_filters_choose_what_leaves(full: Client) -> None:
    assert names(fetch(full, "dataset=one&source=training")) == [
        "terrarium.json",
        "one/training/a.json",
        "one 2/training/d.json",
    ]
    assert names(fetch(full, "dataset=nobody")) == ["terrarium.json"]
    assert full.get(f"{API}/export?source=nonsense").status_code == 422


def test_strangers_get_nothing_and_members_a_page(full: Client, viewer: User) -> None:
    assert Client().get(f"{API}/export").status_code == 401
    text = client_of(viewer).get("/tasks/export/").content.decode()
    assert "one training" in text or "one training: 2 tasks" in text
    ArcTask.objects.all().delete()
    assert "There is nothing to download" in client_of(viewer).get("/tasks/export/").content.decode()


def test_it_is_read_in_batches_and_sent_as_it_is_made(curator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "_BATCH", 10)
    put(*(puzzle(f"t{n:03d}") for n in range(35)), dataset="many")
    with CaptureQueriesContext(connection) as queries:
        sent: Any = exports.tasks_download(ArcTask.objects.all(), include_truth=True)
        parts_ = list(sent)
    assert len(queries) == 5  # versions, and 35 tasks by tens
    assert len(parts_) > 35
    assert len(names(b"".join(parts_))) == 36


@pytest.mark.django_db(transaction=True)
def test_an_asynchronous_server_sends_one_part_after_the_other() -> None:
    put(*(puzzle(f"t{n}") for n in range(3)), dataset="many")
    user = person("reader", "viewer")

    async def read() -> list[bytes]:
        client = AsyncClient()
        await client.aforce_login(user)
        response: Any = await client.get(f"{API}/export")
        return [part async for part in response]

    received = asyncio.run(read())
    assert len(received) >= 4
    assert len(names(b"".join(received))) == 4


def test_a_manifest_that_lies_is_no_way_around_the_rules(curator: User) -> None:
    client = client_of(curator)
    folders = [{"folder": "a", "dataset": "No Good"}, {"folder": "b", "dataset": "fine", "version": "x" * 200}, 5]
    files = {
        "terrarium.json": {"format": "terrarium.tasks/1", "folders": folders},
        "a/training/t.json": task(),
        "b/training/t.json": task(H, G),
        "c/t.json": task(K, G),
    }
    state = preview(client, files)
    assert state["preview"]["problem_count"] == 2  # a and c are both the form's dataset, with different tasks
    send(client, f"/imports/{state['import_id']}/choices", {"propose": True})
    send(client, f"/imports/{state['import_id']}/confirm", {})
    assert sorted(ArcTask.objects.values_list("dataset", "dataset_version")) == [
        ("fine", "x" * 64),
        ("lab", ""),
        ("lab", ""),
    ]
    assert ArcTask.objects.filter(task_source=TaskSource.TRAINING).count() == 3
