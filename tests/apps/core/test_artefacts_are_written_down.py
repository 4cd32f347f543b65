"""A stored file gets its row in the transaction of whoever refers to it, and errors that say what to do."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.core import artefacts
from apps.core.engine.artefacts import Stored, digest
from apps.core.errors import Conflict, Invalid, NotFound, StorageFull, TooLarge
from apps.core.models import Artefact, ArtefactPart, Damage

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_root(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path


def test_a_stored_file_is_written_down_and_read(tmp_path: Path) -> None:
    stored = artefacts.artefact_store(source=io.BytesIO(b"a,b\n1,2\n"))
    artefact = artefacts.artefact_record(stored=stored, media_type="text/csv")
    assert (artefact.pk, artefact.size, artefact.media_type) == (stored.sha256, 8, "text/csv")
    with artefacts.artefact_open(artefacts.artefact_get(stored.sha256)) as file:
        assert file.read() == b"a,b\n1,2\n"
    assert (tmp_path / "artefacts").is_dir()


def test_the_same_content_is_one_row_that_keeps_its_first_type() -> None:
    for media_type in ("text/plain", "text/csv"):
        artefact = artefacts.artefact_record(stored=artefacts.artefact_store(source=[b"x"]), media_type=media_type)
    assert artefact.media_type == "text/plain"
    assert Artefact.objects.count() == 1


def test_the_row_goes_with_the_transaction() -> None:
    stored = artefacts.artefact_store(source=[b"undone"])
    with transaction.atomic():
        artefacts.artefact_record(stored=stored)
        transaction.set_rollback(True)
    assert not Artefact.objects.exists()
    assert artefacts.store().size(stored.sha256) == 6


def test_a_folder_is_written_down_with_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    (folder / "deep").mkdir(parents=True)
    (folder / "model").write_bytes(b"weights")
    (folder / "deep" / "copy").write_bytes(b"weights")
    (folder / "state").write_bytes(b"state")
    stored = artefacts.folder_store(path=folder)
    for _ in range(2):
        artefact = artefacts.folder_record(stored=stored)
    parts = [(part.name, part.file.size) for part in artefacts.folder_parts(artefact)]
    assert parts == [("deep/copy", 7), ("model", 7), ("state", 5)]
    assert Artefact.objects.count() == 3


def test_a_folder_of_many_files_takes_a_bounded_number_of_statements(tmp_path: Path) -> None:
    for number in range(150):
        (tmp_path / "many").mkdir(exist_ok=True)
        (tmp_path / "many" / f"{number}").write_bytes(str(number).encode())
    stored = artefacts.folder_store(path=tmp_path / "many")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        artefacts.folder_record(stored=stored)
    assert len(asked) <= 12
    assert ArtefactPart.objects.count() == 150


def test_a_file_that_is_not_there_is_not_written_down() -> None:
    with pytest.raises(NotFound, match="not kept here"):
        artefacts.artefact_record(stored=Stored(digest("0" * 64), 1))
    assert not Artefact.objects.exists()


def test_a_size_that_is_not_true_is_not_written_down() -> None:
    stored = artefacts.artefact_store(source=[b"four"])
    with pytest.raises(Conflict, match="4 bytes, not 5"):
        artefacts.artefact_record(stored=Stored(stored.sha256, 5))
    assert not Artefact.objects.exists()


@pytest.mark.parametrize(
    "media_type", ["", "text", "text/html\r\nSet-Cookie: a=b", "Text/HTML", "text/plain; charset=x", "a/" + "b" * 70]
)
def test_only_a_media_type_is_taken_for_one(media_type: str) -> None:
    with pytest.raises(Invalid) as refused:
        artefacts.artefact_record(stored=artefacts.artefact_store(source=[b"x"]), media_type=media_type)
    assert refused.value.field == "media_type"


def test_an_artefact_can_be_renewed_by_its_hash_while_it_is_there() -> None:
    artefact = artefacts.artefact_record(stored=artefacts.artefact_store(source=[b"again"]))
    assert artefacts.artefact_renew(sha256=artefact.pk).renewed_at >= artefact.renewed_at
    artefacts.store().path(artefact.pk).unlink()
    for sha256 in (artefact.pk, "0" * 64, "../../x"):
        with pytest.raises(NotFound):
            artefacts.artefact_renew(sha256=sha256)


def test_storing_it_again_clears_what_was_found_wrong() -> None:
    artefact = artefacts.artefact_record(stored=artefacts.artefact_store(source=[b"lost"]))
    Artefact.objects.update(damage=Damage.MISSING)
    artefacts.artefact_record(stored=artefacts.artefact_store(source=[b"lost"]))
    artefact.refresh_from_db()
    assert artefact.damage == Damage.NONE


def test_refusals_speak_the_language_of_the_application() -> None:
    with pytest.raises(TooLarge):
        artefacts.artefact_store(source=[b"12345"], limit=4)
    with pytest.raises(StorageFull) as refused:
        artefacts.artefact_store(source=[], expected=2**62)
    assert (refused.value.code, refused.value.status) == ("STORAGE_FULL", 507)


@pytest.mark.parametrize("wrong", [{"pk": "short"}, {"size": -1}, {"damage": "odd"}])
def test_the_database_refuses_what_is_no_artefact(wrong: dict[str, Any]) -> None:
    artefacts.artefact_record(stored=artefacts.artefact_store(source=[b"right"]))
    row = Artefact.objects.get()
    for name, value in wrong.items():
        setattr(row, name, value)
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert="pk" in wrong)


def test_a_file_of_a_folder_cannot_be_deleted_under_it(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "file").write_bytes(b"part")
    artefacts.folder_record(stored=artefacts.folder_store(path=tmp_path / "one"))
    file = ArtefactPart.objects.get().file
    with pytest.raises(IntegrityError):
        file.delete()
