"""An upload that was read before an upgrade is looked at and imported after it; one that cannot be is said to be gone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from apps.core.models import Role, User
from apps.tasks.models import ArcTask, ImportState, TaskImport
from apps.tasks.services.imports import folder_of

pytestmark = pytest.mark.django_db
API = "/api/v1/tasks/imports"

COLUMNS = {
    "train_examples": [{"input": [[1, 1], [1, 1]], "output": [[2, 2], [2, 2]]}],
    "tests": [{"input": [[1, 1], [1, 1]], "output": [[2, 2], [2, 2]]}],
    "test_input": [[1, 1], [1, 1]],
    "test_output": [[2, 2], [2, 2]],
    "content_hash": "1ad607443467e9dad2e9c3de9c966d9a8c91aaafbfe963fb1f5eda7fbafc4798",
    "pair_hashes": {"train": ["c23fdaf67c4af53d"], "test": ["c23fdaf67c4af53d"]},
    "train_count": 1,
    "test_count": 1,
    "max_side": 2,
    "colour_count": 2,
    "same_size": True,
    "has_truths": True,
}
ABOUT = {
    "version": 1,
    "count": 1,
    "groups": [{"folders": ["evaluation"], "file": "", "keys": []}],
    "splits": ["evaluation"],
    "solutions": [{"raw_id": "later", "file": "sol.json", "line": 1, "at": [0, 16]}],
    "left_out": [{"why": "no JSON (.md)", "count": 1, "names": ["n.md"]}],
    "problems": ["bad.json line 1: not valid JSON, expecting a key in double quotes."],
    "notes": ["put together"],
}
PUZZLE, CONTENT = "9c70a65bc030b90c", "f756bd2c5179beaa"


@pytest.fixture
def client() -> Client:
    """A curator's browser."""
    client = Client()
    client.force_login(User.objects.create(username="curator", role=Role.CURATOR))
    return client


def put_away(about: dict[str, Any]) -> TaskImport:
    """An upload as the version that kept shelves in this form left it: to the letter, not by the present code."""
    solution = b"[[[2,2],[2,2]]]\n"
    content = json.dumps({"columns": COLUMNS, "metadata": {"name": "x"}}).encode() + b"\n"
    head = ["a", 0, "evaluation/a.json", 1, "", "", "", "x", "", "", "evaluation", PUZZLE, CONTENT, True, True, [1, 1]]
    record = TaskImport.objects.create(owner=User.objects.get(), dataset="lab", state=ImportState.READY)
    folder = folder_of(record.pk)
    folder.mkdir(parents=True)
    (folder / "contents.jsonl").write_bytes(solution + content)
    (folder / "heads.jsonl").write_text(f"{json.dumps(about)}\n{json.dumps([*head, [len(solution), len(content)]])}\n")
    return record


def test_what_was_read_before_an_upgrade_is_imported_after_it(client: Client) -> None:
    record = put_away(ABOUT)
    found = client.get(f"{API}/{record.pk}").json()["preview"]
    assert (found["counts"], found["inner_names"], found["notes"]) == ({"new": 1}, 1, ["put together"])
    assert {one["task_id"] for one in found["problems"]} == {"", "later"}
    assert found["left_out"][0]["files"] == ["n.md"]
    assert client.post(f"{API}/{record.pk}/confirm").json()["created"] == ["lab:a"]
    task = ArcTask.objects.get()
    assert (task.task_source, task.metadata, task.tests) == ("evaluation", {"name": "x"}, COLUMNS["tests"])


def test_what_this_version_cannot_read_is_gone_and_said_to_be(client: Client) -> None:
    record = put_away({**ABOUT, "version": 99})
    for response in (client.get(f"{API}/{record.pk}"), client.post(f"{API}/{record.pk}/confirm")):
        assert response.status_code == 404
        assert "Upload it again." in response.json()["error"]["message"]
    page = client.get(f"/tasks/import/{record.pk}/")
    assert page.status_code == 404
    assert "Upload it again." in page.content.decode()
    dropped = client.post(f"/tasks/import/{record.pk}/confirm/", {"action": "discard"})
    assert dropped.status_code == 302
    assert not TaskImport.objects.exists()
