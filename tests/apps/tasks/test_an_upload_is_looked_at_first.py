"""Preview and import are one computation: what the page shows is what happens, through every door."""

from __future__ import annotations

import html as entities
import json
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.core.models import User
from apps.tasks.models import ArcTask, ImportState, TaskImport, TaskSource
from tests.apps.tasks.conftest import client_of, person, put, puzzle, score
from tests.apps.tasks.uploading import API, by_api, by_page, preview, send
from tests.engines.intake.files import G, H, K, blind, data_of, task, zipped


def page(client: Client, location: str) -> str:
    """A page as text."""
    response = client.get(location)
    assert response.status_code == 200
    return entities.unescape(response.content.decode())


def effects(client: Client, files: dict[str, Any], **fields: Any) -> dict[str, str]:
    """What the preview says of each task."""
    found = preview(client, files, **fields)["preview"]["tasks"]
    return {one["task_id"].partition(":")[2]: one["words"] for one in found}


def standing() -> dict[str, tuple[str, Any, Any]]:
    """Every task: its split, its first output and its metadata."""
    rows = ArcTask.objects.order_by("pk").values_list("task_id", "task_source", "test_output", "metadata")
    return {task_id: (source, output, metadata) for task_id, source, output, metadata in rows}


@pytest.fixture
def here(curator: User, researcher: User) -> Client:
    """A curator's browser, in a lab that knows some tasks of the dataset `lab`."""
    put(*(puzzle(name) for name in ("same", "moved", "both")), source=TaskSource.TRAINING)
    client = client_of(curator)
    by_api(client, {"t.json": {"known": task(K, K), "changed": task(K, G), "open": blind(K, H)}})
    score(ArcTask.objects.get(pk="lab:changed"), researcher)
    return client


def files_for(client: Client) -> dict[str, Any]:
    """An upload that does one of everything."""
    stands = {row.raw_id: {"train": row.train_examples, "test": row.tests} for row in ArcTask.objects.all()}
    return {
        "training/same.json": stands["same"],
        "evaluation/moved.json": stands["moved"],
        "evaluation/both.json": task(H, K),
        "all.json": {"changed": task(H, H), "known": blind(K, K), "open": task(K, H), "fresh": task(G, K)},
        "test/noted.json": task(G, G, note="n"),
    }


EXPECTED = {
    "same": "same as here",
    "moved": "moves from training to evaluation",
    "both": "changes the one that is here and moves from training to evaluation",
    "changed": "changes the one that is here",
    "known": "same as here",
    "open": "fills in outputs",
    "fresh": "new",
    "noted": "new",
}


def test_the_preview_says_what_would_be_done_and_does_nothing(here: Client) -> None:
    before = standing()
    assert effects(here, files_for(here)) == EXPECTED
    assert standing() == before


def test_the_import_does_what_the_preview_said(here: Client) -> None:
    files = files_for(here)
    found = preview(here, files)
    done = send(here, f"/imports/{found['import_id']}/confirm", {}).json()
    assert set(done["created"]) == {"lab:fresh", "lab:noted"}
    assert set(done["updated"]) == {"lab:both", "lab:changed", "lab:open"}
    assert done["moved"] == ["lab:moved"]
    assert set(done["unchanged"]) == {"lab:same", "lab:known"}
    assert set(effects(here, files).values()) == {"same as here"}
    assert standing()["lab:moved"][0] == standing()["lab:both"][0] == "evaluation"
    assert standing()["lab:known"][1] == K  # a withheld output replaced nothing
    assert standing()["lab:noted"] == ("test", G, {"note": "n"})
    assert ArcTask.objects.get(pk="lab:changed").version == 2


