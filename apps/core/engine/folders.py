"""A folder as one artefact: a manifest that lists its files by name, hash and size. A checkpoint is one.

The manifest is JSON in one canonical form, so that the same folder twice is the same artefact. Names are checked where
a manifest is made and where one is read, since whoever may store a file may store a manifest: nothing leads out of the
folder it is checked out into. Symbolic links are refused, never followed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.core.engine.artefacts import CHUNK, ArtefactError, BadDigest, Damaged, Digest, Store, Stored, digest

MEDIA_TYPE = "application/vnd.terrarium.folder+json"
MAX_FILES = 10_000
MAX_NAME_BYTES = 1024
_MAX_PART_BYTES = 255
_MAX_MANIFEST_BYTES = 16 * 1024 * 1024
_VERSION = 1


class UnsafeName(ArtefactError):
    """A name that does not stay inside its folder, or that no file system takes."""

    code = "unsafe_name"


class NotAFolder(ArtefactError):
    """The artefact is no manifest."""

    code = "not_a_folder"


@dataclass(frozen=True)
class Folder:
    """The files of a folder by their names, with `/` between the parts."""

    files: Mapping[str, Stored]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files.values())

    def as_json(self) -> bytes:
        """The manifest: always the same bytes for the same files."""
        files = {name: {"sha256": file.sha256, "size": file.size} for name, file in self.files.items()}
        whole = {"folder": _VERSION, "files": files}
        return json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def folder_of(files: Mapping[str, Stored]) -> Folder:
    """A folder of files that are stored already; `UnsafeName` says which name cannot be."""
    if not files:
        raise ArtefactError("A folder without files is not kept.")
    if len(files) > MAX_FILES:
        raise ArtefactError(f"{len(files):,} files are more than a folder may have ({MAX_FILES:,}).")
    for name in files:
        check_name(name)
    parents = {"/".join(parts[:end]) for parts in (name.split("/") for name in files) for end in range(1, len(parts))}
    both = sorted(parents & set(files))
    if both:
        raise UnsafeName(f"{both[0]!r} is the name of a file and of a folder.")
    return Folder(dict(sorted(files.items())))


def check_name(name: str) -> str:
    """The name, when it is a plain relative one; `UnsafeName` otherwise."""
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        raise UnsafeName(f"{name!r} is not valid text.") from None
    if not name or length > MAX_NAME_BYTES:
        raise UnsafeName(f"{name[:80]!r} is no name: 1 to {MAX_NAME_BYTES} bytes.")
    if any(ord(character) < 32 or ord(character) == 127 or character == "\\" for character in name):
        raise UnsafeName(f"{name[:80]!r} holds a backslash or a control character.")
    for part in name.split("/"):
        if part in {"", ".", ".."} or len(part.encode()) > _MAX_PART_BYTES:
            raise UnsafeName(f"{name[:80]!r} is not a plain relative name.")
    return name


def put_folder(store: Store, path: str | Path, *, limit: int | None = None) -> tuple[Stored, Folder]:
    """Keep every file below a folder, then the manifest, last: what it lists is there. `limit` bounds the whole.

    Files are opened by their folder's descriptor, so that whoever swaps a folder for a link meanwhile gains nothing.
    """
    files: dict[str, Stored] = {}
    left = limit
    for place, folders, names, descriptor in os.fwalk(path, follow_symlinks=False, onerror=_refuse):
        prefix = "" if place == os.fspath(path) else f"{os.path.relpath(place, path)}/"
        folders.sort()
        for name in (*folders, *sorted(names)):
            mode = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                what = "a symbolic link" if stat.S_ISLNK(mode) else "no ordinary file"
                raise UnsafeName(f"{prefix + name!r} is {what}: only files and folders are kept.")
        for name in sorted(names):
            whole_name = check_name(prefix + name)
            files[whole_name] = stored = store.put_file(name, limit=left, dir_fd=descriptor)
            left = None if left is None else left - stored.size
            if len(files) > MAX_FILES:
                raise ArtefactError(f"{path} has more files than a folder may have ({MAX_FILES:,}).")
    return put_manifest(store, files)


def _refuse(error: OSError) -> None:
    raise error


def put_manifest(store: Store, files: Mapping[str, Stored]) -> tuple[Stored, Folder]:
    """Keep the manifest of files that are stored already."""
    folder = folder_of(files)
    return store.put([folder.as_json()]), folder


def read_folder(store: Store, sha256: str) -> Folder:
    """What a manifest lists; `NotAFolder` when the artefact is something else, `Damaged` when it is not what it was."""
    with store.open(sha256) as file:
        text = file.read(_MAX_MANIFEST_BYTES + 1)
    if len(text) > _MAX_MANIFEST_BYTES:
        raise NotAFolder(f"{sha256} is too long to be the manifest of a folder.")
    try:
        whole = json.loads(text)
        if whole["folder"] != _VERSION:
            raise NotAFolder(f"{sha256} is a manifest of a form this version does not know.")
        files = {name: _entry(entry) for name, entry in whole["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, BadDigest):
        store.check(sha256)  # a damaged manifest says so
        raise NotAFolder(f"{sha256} is not the manifest of a folder.") from None
    return folder_of(files)


def _entry(entry: Any) -> Stored:
    size = entry["size"]
    if type(size) is not int or size < 0:
        raise ValueError(size)
    return Stored(digest(entry["sha256"]), size)


def check_out(store: Store, sha256: str, target: str | Path, *, linked: bool = False) -> Folder:
    """Make the folder at `target`, which must not exist yet; it appears whole or not at all.

    Each file is checked while it is copied. `linked` makes symbolic links into the store instead: at once and without
    space, unchecked, for readers that change nothing and end before the artefact may be collected.
    """
    folder, target = read_folder(store, sha256), Path(target)
    if target.exists() or target.is_symlink():
        raise ArtefactError(f"{target} is there already.")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name[:64]}-", dir=target.parent))
    try:
        for name, stored in folder.files.items():
            place = draft / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if linked:
                store.size(stored.sha256)
                place.symlink_to(store.path(stored.sha256).resolve())
            else:
                _copy(store, stored, place)
        draft.rename(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return folder


def _copy(store: Store, stored: Stored, place: Path) -> None:
    seen = hashlib.sha256()
    with store.open(stored.sha256) as source, place.open("xb") as copy:
        while piece := source.read(CHUNK):
            seen.update(piece)
            copy.write(piece)
    if Digest(seen.hexdigest()) != stored.sha256:
        raise Damaged(f"{stored.sha256} does not hold what its name says.")
