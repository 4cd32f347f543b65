"""What a checkpoint names is not collected while its job may go on from it, and is once it may not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import pytest
from django.utils import timezone

from apps.core.artefacts import artefact_store, artefacts_collect, folder_store, store
from apps.core.engine.artefacts import Stored
from apps.core.jobs import job_cancel, job_enqueue
from apps.core.jobs.lease import claim, speak
from apps.core.jobs.reports import Checkpoint, Said
from apps.core.jobs.settle import settle, settle_all
from apps.core.jobs.verdict import Verdict
from apps.core.models import Artefact, Job, JobEvent, User

pytestmark = pytest.mark.django_db(transaction=True)  # references are checked when a transaction ends


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.VAR_DIR = tmp_path / "var"
    return tmp_path


@pytest.fixture
def job(kind: Any, owner: User) -> Job:
    """A job that runs."""
    job_enqueue(kind=kind(), payload={}, owner=owner)
    return claimed()


def claimed() -> Job:
    [job] = claim(queue="cpu", worker="w1", host="here", lease_seconds=15)
    return job


def checkpoint(stored: Stored | None, step: int = 1) -> Said:
    return Said(Checkpoint(step=step, artefact=stored.sha256 if stored else None), timezone.now())


def kept() -> set[str]:
    """What is left after everything that nobody needs has gone."""
    for file in store().files():
        os.utime(store().path(file.sha256), (0, 0))
    Artefact.objects.update(renewed_at="2020-01-01T00:00:00Z")
    artefacts_collect()
    left: set[str] = {file.sha256 for file in store().files()}
    assert left == set(Artefact.objects.values_list("pk", flat=True))
    return left


def test_the_last_checkpoint_is_kept_and_those_before_it_may_go(job: Job) -> None:
    first, second = artefact_store(source=[b"one"]), artefact_store(source=[b"two"])
    speak(job.pk, job.attempt, [checkpoint(first)])
    assert kept() == {first.sha256}
    second = artefact_store(source=[b"two"])
    speak(job.pk, job.attempt, [checkpoint(second, 2)])
    assert kept() == {second.sha256}


def test_a_folder_is_kept_with_its_files(job: Job, folder: Path) -> None:
    (folder / "checkpoint").mkdir()
    for name in ("weights", "state"):
        (folder / "checkpoint" / name).write_text(name)
    speak(job.pk, job.attempt, [checkpoint(folder_store(path=folder / "checkpoint"))])
    assert len(kept()) == 3


@pytest.mark.parametrize("outcome", ["killed", "released", "lost"])
def test_it_is_kept_from_one_execution_to_the_next(job: Job, outcome: Literal["killed", "released", "lost"]) -> None:
    stored = artefact_store(source=[b"one"])
    settle(job.pk, job.attempt, Verdict(outcome, last_words=(checkpoint(stored),)))
    assert kept() == {stored.sha256}
    assert (claimed().checkpoint or {})["artefact"] == stored.sha256


def test_once_the_job_has_ended_nothing_keeps_it(job: Job, kind: Any, owner: User) -> None:
    said = [checkpoint(artefact_store(source=[b"one"]))]
    speak(job.pk, job.attempt, said)
    assert settle_all([(job.pk, job.attempt, Verdict("completed", result={}))]) == []
    assert kept() == set()
    ends: tuple[Literal["completed", "failed", "cancelled"], ...] = ("completed", "failed", "cancelled")
    for end in ends:
        job_enqueue(kind="chore", payload={}, owner=owner)
        other = claimed()
        speak(other.pk, other.attempt, [checkpoint(artefact_store(source=[end.encode()]))])
        settle(other.pk, other.attempt, Verdict(end))
        assert kept() == set(), end
    job_enqueue(kind="chore", payload={}, owner=owner)
    waits = claimed()
    settle(waits.pk, waits.attempt, Verdict("released", last_words=(checkpoint(artefact_store(source=[b"w"])),)))
    job_cancel(job=waits, by=owner)
    assert kept() == set()


def test_a_checkpoint_whose_file_is_not_there_says_so_and_the_job_goes_on(job: Job) -> None:
    speak(job.pk, job.attempt, [Said(Checkpoint(step=7, artefact="ab" * 32), timezone.now())])
    current = Job.objects.get(pk=job.pk)
    assert (current.status, current.checkpoint_artefact_id, (current.checkpoint or {})["step"]) == ("running", None, 7)
    line = JobEvent.objects.get(job=job, type="log").payload
    assert line["level"] == "ERROR"
    assert line["message"].startswith("The checkpoint at step 7 cannot be kept from being collected")