@pytest.mark.parametrize("door", ["page", "api", "command"])
def test_every_door_does_the_same(here: Client, tmp_path: Path, door: str) -> None:
    files = files_for(here)
    if door == "page":
        location = by_page(here, {"t.zip": zipped(files)})
        for word in EXPECTED.values():
            assert word in page(here, location)
        here.post(f"{location}confirm/", {"action": "import"})
    elif door == "api":
        assert by_api(here, {"t.zip": zipped(files)}).status_code == 200
    else:
        for name, value in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(data_of(value))
        out = StringIO()
        call_command("import_tasks", str(tmp_path), "--dataset", "lab", stdout=out)
        assert "2 created, 3 updated, 1 moved to another split, 2 unchanged." in out.getvalue()
    found = {name.partition(":")[2]: split for name, (split, _, _) in standing().items()}
    assert found == {
        "same": "training",
        "moved": "evaluation",
        "both": "evaluation",
        "changed": "training",
        "known": "training",
        "open": "training",
        "fresh": "training",
        "noted": "test",
    }


def test_nothing_is_said_of_a_split_moves_nothing(here: Client) -> None:
    ArcTask.objects.filter(pk="lab:same").update(task_source=TaskSource.EVALUATION)
    files = {"same.json": files_for(here)["training/same.json"]}
    assert effects(here, files) == {"same": "same as here"}
    assert effects(here, files, task_source="training") == {"same": "moves from evaluation to training"}


def test_splits_are_shown_and_changed_group_by_group(curator: User) -> None:
    client = client_of(curator)
    files = {
        "repo.zip": zipped({"data/training/a.json": task(), "data/evaluation/b.json": task(H, G), "c.json": task(K, G)})
    }
    location = by_page(client, files)
    text = page(client, location)
    for where in ("repo.zip/data/training/", "repo.zip/data/evaluation/", "repo.zip/"):
        assert where in text
    assert "training, as read" in text
    assert "not said" in text
    groups = dict(re.findall(r'name="split-(\d+)" aria-label="Split of ([^"]+)"', text))
    number = {label: key for key, label in groups.items()}
    fields = {f"split-{number['repo.zip/']}": "test", f"split-{number['repo.zip/data/training/']}": ""}
    client.post(f"{location}confirm/", {"action": "look", **fields})
    assert not ArcTask.objects.exists()
    assert re.search(r'<option value="test" selected>', page(client, location))
    client.post(f"{location}confirm/", {"action": "import", **fields})
    splits = dict(ArcTask.objects.values_list("raw_id", "task_source"))
    assert splits == {"a": "training", "b": "evaluation", "c": "test"}


def test_the_split_chosen_for_all_counts_more_than_what_files_say(curator: User) -> None:
    client = client_of(curator)
    by_api(client, {"training/a.json": task(), "evaluation.json": {"b": task(H, G)}}, task_source="test")
    assert set(ArcTask.objects.values_list("task_source", flat=True)) == {"test"}


def test_names_are_proposed_and_taken_with_one_click(curator: User) -> None:
    client = client_of(curator)
    long = "1.5x_zoom_of_" + "x" * 240
    files = {
        "all.json": {long: task(), "50%": task(H, G), "fine": task(K, G)},
        "task_1.json": task(K, K, name="007bbfb7"),
    }
    location = by_page(client, files)
    text = page(client, location)
    assert "Import 2 tasks that cannot have their names under the names proposed" in text
    assert "Call 1 task by the id that stands inside" in text
    client.post(f"{location}confirm/", {"action": "import", "propose": "1", "by_name": "1"})
    ids = set(ArcTask.objects.values_list("raw_id", flat=True))
    assert {"fine", "50-", "007bbfb7"} - ids <= {"50-"}
    assert len(ids) == 4
    assert not any(raw_id.startswith("1.5x_zoom") and len(raw_id) < 100 for raw_id in ids)


