"""What nothing refers to goes, after a while; what somebody refers to, or is about to, stays."""

from __future__ import annotations

import os
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import close_old_connections, connection, transaction
from django.db.utils import OperationalError
from django.utils import timezone

from apps.core import artefacts
from apps.core.artefacts import collecting
from apps.core.artefacts.collecting import Collected, _delete_rows
from apps.core.artefacts.verifying import artefacts_verify
from apps.core.errors import NotFound
from apps.core.models import Artefact, ArtefactPart
from apps.core.sql import in_seconds

LONG_AGO = timedelta(days=2)


@pytest.fixture(autouse=True)
def _own_root(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path


def kept(content: bytes) -> Artefact:
    return artefacts.artefact_record(stored=artefacts.artefact_store(source=[content]))


def age(*rows: Artefact) -> None:
    """Make the row and the file two days old."""
    for row in rows:
        Artefact.objects.filter(pk=row.pk).update(renewed_at=timezone.now() - LONG_AGO)
        age_file(row.pk)


def age_file(sha256: str) -> None:
    then = time.time() - LONG_AGO.total_seconds()
    os.utime(artefacts.store().path(sha256), (then, then))


def hold(folder: Artefact, file: Artefact) -> None:
    """A row that refers to `file`; the folder itself is new, so it stays."""
    ArtefactPart.objects.create(folder=folder, name=file.pk, file=file)


@pytest.mark.django_db
def test_what_nothing_refers_to_goes_with_its_file() -> None:
    row = kept(b"unwanted")
    age(row)
    assert artefacts.artefacts_collect() == Collected(rows=1, files=1, bytes=8)
    assert not Artefact.objects.exists()
    assert list(artefacts.store().files()) == []


@pytest.mark.django_db
def test_what_is_young_stays_and_the_setting_says_how_young(settings: Any) -> None:
    row = kept(b"just made")
    age(row)
    Artefact.objects.update(renewed_at=timezone.now() - timedelta(seconds=120))
    assert artefacts.artefacts_collect() == Collected()
    settings.CONFIG = settings.CONFIG.model_copy(update={"artefact_grace_seconds": 60.0})
    assert artefacts.artefacts_collect().rows == 1


@pytest.mark.django_db
def test_what_somebody_refers_to_stays_until_the_reference_goes() -> None:
    folder, file = kept(b"folder"), kept(b"file")
    hold(folder, file)
    age(file)
    assert artefacts.artefacts_collect() == Collected()
    ArtefactPart.objects.all().delete()
    assert artefacts.artefacts_collect().rows == 1
    assert list(Artefact.objects.values_list("pk", flat=True)) == [folder.pk]


@pytest.mark.django_db
def test_a_folder_takes_its_files_along_but_not_those_of_others(tmp_path: Path) -> None:
    for name, extra in (("one", b"1"), ("two", b"2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "shared").write_bytes(b"shared")
        (tmp_path / name / "own").write_bytes(extra)
    one, two = (artefacts.folder_record(stored=artefacts.folder_store(path=tmp_path / name)) for name in ("one", "two"))
    age(*Artefact.objects.exclude(pk=two.pk))
    assert artefacts.artefacts_collect().rows == 2
    assert not Artefact.objects.filter(pk=one.pk).exists()
    assert sorted(part.name for part in artefacts.folder_parts(two)) == ["own", "shared"]
    assert not [finding for finding in artefacts_verify() if finding.is_problem]


@pytest.mark.django_db
def test_a_file_whose_row_was_never_written_goes_when_it_is_old() -> None:
    stored = artefacts.artefact_store(source=[b"rolled back"])
    assert artefacts.artefacts_collect() == Collected()
    age_file(stored.sha256)
    assert artefacts.artefacts_collect() == Collected(files=1, bytes=11)


@pytest.mark.django_db
def test_what_a_killed_writer_left_goes_when_it_is_old() -> None:
    kept(b"something")
    draft = artefacts.store().root / "incoming" / "abc"
    draft.write_bytes(b"half")
    assert artefacts.artefacts_collect() == Collected()
    os.utime(draft, (0, 0))
    assert artefacts.artefacts_collect() == Collected(drafts=1)
    assert not draft.exists()


@pytest.mark.django_db
def test_a_file_put_again_between_the_end_of_its_row_and_its_own_stays() -> None:
    row = kept(b"again")
    age(row)
    cutoff = in_seconds(-3600)
    assert _delete_rows([row.pk], cutoff) == [row.pk]
    again = artefacts.artefact_store(source=[b"again"])
    assert artefacts.store().remove_if_old(row.pk, seconds=3600) is None
    artefacts.artefact_record(stored=again)
    assert artefacts.artefacts_collect() == Collected()


@pytest.mark.django_db
def test_a_collector_held_up_for_longer_than_its_patience_removes_no_file_that_is_needed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between the row's end and the file's an hour may pass: the computer slept, and somebody stored the same again."""
    row = kept(b"again")
    age(row)

    def sleep_meanwhile(chosen: list[str], cutoff: Any) -> list[str]:
        gone = _delete_rows(chosen, cutoff)
        if gone:
            artefacts.artefact_record(stored=artefacts.artefact_store(source=[b"again"]))
            age_file(row.pk)
        return gone

    monkeypatch.setattr(collecting, "_delete_rows", sleep_meanwhile)
    artefacts.artefacts_collect()
    assert artefacts.artefact_open(Artefact.objects.get()).read() == b"again"


@pytest.mark.django_db
def test_a_row_renewed_after_it_was_chosen_stays() -> None:
    row = kept(b"chosen")
    age(row)
    artefacts.artefact_renew(sha256=row.pk)
    assert _delete_rows([row.pk], in_seconds(-3600)) == []


@pytest.mark.django_db
def test_a_row_referred_to_after_it_was_chosen_stays() -> None:
    folder, file = kept(b"folder"), kept(b"file")
    age(file)
    hold(folder, file)
    assert _delete_rows([file.pk], in_seconds(-3600)) == []


@pytest.mark.django_db
def test_many_go_in_several_short_transactions_and_a_stop_ends_it_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.core.artefacts.collecting.BATCH", 4)
    age(*[kept(bytes([number])) for number in range(10)])
    asked: list[None] = []

    def stop() -> bool:
        asked.append(None)
        return len(asked) > 2

    assert artefacts.artefacts_collect(stop=stop).rows == 8
    assert artefacts.artefacts_collect().rows == 2


CONTENTS = [f"content {number}".encode() for number in range(4)]


def _refer(holder: str, content: bytes) -> str:
    """What an application does: store, then write down and refer in one transaction. Once more if it came too late."""
    while True:
        stored = artefacts.artefact_store(source=[content])
        try:
            with transaction.atomic():
                file = artefacts.artefact_record(stored=stored)
                ArtefactPart.objects.create(folder_id=holder, name=f"{threading.get_ident()}", file=file)
        except (NotFound, OperationalError):
            continue
        return file.pk


def test_collectors_and_writers_at_once_lose_nothing(shared_database: str) -> None:
    """Two collectors with almost no patience, three writers who use the same few contents: what is referred to is there."""
    holder = kept(b"holder").pk
    wrong: list[str] = []
    done = threading.Event()

    def collect() -> None:
        try:
            while not done.is_set():
                artefacts.artefacts_collect(grace_seconds=0.02)
                Artefact.objects.filter(pk=holder).update(renewed_at=timezone.now() + LONG_AGO)
        except Exception as error:
            wrong.append(f"collector: {error!r}")
        finally:
            connection.close()

    def write() -> None:
        try:
            for turn in range(25):
                sha256 = _refer(holder, CONTENTS[turn % len(CONTENTS)])
                time.sleep(0.03 * (turn % 3))
                row = Artefact.objects.filter(pk=sha256).first()
                if row is None or artefacts.artefact_open(row).read() not in CONTENTS:
                    wrong.append(f"{sha256} is gone while it is referred to")
                ArtefactPart.objects.filter(name=f"{threading.get_ident()}").delete()
                time.sleep(0.03 * (turn % 2))
        except Exception as error:
            wrong.append(f"writer: {error!r}")
        finally:
            connection.close()

    Artefact.objects.filter(pk=holder).update(renewed_at=timezone.now() + LONG_AGO)
    collectors = [threading.Thread(target=collect) for _ in range(2)]
    writers = [threading.Thread(target=write) for _ in range(3)]
    for thread in (*collectors, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in collectors:
        thread.join()
    close_old_connections()
    assert wrong == []
    assert not [finding for finding in artefacts_verify() if finding.what in {"missing", "damaged"}]
    Artefact.objects.filter(pk=holder).update(renewed_at=timezone.now() - LONG_AGO)
    for file in artefacts.store().files():
        age_file(file.sha256)
    artefacts.artefacts_collect(grace_seconds=0)
    assert not Artefact.objects.exists()
    assert list(artefacts.store().files()) == []


def test_a_writer_slower_than_the_grace_keeps_its_file(shared_database: str) -> None:
    """Its row is not committed yet, so nobody sees it: the collector waits for it instead of taking the file."""
    recorded, collected = threading.Event(), threading.Event()
    stored = artefacts.artefact_store(source=[b"slow"])

    def collect() -> None:
        recorded.wait()
        try:
            artefacts.artefacts_collect(grace_seconds=0)
        finally:
            connection.close()
            collected.set()

    collector = threading.Thread(target=collect)
    collector.start()
    holder = kept(b"holder").pk
    with transaction.atomic():
        file = artefacts.artefact_record(stored=stored)
        ArtefactPart.objects.create(folder_id=holder, name="slow", file=file)
        Artefact.objects.filter(pk=holder).update(renewed_at=timezone.now() + LONG_AGO)
        recorded.set()
        assert not collected.wait(0.3)
    collector.join()
    close_old_connections()
    assert artefacts.artefact_open(Artefact.objects.get(pk=stored.sha256)).read() == b"slow"
