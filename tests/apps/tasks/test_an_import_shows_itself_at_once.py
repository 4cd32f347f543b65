"""Many tasks are written in small transactions and seen in one moment, whatever becomes of who writes them."""

from __future__ import annotations

import html as entities
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client

from apps.core import sql
from apps.core.errors import Conflict
from apps.core.jobs import job_retry
from apps.core.models import Job, JobStatus, User
from apps.tasks import plans
from apps.tasks.engine.formats import parse_task
from apps.tasks.models import ArcTask, ImportState, TaskImport, TaskSource
from apps.tasks.services import imports, tasks_import, writing
from tests.apps.tasks.conftest import client_of, put, puzzle
from tests.apps.tasks.large import Killed, Steps, confirmed, killed_at, make_small, many
from tests.apps.tasks.uploading import API, by_api, end_job, preview, run_job, run_jobs, send
from tests.engines.intake.files import G, H, K, task


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


def test_new_tasks_are_written_in_small_transactions_and_seen_at_once(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(puzzle("before"))
    steps = Steps(monkeypatch)
    found = [parse_task(value, name) for name, value in many(200).items()]
    report = tasks_import(tasks=found, dataset="lab", source=TaskSource.TRAINING)
    assert len(report.created) == ArcTask.objects.count() - 1 == 200
    assert len(steps.sizes) > 1
    assert max(steps.sizes) <= writing._PIECE
    assert set(steps.seen) == {1}


@pytest.mark.parametrize(("a_piece_takes", "in_one"), [(0.001, 25), (0.006, 5), (0.026, 1), (2.0, 1)])
def test_a_transaction_ends_when_its_time_is_up_however_slow_the_machine(
    db: None, monkeypatch: pytest.MonkeyPatch, a_piece_takes: float, in_one: int
) -> None:
    now, pauses, sizes = [0.0], list[float](), [0]

    def pause(held: float) -> None:
        pauses.append(held)
        sizes.append(0)

    monkeypatch.setattr(writing, "_TRANSACTION_SECONDS", 0.025)
    monkeypatch.setattr(writing, "_AHEAD", 1_000)
    monkeypatch.setattr(writing, "_pause", pause)
    monkeypatch.setattr("apps.tasks.services.writing.time.monotonic", lambda: now[0])
    inner = sql.execute

    def execute(statements: Any) -> None:
        inner(statements)
        now[0] += a_piece_takes
        sizes[-1] += 1

    monkeypatch.setattr(writing, "execute", execute)
    found = [parse_task(value, name) for name, value in many(writing._PIECE * 30).items()]
    tasks_import(tasks=found, dataset="lab", source=TaskSource.TRAINING)
    assert max(sizes) == in_one
    assert max(pauses) <= max(0.025, a_piece_takes) + a_piece_takes


@pytest.mark.skipif(not writing.in_turns(), reason="PostgreSQL's writers do not wait for each other")
@pytest.mark.parametrize(("held", "pause"), [(0.0, 0.025), (0.01, 0.025), (0.04, 0.06), (9.0, 0.5)])
def test_whoever_waits_finds_the_pause_that_follows(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, held: float, pause: float
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(writing, "_PAUSE_SECONDS", 0.025)
    monkeypatch.setattr("apps.tasks.services.writing.time.sleep", slept.append)
    writing._pause(held)
    assert slept == [pytest.approx(pause)]


def test_an_import_that_fails_half_way_leaves_nothing(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(step: int) -> None:
        if step == 3:
            raise RuntimeError("the disk is full")

    Steps(monkeypatch, fail)
    found = [parse_task(value, name) for name, value in many(200).items()]
    with pytest.raises(RuntimeError):
        tasks_import(tasks=found, dataset="lab", source=TaskSource.TRAINING)
    assert not ArcTask.everything.exists()
    assert TaskImport.objects.get().state == ImportState.FAILED
    monkeypatch.undo()
    make_small(monkeypatch)
    tasks_import(tasks=found, dataset="lab", source=TaskSource.TRAINING)
    assert ArcTask.objects.count() == 200


def test_a_worker_killed_half_way_shows_nothing_and_the_next_one_goes_on(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = confirmed(client)
    killed_at(monkeypatch, 4)
    with pytest.raises(Killed):
        run_job(job)
    monkeypatch.undo()
    make_small(monkeypatch)
    hidden = ArcTask.everything.count()
    assert 0 < hidden < 200
    assert not ArcTask.objects.exists()
    steps = Steps(monkeypatch)
    assert run_job(job).status == JobStatus.COMPLETED
    assert sum(steps.sizes) == 200 - hidden
    assert ArcTask.objects.count() == 200
    assert TaskImport.objects.get().report["created"] == 200


def test_a_worker_that_lost_its_job_writes_no_more(client: Client) -> None:
    job = confirmed(client)
    calls = iter(range(100))

    def taken_over(_done: int, _total: int) -> bool:
        if next(calls) == 2:
            assert run_job(job).status == JobStatus.COMPLETED
        return True

    assert imports.write_by_job(job, progress=taken_over) is False
    assert ArcTask.objects.count() == 200
    assert TaskImport.objects.get().state == ImportState.DONE


def test_cancelling_before_anything_is_shown_means_that_nothing_happened(client: Client) -> None:
    job = confirmed(client)
    import_id = job.payload["import_id"]
    stops: Iterator[bool] = iter([True, True, False])
    assert imports.write_by_job(job, progress=lambda _done, _total: next(stops)) is False
    assert not ArcTask.everything.exists()
    end_job(job, JobStatus.CANCELLED)
    record = TaskImport.objects.get()
    assert (record.state, record.error) == (ImportState.FAILED, "It was cancelled.")
    text = words(client, f"/tasks/import/{import_id}/")
    assert "It was cancelled. Nothing was imported." in text
    client.post(f"/tasks/import/{import_id}/confirm/", {"action": "reopen"})
    assert "which are imported too" in words(client, f"/tasks/import/{import_id}/") or "Tasks" in text


def test_dropping_an_import_under_way_takes_its_hidden_tasks_along(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = confirmed(client)
    killed_at(monkeypatch, 4)
    with pytest.raises(Killed):
        run_job(job)
    monkeypatch.undo()
    make_small(monkeypatch)
    assert ArcTask.everything.exists()
    assert client.delete(f"{API}/imports/{job.payload['import_id']}").status_code == 200
    assert not ArcTask.everything.exists()
    assert not TaskImport.objects.exists()
    assert not imports.folder_of(job.payload["import_id"]).exists()


def test_a_failed_import_can_be_retried(client: Client, curator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    job = confirmed(client)

    def fail(step: int) -> None:
        if step == 2:
            raise IntegrityError("something")

    Steps(monkeypatch, fail)
    assert run_job(job).status == JobStatus.FAILED
    monkeypatch.undo()
    make_small(monkeypatch)
    assert TaskImport.objects.get().state == ImportState.FAILED
    again = job_retry(job=job, by=curator)
    run_job(again)
    assert ArcTask.objects.count() == 200
    with pytest.raises(Conflict):
        job_retry(job=Job.objects.get(pk=again.pk), by=curator)


def test_two_imports_of_one_task_do_not_mix(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    job = confirmed(client)
    killed_at(monkeypatch, 4)
    with pytest.raises(Killed):
        run_job(job)
    monkeypatch.undo()
    make_small(monkeypatch)
    refused = by_api(client, {"all.json": {"t00000": task(K, K)}})
    assert refused.status_code == 409
    assert "being imported by somebody else" in refused.json()["error"]["message"]
    assert client.get(f"{API}/lab:t00000").status_code == 404
    made = send(
        client,
        "",
        {"raw_id": "t00000", "dataset": "lab", "train_examples": [{"input": G, "output": H}], "tests": [{"input": G}]},
    )
    assert made.status_code == 409


def _changes_waiting(client: Client) -> Job:
    """The job of an import of 150 tasks, of which 100 are here under another split."""
    put(*(parse_task(value, name) for name, value in many(100).items()), source=TaskSource.EVALUATION)
    found = preview(client, {"training.json": many(150)})
    run_jobs()
    state = client.get(f"{API}/imports/{found['import_id']}").json()["preview"]
    assert (state["counts"], state["moves"]) == ({"moved": 100, "new": 50}, 100)
    send(client, f"/imports/{found['import_id']}/confirm", {})
    return Job.objects.get(kind="import_write")


def _killed_among_the_changes(monkeypatch: pytest.MonkeyPatch, job: Job) -> None:
    inner, calls = writing._change, iter(range(100))

    def change(decisions: Any) -> None:
        if next(calls) == 3:
            raise Killed
        inner(decisions)

    monkeypatch.setattr(writing, "_change", change)
    with pytest.raises(Killed):
        run_job(job)
    monkeypatch.setattr(writing, "_change", inner)


REPORT = {"created": 50, "updated": 0, "moved": 100, "unchanged": 0}


def test_where_writers_wait_for_each_other_changes_come_in_small_transactions_and_are_counted_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "in_turns", lambda: True)
    job = _changes_waiting(client)
    _killed_among_the_changes(monkeypatch, job)
    assert ArcTask.objects.count() == 150, "the new ones came in one moment, with the first changes"
    assert 50 < ArcTask.objects.filter(task_source="training").count() < 150
    assert run_job(job).status == JobStatus.COMPLETED
    assert ArcTask.objects.filter(task_source="training").count() == 150
    assert TaskImport.objects.get().report == REPORT


def test_where_they_do_not_all_changes_and_all_new_tasks_are_seen_in_one_moment(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "in_turns", lambda: False)
    job = _changes_waiting(client)
    _killed_among_the_changes(monkeypatch, job)
    assert ArcTask.objects.filter(task_source="evaluation").count() == ArcTask.objects.count() == 100
    assert run_job(job).status == JobStatus.COMPLETED
    assert ArcTask.objects.filter(task_source="training").count() == 150
    assert TaskImport.objects.get().report == REPORT


def test_looking_for_what_changes_holds_nobody_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where writers wait for each other an upload is gone through before a transaction begins, not within it."""
    monkeypatch.setattr(writing, "in_turns", lambda: True)
    put(*(parse_task(value, name) for name, value in many(100).items()), source=TaskSource.EVALUATION)
    found = preview(client, {"training.json": many(150)})
    run_jobs()
    send(client, f"/imports/{found['import_id']}/confirm", {})
    held: list[bool] = []
    inner = plans.incomings

    def incomings(*args: Any) -> Iterator[Any]:
        for one in inner(*args):
            held.append(within[-1])
            yield one

    within = [False]
    turn = writing._Writing._turn

    @contextmanager
    def watched(self: Any) -> Iterator[Any]:
        with turn(self) as is_over:
            within.append(True)
            yield is_over
        within.append(False)

    monkeypatch.setattr("apps.tasks.services.imports.incomings", incomings)
    monkeypatch.setattr(writing._Writing, "_turn", watched)
    run_jobs()
    assert ArcTask.objects.filter(task_source="training").count() == 150
    assert len(held) > 150
    assert not any(held)
