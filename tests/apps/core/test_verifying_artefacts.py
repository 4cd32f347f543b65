"""`manage.py verify_artefacts` finds what is missing, damaged and left over, and repairs what is safe to repair."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.core import artefacts
from apps.core.models import Artefact, Damage, SystemEvent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_root(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path


def kept(content: bytes) -> Artefact:
    return artefacts.artefact_record(stored=artefacts.artefact_store(source=[content]))


def place(sha256: str) -> Path:
    path = artefacts.store().path(sha256)
    path.chmod(0o600)
    return path


def verify(*options: str) -> tuple[str, bool]:
    """What the command says, and whether it is content."""
    said = io.StringIO()
    try:
        call_command("verify_artefacts", *options, stdout=said)
    except CommandError as error:
        return said.getvalue() + str(error), False
    return said.getvalue(), True


def orphan(content: bytes, *, old: bool) -> str:
    sha256 = artefacts.artefact_store(source=[content]).sha256
    if old:
        os.utime(artefacts.store().path(sha256), (0, 0))
    return sha256


def test_all_is_well_when_it_is() -> None:
    row = kept(b"fine")
    said, content = verify()
    assert content
    assert "1 artefact: all well." in said
    row.refresh_from_db()
    assert row.checked_at is not None
    assert row.damage == Damage.NONE


@pytest.mark.parametrize("options", [(), ("--quick",)])
def test_a_missing_and_a_cut_file_are_found_noted_and_told(options: tuple[str, ...]) -> None:
    missing, cut, fine = kept(b"missing"), kept(b"cut short"), kept(b"fine")
    place(missing.pk).unlink()
    place(cut.pk).write_bytes(b"cut")
    said, content = verify(*options)
    assert not content
    assert f"missing   {missing.pk}" in said
    assert f"damaged   {cut.pk} has 3 bytes, it should have 9" in said
    assert fine.pk not in said
    assert "2 need attention" in said
    assert dict(Artefact.objects.values_list("pk", "damage")) == {missing.pk: "missing", cut.pk: "damaged", fine.pk: ""}
    assert SystemEvent.objects.filter(event_type="artefact_damaged").count() == 2


def test_a_flipped_bit_is_found_by_reading_and_not_forgotten_by_a_quick_look() -> None:
    row = kept(b"precious")
    place(row.pk).write_bytes(b"prec1ous")
    assert verify("--quick")[1]
    assert not verify()[1]
    assert verify("--quick")[1]
    row.refresh_from_db()
    assert row.damage == Damage.DAMAGED
    place(row.pk).write_bytes(b"precious")
    assert verify()[1]
    row.refresh_from_db()
    assert row.damage == Damage.NONE


def test_the_same_damage_found_twice_is_one_event() -> None:
    place(kept(b"lost").pk).unlink()
    verify()
    verify()
    assert (SystemEvent.objects.get().context or {})["count"] == 2


def test_files_without_a_row_are_told_and_removed_only_on_request_and_only_when_old() -> None:
    old, young = orphan(b"old", old=True), orphan(b"young", old=False)
    said, content = verify()
    assert not content
    assert f"orphaned  {old} has no row." in said
    assert f"recent    {young} has no row yet." in said
    said, content = verify("--repair")
    assert content
    assert f"orphaned  {old} has no row: removed." in said
    assert [file.sha256 for file in artefacts.store().files()] == [young]


def test_unfinished_writes_are_told_and_removed_on_request() -> None:
    kept(b"fine")
    draft = artefacts.store().root / "incoming" / "0a1b"
    draft.write_bytes(b"half")
    os.utime(draft, (0, 0))
    assert "was never finished." in verify()[0]
    assert verify("--repair")[1]
    assert not draft.exists()


def test_what_is_no_artefact_is_told_and_never_touched() -> None:
    kept(b"fine")
    note = artefacts.store().root / "README"
    note.write_text("mine")
    said, content = verify("--repair")
    assert not content
    assert f"{note} is no artefact" in said
    assert note.read_text() == "mine"


def test_nothing_is_removed_that_has_a_row() -> None:
    row = kept(b"held")
    os.utime(artefacts.store().path(row.pk), (0, 0))
    assert verify("--repair")[1]
    assert artefacts.store().size(row.pk) == 4