@pytest.mark.parametrize(
    "name", ["Bouncing off (walls) [v2]", "don't touch", "größer & kleiner", "図形を回転する", "a;b=c,d+e~!$@"]
)
def test_tasks_of_any_writing_have_a_page_and_a_place_in_the_api(curator: User, name: str) -> None:
    client = client_of(curator)
    assert by_api(client, {f"{name}.json": task()}).json()["created"] == [f"lab:{name}"]
    gallery = page(client, "/tasks/")
    (address,) = re.findall(r'class="card" href="([^"]+)"', gallery)
    assert name in page(client, address)
    download = client.get(f"{address}arc.json")
    assert download.json() == task()
    assert client.get(f"{API}/lab:{name}").json()["raw_id"] == name
    assert client.get(f"{API}?search={name[:3]}").json()["total"] == 1


def test_solutions_that_come_later_are_filled_in(curator: User) -> None:
    client = client_of(curator)
    by_api(client, {"arc-agi_test_challenges.json": {"fern1": blind(), "moss1": blind(H, G), "oak1": task(K, G)}})
    files = {"s.json": {"fern1": [H], "oak1": [G]}}
    assert effects(client, files) == {"fern1": "fills in outputs", "oak1": "same as here"}
    done = by_api(client, files).json()
    assert (done["updated"], done["unchanged"]) == (["lab:fern1"], ["lab:oak1"])
    task_ = ArcTask.objects.get(pk="lab:fern1")
    assert (task_.has_truths, task_.test_output, task_.task_source) == (True, H, "test")


@pytest.mark.parametrize(
    ("solutions", "words"),
    [
        ({"other": [H]}, "there is no such task in what you sent, nor in the dataset lab"),
        ({"fern1": [H, H]}, "2 solutions for 1 test inputs"),
        ({"oak1": [K]}, "it contradicts the output that is known already"),
    ],
)
def test_solutions_that_fit_nothing_are_said_and_change_nothing(curator: User, solutions: Any, words: str) -> None:
    client = client_of(curator)
    by_api(client, {"c.json": {"fern1": blind(), "oak1": task(K, G)}})
    before = standing()
    refused = by_api(client, {"s.json": solutions})
    assert refused.status_code == 422
    assert words in refused.json()["error"]["message"]
    location = by_page(client, {"s.json": {"fern1": [H]} | solutions})
    assert words in page(client, location) or "fern1" in solutions
    assert standing() == before


def test_what_is_wrong_with_some_stops_all_unless_it_is_to_be_skipped(curator: User, tmp_path: Path) -> None:
    client = client_of(curator)
    files = {"good.json": task(), "bad.json": task(G, [[1, 2], [3]]), "notes.md": "x"}
    refused = by_api(client, files)
    assert refused.status_code == 422
    details = refused.json()["error"]["details"]
    assert details["problems"][0]["task_id"] == "bad"
    assert details["left_out"][0]["files"] == ["notes.md"]
    for name, value in files.items():
        (tmp_path / name).write_bytes(data_of(value))
    with pytest.raises(CommandError, match=r"bad\.json.*Task bad.*make all rows equally long"):
        call_command("import_tasks", str(tmp_path), stdout=StringIO())
    assert not ArcTask.objects.exists()
    done = by_api(client, files, skip_invalid=True).json()
    assert (done["created"], [one["task_id"] for one in done["problems"]]) == (["lab:good"], ["bad"])
    errors = StringIO()
    call_command(
        "import_tasks", str(tmp_path), "--skip-invalid", "--dataset", "other", stdout=StringIO(), stderr=errors
    )
    assert "Not imported: " in errors.getvalue()
    assert ArcTask.objects.filter(pk="other:good").exists()


def test_keys_that_stand_twice_in_a_body_are_not_lost(curator: User) -> None:
    one, other = json.dumps(task()), json.dumps(task(H, G))
    body = f'{{"tasks": {{"fern1": {one}, "fern1": {other}}}}}'
    refused = send(client_of(curator), "/import", body)
    assert refused.status_code == 422
    assert "fern1" in refused.json()["error"]["message"]
    assert "it stands there twice" in refused.json()["error"]["message"]
    assert not ArcTask.objects.exists()


