"""A folder is kept as a manifest: the same folder is the same artefact, and no name leads out of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.core.engine.artefacts import ArtefactError, Damaged, NoSuchFile, Store, Stored, TooMuch, digest
from apps.core.engine.folders import (
    MAX_FILES,
    NotAFolder,
    UnsafeName,
    check_name,
    check_out,
    put_folder,
    put_manifest,
    read_folder,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    (folder / "optimizer" / "deep").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights" * 1000)
    (folder / "optimizer" / "state.pt").write_bytes(b"moments")
    (folder / "optimizer" / "deep" / "größe.json").write_bytes(b"{}")
    (folder / "empty").write_bytes(b"")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("linked", [False, True])
def test_a_folder_comes_out_as_it_went_in(store: Store, checkpoint: Path, tmp_path: Path, linked: bool) -> None:
    stored, folder = put_folder(store, checkpoint)
    assert folder.size == sum(map(len, contents(checkpoint).values()))
    assert read_folder(store, stored.sha256) == folder
    check_out(store, stored.sha256, tmp_path / "again", linked=linked)
    assert contents(tmp_path / "again") == contents(checkpoint)
    assert (tmp_path / "again" / "empty").is_symlink() is linked
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_the_same_folder_is_the_same_artefact(store: Store, checkpoint: Path, tmp_path: Path) -> None:
    first, folder = put_folder(store, checkpoint)
    check_out(store, first.sha256, tmp_path / "copy")
    assert put_folder(store, tmp_path / "copy")[0] == first
    assert put_manifest(store, dict(reversed(list(folder.files.items()))))[0] == first


def test_the_limit_holds_for_the_whole_folder(store: Store, checkpoint: Path) -> None:
    with pytest.raises(TooMuch):
        put_folder(store, checkpoint, limit=7001)
    assert put_folder(store, checkpoint, limit=7009)


@pytest.mark.parametrize("what", ["file", "folder", "dangling", "pipe"])
def test_links_and_pipes_in_a_folder_are_refused_by_name(store: Store, checkpoint: Path, what: str) -> None:
    outside = checkpoint.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    place = checkpoint / "optimizer" / "trick"
    if what == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to({"file": outside / "secret", "folder": outside, "dangling": outside / "none"}[what])
    with pytest.raises(UnsafeName, match="optimizer/trick"):
        put_folder(store, checkpoint)
    assert not any(store.path(file.sha256).read_bytes() == b"secret" for file in store.files())


BAD_NAMES = [
    "", ".", "..", "/etc/passwd", "../up", "a/../b", "a//b", "a/", "a\\b", "a\x00b", "a\nb", "x" * 256, "a/" * 512 + "b",
    "\ud800", "./a", "a/.",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(UnsafeName):
        check_name(name)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_manifest_made_by_somebody_else_cannot_write_outside(store: Store, tmp_path: Path, name: str) -> None:
    file = store.put([b"planted"])
    text = json.dumps({"folder": 1, "files": {name: {"sha256": file.sha256, "size": file.size}}})
    manifest = store.put([text.encode()])
    with pytest.raises(ArtefactError):
        check_out(store, manifest.sha256, tmp_path / "out" / "here")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "name", ["a", "model-00001-of-00002.safetensors", "deep/er/still", "größe", "..a", "a..", "~", "-rf"]
)
def test_plain_names_are_taken(name: str) -> None:
    assert check_name(name) == name


def test_a_name_cannot_be_a_file_and_a_folder(store: Store) -> None:
    file = store.put([b"x"])
    with pytest.raises(UnsafeName, match="'a/b'"):
        put_manifest(store, {"a/b": file, "a/b/c": file})


def test_an_empty_folder_and_one_with_too_many_files_are_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(ArtefactError, match="without files"):
        put_folder(store, tmp_path / "none")
    file = Stored(digest("0" * 64), 1)
    with pytest.raises(ArtefactError, match="10,001 files"):
        put_manifest(store, {str(number): file for number in range(MAX_FILES + 1)})


def _damage(entry: Callable[[dict[str, Any]], Any]) -> bytes:
    whole: dict[str, Any] = {"folder": 1, "files": {"a": {"sha256": "0" * 64, "size": 1}}}
    changed = entry(whole)
    return json.dumps(whole if changed is None else changed).encode()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        _damage(lambda whole: whole.update(folder=2)),
        _damage(lambda whole: whole.update(files=[])),
        _damage(lambda whole: whole["files"]["a"].update(size=-1)),
        _damage(lambda whole: whole["files"]["a"].update(size=True)),
        _damage(lambda whole: whole["files"]["a"].update(size="1")),
        _damage(lambda whole: whole["files"]["a"].update(sha256="../x")),
        _damage(lambda whole: whole["files"]["a"].pop("sha256")),
        b" " * (16 * 1024 * 1024 + 1),
    ],
    ids=range(13),
)
def test_what_is_no_manifest_is_said_to_be_none(store: Store, text: bytes) -> None:
    with pytest.raises(NotAFolder):
        read_folder(store, store.put([text]).sha256)


def test_a_damaged_file_is_not_checked_out(store: Store, checkpoint: Path, tmp_path: Path) -> None:
    stored, folder = put_folder(store, checkpoint)
    place = store.path(folder.files["model.safetensors"].sha256)
    place.chmod(0o600)
    place.write_bytes(b"weightz" * 1000)
    with pytest.raises(Damaged):
        check_out(store, stored.sha256, tmp_path / "again")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "store"]


def test_a_missing_file_is_not_checked_out_as_a_link_either(store: Store, checkpoint: Path, tmp_path: Path) -> None:
    stored, folder = put_folder(store, checkpoint)
    store.path(folder.files["empty"].sha256).unlink()
    with pytest.raises(NoSuchFile):
        check_out(store, stored.sha256, tmp_path / "again", linked=True)
    assert not (tmp_path / "again").exists()


def test_nothing_that_is_there_is_overwritten(store: Store, checkpoint: Path) -> None:
    stored, _ = put_folder(store, checkpoint)
    with pytest.raises(ArtefactError, match="there already"):
        check_out(store, stored.sha256, checkpoint)
