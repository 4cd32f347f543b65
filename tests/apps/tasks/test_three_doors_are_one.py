"""Page, API and command decide alike and say the same of one upload, whatever is in it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from apps.core.models import User
from apps.tasks.models import ArcTask
from apps.tasks.services.imports import NOTHING_LEFT
from tests.apps.tasks.conftest import client_of
from tests.apps.tasks.uploading import by_api, by_page, preview
from tests.engines.intake.files import data_of
from tests.engines.intake.public_shapes import UPLOADS

Said = tuple[set[str], set[str]]
"""What is wrong, and what was put together."""


def _by_page(client: Client, files: dict[str, Any], _folder: Path) -> Said:
    location = by_page(client, files, dataset="page")
    text = client.get(location).content.decode()
    client.post(f"{location}confirm/", {"action": "import"})
    return _list(text, "problems"), _list(text, "notes")


def _list(text: str, name: str) -> set[str]:
    """The items below a heading of the preview."""
    found = re.search(rf'<h2 class="part" id="{name}">.*?</section>', text, re.DOTALL)
    items = re.findall(r'<span class="break">(.*?)</span></li>', found[0], re.DOTALL) if found else []
    return {html.unescape(re.sub(r" <span.*", "", item)) for item in items}


def _by_preview(client: Client, files: dict[str, Any], _folder: Path) -> Said:
    sent = preview(client, files, dataset="preview")
    found = sent["preview"]
    client.post(f"/api/v1/tasks/imports/{sent['import_id']}/confirm", {}, content_type="application/json")
    return {one["problem"] for one in found["problems"]}, set(found["notes"])


def _by_api(client: Client, files: dict[str, Any], _folder: Path) -> Said:
    sent = by_api(client, files, dataset="api", skip_invalid=True).json()
    found = sent if "problems" in sent else sent["error"]["details"]
    return {one["problem"] for one in found["problems"]}, set(found["notes"])


def _by_command(_client: Client, files: dict[str, Any], folder: Path) -> Said:
    for name, value in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data_of(value))
    out, errors = StringIO(), StringIO()
    paths = sorted({str(folder / name.split("/")[0]) for name in files})
    with suppress(CommandError):  # where nothing is left to import
        call_command("import_tasks", *paths, "--dataset", "command", "--skip-invalid", stdout=out, stderr=errors)
        out.truncate(out.getvalue().rstrip().rfind("\n") + 1)  # how long it took
    found = {line.removeprefix("Not imported: ") for line in errors.getvalue().splitlines()}
    said = {line for line in out.getvalue().splitlines() if not line.startswith("Left out: ")}
    return {re.sub(r"^\S+: (?=Task |Two )", "", line) for line in found}, said


DOORS: dict[str, Callable[[Client, dict[str, Any], Path], Said]] = {
    "page": _by_page,
    "preview": _by_preview,
    "api": _by_api,
    "command": _by_command,
}


def _standing(dataset: str) -> dict[str, tuple[Any, ...]]:
    rows = ArcTask.objects.filter(dataset=dataset)
    return {row.raw_id: (row.task_source, row.train_examples, row.tests, row.metadata) for row in rows}


@pytest.mark.parametrize("name", UPLOADS)
def test_one_upload_by_every_door(curator: User, tmp_path: Path, name: str) -> None:
    client, upload = client_of(curator), UPLOADS[name]
    said = {door: send(client, upload.files, tmp_path) for door, send in DOORS.items()}
    standing = {door: _standing(door) for door in DOORS}
    for door in DOORS:
        assert said[door] == said["preview"], door
        assert standing[door] == standing["preview"], door
    splits = {raw_id: row[0] for raw_id, row in standing["page"].items()}
    assert splits == {raw_id: split or "training" for raw_id, split in upload.tasks.items()}


def test_an_upload_of_which_nothing_is_left_is_refused_by_every_door(curator: User, tmp_path: Path) -> None:
    client, files = client_of(curator), {"a.json": {"train": [], "test": []}, "notes.md": "x"}
    location = by_page(client, files)
    refused = client.post(f"{location}confirm/", {"action": "import"}, follow=True)
    assert NOTHING_LEFT in refused.content.decode()
    assert by_api(client, files, skip_invalid=True).status_code == 422
    for name, value in files.items():
        (tmp_path / name).write_bytes(data_of(value))
    with pytest.raises(CommandError, match=NOTHING_LEFT):
        call_command("import_tasks", str(tmp_path), "--skip-invalid", stdout=StringIO(), stderr=StringIO())
