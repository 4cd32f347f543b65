"""What is large is read and written by jobs, in small transactions behind an import that shows itself at once."""

from __future__ import annotations

import html as entities
import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.utils import timezone

from apps.core.models import Job, JobStatus, User
from apps.tasks.models import ArcTask, TaskImport
from apps.tasks.queries import splits
from apps.tasks.services import imports
from tests.apps.tasks.conftest import client_of
from tests.apps.tasks.large import Killed, confirmed, killed_at, make_small, many
from tests.apps.tasks.uploading import API, by_api, by_page, parts, preview, run_job, run_jobs, send
from tests.engines.intake.files import G, H, task, zipped


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts as large is small here."""
    make_small(monkeypatch)


@pytest.fixture
def client(curator: User) -> Client:
    """A curator's browser."""
    return client_of(curator)


def words(client: Client, location: str) -> str:
    """A page as text."""
    response = client.get(location)
    assert response.status_code == 200
    return entities.unescape(response.content.decode())


def test_a_large_upload_is_read_by_a_job_then_looked_at_then_written_by_another(client: Client) -> None:
    location = by_page(client, {"training.json": many(300), "evaluation.json": many(60, "e")})
    assert "Waiting for a worker" in words(client, location)
    (read,) = run_jobs()
    assert (read.kind, read.status) == ("import_read", JobStatus.COMPLETED)
    text = words(client, location)
    assert "And 160 more, which are imported too." in text
    assert "evaluation, as read" in text
    assert client.post(f"{location}confirm/", {"action": "import"})["Location"] == location
    assert "New tasks appear all at once" in words(client, location) or "Waiting for a worker" in words(
        client, location
    )
    assert not ArcTask.objects.exists()
    (written,) = run_jobs()
    assert (written.kind, written.status) == ("import_write", JobStatus.COMPLETED)
    assert {split.name: split.count for split in splits()} == {"lab/training": 300, "lab/evaluation": 60}
    text = words(client, location)
    assert "lab training" in text
    assert "lab evaluation" in text
    assert TaskImport.objects.get().report == {"created": 360, "updated": 0, "moved": 0, "unchanged": 0}


def test_by_the_api_a_large_upload_is_accepted_and_followed(client: Client) -> None:
    sent = by_api(client, {"all.json": many(300)})
    assert sent.status_code == 202
    state = sent.json()
    assert (state["state"], state["preview"]) == ("reading", None)
    run_jobs()
    state = client.get(f"{API}/imports/{state['import_id']}").json()
    assert (state["state"], state["created"], state["message"]) == ("done", 300, "300 created, 0 updated, 0 unchanged.")


@pytest.mark.parametrize("skip", [False, True])
def test_a_large_upload_with_problems_is_imported_only_if_they_may_be_skipped(client: Client, skip: bool) -> None:
    sent = by_api(client, {"all.json": many(300) | {"bad": task(G, [[1], [1, 2]])}}, skip_invalid=skip).json()
    run_jobs()
    state = client.get(f"{API}/imports/{sent['import_id']}").json()
    if skip:
        assert (state["state"], state["created"]) == ("done", 300)
    else:
        assert (state["state"], state["success"]) == ("failed", False)
        assert "Task bad" in state["error"]
        assert not ArcTask.everything.exists()


def test_more_files_than_django_takes_are_taken(client: Client) -> None:
    files = {f"training/{name}.json": value for name, value in many(150).items()}
    location = by_page(client, files)
    run_jobs()
    assert "training/" in words(client, location)
    client.post(f"{location}confirm/", {"action": "import"})
    run_jobs()
    assert ArcTask.objects.filter(task_source="training").count() == 150
    assert by_api(client, {f"{name}.json": value for name, value in many(120, "u").items()}).status_code in (200, 202)


def test_a_form_with_too_much_comes_back_with_what_was_typed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.core.uploads.MAX_FILES", 5)
    files = {f"{name}.json": value for name, value in many(6).items()}
    fields = {"dataset": "mine", "dataset_version": "v7", "pasted_id": "kept"}
    sent = client.post("/tasks/import/", {"uploads": parts(files), **fields})
    assert sent.status_code == 413
    text = sent.content.decode()
    assert "More than 5 files at once. Send them packed as a zip, or in parts." in entities.unescape(text)
    for value in fields.values():
        assert f'value="{value}"' in text
    refused = by_api(client, files)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "TOO_LARGE")
    monkeypatch.setattr("apps.core.uploads.MAX_FILES", 20)
    monkeypatch.setattr("apps.core.uploads.MAX_BYTES", 300)
    assert "Send them packed" in client.post("/tasks/import/", {"uploads": parts(files), **fields}).content.decode()