def test_leaving_everything_out_imports_nothing(curator: User) -> None:
    client = client_of(curator)
    location = by_page(client, {"a.json": task()})
    client.post(f"{location}confirm/", {"action": "import", "without": ["a"]})
    assert not ArcTask.objects.exists()
    text = page(client, location)
    assert "Nothing is left to import" in text
    assert "Left out by you" in text


def test_an_upload_is_its_owners_alone_and_curators_alone_make_them(curator: User, researcher: User) -> None:
    location = by_page(client_of(curator), {"a.json": task()})
    import_id = location.rstrip("/").rpartition("/")[2]
    other = client_of(person("other", "curator"))
    for path in (location, f"{API}/imports/{import_id}"):
        assert other.get(path).status_code == 404
        assert client_of(researcher).get(path).status_code == 403
    for action in ("import", "look", "discard"):
        assert other.post(f"{location}confirm/", {"action": action}).status_code == 404
    for path in ("confirm", "choices"):
        assert send(other, f"/imports/{import_id}/{path}", {}).status_code == 404
    assert other.delete(f"{API}/imports/{import_id}").status_code == 404
    assert TaskImport.objects.get().state == ImportState.READY


def test_an_import_happens_once(curator: User) -> None:
    client = client_of(curator)
    found = preview(client, {"a.json": task()})
    assert send(client, f"/imports/{found['import_id']}/confirm", {}).status_code == 200
    assert send(client, f"/imports/{found['import_id']}/confirm", {}).status_code == 409
    assert client.delete(f"{API}/imports/{found['import_id']}").status_code == 409
    assert client.get(f"{API}/imports/{found['import_id']}").json()["state"] == "done"


def test_the_result_says_what_happened_and_what_did_not(curator: User) -> None:
    client = client_of(curator)
    location = by_page(
        client, {"training/a.json": task(), "evaluation/b.json": task(H, G), "bad.json": "{", "x.md": "x"}
    )
    done = client.post(f"{location}confirm/", {"action": "import"}, follow=True)
    text = entities.unescape(done.content.decode())
    assert "2 created, 0 updated, 0 unchanged." in text
    for link in ("/tasks/?split=lab/training", "/tasks/?split=lab/evaluation"):
        assert link in text
        assert client.get(link).status_code == 200
    assert "bad.json line 1: not valid JSON" in text
    assert "x.md" in text


def test_a_preview_costs_the_same_however_many_tasks(curator: User) -> None:
    client = client_of(curator)

    def statements(count: int) -> int:
        location = by_page(client, {"all.json": {f"t{n}": task(tests=[(G, [[n % 10]])]) for n in range(count)}})
        with CaptureQueriesContext(connection) as queries:
            assert client.get(location).status_code == 200
        return len(queries)

    assert statements(3) == statements(90)


@pytest.mark.parametrize(
    "choose", [lambda found: {"splits": {"0": "nonsense"}}, lambda found: {"without": "a"}, lambda found: {"x": 1}]
)
def test_choices_that_make_no_sense_are_refused(curator: User, choose: Callable[[Any], Any]) -> None:
    client = client_of(curator)
    found = preview(client, {"a.json": task()})
    assert send(client, f"/imports/{found['import_id']}/choices", choose(found)).status_code == 422
    fine = send(client, f"/imports/{found['import_id']}/choices", {"splits": {"0": "test"}}).json()
    assert fine["preview"]["tasks"][0]["split"] == "test"


def test_a_dry_run_of_the_command_says_what_it_would_do(db: None, tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(zipped({"training/a.json": task(), "evaluation/b.json": task(H, G)}))
    out = StringIO()
    call_command("import_tasks", str(tmp_path), "--dry-run", stdout=out)
    assert "evaluation/: 1 task, evaluation" in out.getvalue()
    assert "Would be: 2 new; 0 to another split." in out.getvalue()
    assert not ArcTask.objects.exists()
    assert not TaskImport.objects.exists()