def test_nothing_is_kept_of_what_strangers_send(db: None) -> None:
    sent = Client().post(f"{API}/import/files", {"files": parts({"a.json": task()})})
    assert sent.status_code == 401
    assert client_of(None).post("/tasks/import/", {"uploads": parts({"a.json": task()})}).status_code == 302
    assert not TaskImport.objects.exists()


# --- Sets, upkeep, what lies on disk


def test_sets_that_are_large_are_a_job_and_small_ones_are_not(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "WRITE_AT_ONCE", 150)
    assert (
        client.post("/tasks/import/sets/", {"sets": "arc2/evaluation"})["Location"] == "/tasks/?split=arc2/evaluation"
    )
    sent = send(client, "/import", {"sets": ["arc1/training"]})
    assert sent.status_code == 202
    assert "Waiting for a worker" in words(client, f"/tasks/import/{sent.json()['import_id']}/")
    run_jobs()
    assert {split.name: split.count for split in splits()} == {"arc1/training": 400, "arc2/evaluation": 120}
    assert "400" in words(client, f"/tasks/import/{sent.json()['import_id']}/")


def test_imports_of_yesterday_are_forgotten_with_their_files(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    job = confirmed(client)
    killed_at(monkeypatch, 4)
    with pytest.raises(Killed):
        run_job(job)
    monkeypatch.undo()
    make_small(monkeypatch)
    other = by_page(client, {"a.json": task()}).split("/")[-2]
    stray = imports.folder_of("import_nobody")
    stray.mkdir(parents=True)
    yesterday = timezone.now() - timedelta(days=2)
    import os

    os.utime(stray, (yesterday.timestamp(), yesterday.timestamp()))
    assert imports.imports_look_after() == 1  # the folder
    assert not stray.exists()
    TaskImport.objects.update(created_at=yesterday)
    Job.objects.filter(pk=job.pk).update(
        status=JobStatus.FAILED, finished_at=timezone.now(), lease_expires_at=None, worker=""
    )
    assert imports.imports_look_after() == 2
    assert not TaskImport.objects.exists()
    assert not ArcTask.everything.exists()
    assert not any(imports.folder_of(name).exists() for name in (other, job.payload["import_id"]))


def test_done_imports_are_forgotten_and_their_tasks_stay(client: Client) -> None:
    location = by_page(client, {"a.json": task()})
    client.post(f"{location}confirm/", {"action": "import"})
    TaskImport.objects.update(created_at=timezone.now() - timedelta(days=2))
    assert imports.imports_look_after() == 1
    assert list(ArcTask.objects.values_list("raw_id", flat=True)) == ["a"]
    assert client.get(location).status_code == 404


def test_an_upload_whose_files_are_gone_says_so(client: Client) -> None:
    import shutil

    found = preview(client, {"a.json": task()})
    shutil.rmtree(imports.folder_of(found["import_id"]))
    assert client.get(f"/tasks/import/{found['import_id']}/").status_code == 404
    assert send(client, f"/imports/{found['import_id']}/confirm", {}).status_code == 404
    assert client.delete(f"{API}/imports/{found['import_id']}").status_code == 200


def test_api_imports_leave_nothing_on_disk(client: Client) -> None:
    folder = settings.VAR_DIR / "imports"
    before = set(folder.iterdir()) if folder.is_dir() else set()
    by_api(client, {"a.json": task()})
    by_api(client, {"a.json": "{"})
    by_api(client, {"t.zip": zipped({"b.json": task(H, G)})})
    assert set(folder.iterdir()) == before
    assert not TaskImport.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_whoever_deletes_the_owner_shows_nothing_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.apps.tasks.conftest import person

    owner = person("leaver", "curator")
    job = confirmed(client_of(owner))
    killed_at(monkeypatch, 4)
    with pytest.raises(Killed):
        run_job(job)
    monkeypatch.undo()
    make_small(monkeypatch)
    with transaction.atomic():
        owner.delete()
    assert ArcTask.everything.exists()
    assert not ArcTask.objects.exists()


def test_megabytes_can_be_pasted(client: Client) -> None:
    text = "{" + " " * 3_000_000 + json.dumps(many(40, "p"))[1:]
    sent = client.post("/tasks/import/", {"dataset": "lab", "pasted": text, "pasted_id": "big"})
    assert sent.status_code == 302
    run_jobs()
    assert "40" in words(client, sent["Location"])


def test_every_file_of_a_large_folder_may_say_where_it_lay(client: Client) -> None:
    files = {f"evaluation/{'d' * 40}/{name}.json": value for name, value in many(1_100, "f").items()}
    sent = by_api(client, files)
    assert sent.status_code == 202, sent.content
    run_jobs()
    assert ArcTask.objects.filter(task_source="evaluation").count() == 1_100
