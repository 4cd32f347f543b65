"""Files addressed by their content, in one folder, written so that each is there whole or not at all.

    <root>/ab/abcdef...   a file, named by the SHA-256 of what is in it, never changed once it is there
    <root>/incoming/      what is being written, each file locked by its writer
    <root>/lock           held in common by whoever makes a file or puts it in place, alone by whoever removes one

A path is made of a checked digest and of nothing else, so that no name anybody sends can lead out of the root. Plain
Python: a job's process that knows no database puts files in here, and its worker writes them down.

Who removes files must not meet one who is about to refer to them. So each put, and each `renew`, makes a file new, and
`remove_if_old` looks at its age and removes it under the lock: what was put a moment ago stays, whatever the remover
had seen before.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NewType, Protocol

CHUNK = 1024 * 1024
Digest = NewType("Digest", str)
"""A SHA-256 in 64 small hexadecimal digits, checked."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SHARD = re.compile(r"[0-9a-f]{2}")
_INCOMING, _LOCK = "incoming", "lock"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class ArtefactError(Exception):
    """Something about a file; `code` is the same word everywhere."""

    code = "artefact_error"


class BadDigest(ArtefactError):
    """What was given is no SHA-256."""

    code = "bad_digest"


class NoSuchFile(ArtefactError):
    """Nothing with that content is kept."""

    code = "no_such_artefact"


class NoRoom(ArtefactError):
    """The disk is full, or the quota used up. Nothing of the file was kept."""

    code = "storage_full"


class CannotWrite(ArtefactError):
    """The folder may not be written."""

    code = "storage_read_only"


class TooMuch(ArtefactError):
    """More bytes than were allowed. Nothing of the file was kept."""

    code = "too_large"


class Damaged(ArtefactError):
    """What is in the file is not what its name says."""

    code = "damaged"


class Readable(Protocol):
    """Whatever can be read piece by piece."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


@dataclass(frozen=True)
class Stored:
    """A file that is in the store: its content's SHA-256 and its length."""

    sha256: Digest
    size: int


@dataclass(frozen=True)
class Kept:
    """A file found in the store, and when it was last put or renewed (seconds since 1970)."""

    sha256: Digest
    size: int
    renewed_at: float


def digest(text: str) -> Digest:
    """The text as a digest, or `BadDigest`."""
    if not isinstance(text, str) or _DIGEST.fullmatch(text) is None:
        raise BadDigest(f"{str(text)[:80]!r} is not a SHA-256: 64 digits, 0 to 9 and a to f.")
    return Digest(text)


class Store:
    """The files below one root. Any number of processes may use it at once, on several hosts where they share the folder."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    # --- writing ----------------------------------------------------------------------------------------------------

    def put(self, source: Readable | Iterable[bytes], *, limit: int | None = None, expected: int = 0) -> Stored:
        """Keep what `source` yields. The same content twice is one file.

        `TooMuch` when there is more than `limit`; `NoRoom` when it does not fit, at once where `expected` says how
        much will come. Memory stays flat: one piece at a time.
        """
        with self._worded():
            self._prepare(expected)
            draft = self.root / _INCOMING / secrets.token_hex(16)
            with self._locked(fcntl.LOCK_SH):
                descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
                fcntl.flock(descriptor, fcntl.LOCK_EX)  # as long as it is open: its writer lives
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                stored = self._write(file, source, limit)
                with self._worded():
                    os.fchmod(file.fileno(), 0o440)
                    os.fsync(file.fileno())
                    self._place(draft, stored.sha256)
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
        return stored

    def put_file(self, path: str | Path, *, limit: int | None = None, dir_fd: int | None = None) -> Stored:
        """Keep a copy of a file; a link is not followed."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=dir_fd)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise ArtefactError(f"{path} is a symbolic link: links are not followed.") from None
            raise
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            os.close(descriptor)
            raise ArtefactError(f"{path} is no ordinary file.")
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            return self.put(file, limit=limit, expected=found.st_size)

    def _write(self, file: BinaryIO, source: Readable | Iterable[bytes], limit: int | None) -> Stored:
        seen = hashlib.sha256()
        size = 0
        for piece in _pieces(source):
            size += len(piece)
            if limit is not None and size > limit:
                raise TooMuch(f"More than {limit:,} bytes are not taken.")
            seen.update(piece)
            rest = memoryview(piece)
            with self._worded():
                while rest:
                    rest = rest[file.write(rest) :]
        return Stored(Digest(seen.hexdigest()), size)

    def _place(self, draft: Path, sha256: Digest) -> None:
        """The one moment at which the file begins to be there. It replaces an equal one: that mends a damaged file."""
        target = self.path(sha256)
        with self._locked(fcntl.LOCK_SH):
            if not target.parent.is_dir():
                target.parent.mkdir(exist_ok=True)
                _sync_folder(self.root)
            os.utime(draft)
            os.rename(draft, target)
            _sync_folder(target.parent)

    def _prepare(self, expected: int) -> None:
        (self.root / _INCOMING).mkdir(parents=True, exist_ok=True)
        room = os.statvfs(self.root)
        free = room.f_bavail * room.f_frsize
        if expected > free:
            raise NoRoom(f"{expected:,} bytes do not fit into {self.root}: {free:,} are free. Make room there.")

    @contextlib.contextmanager
    def _worded(self) -> Iterator[None]:
        """What the disk refuses, in words that say where."""
        try:
            yield
        except OSError as error:
            if error.errno in _NO_ROOM:
                text = f"No room is left in {self.root} ({error.strerror}). Nothing was kept. Make room there."
                raise NoRoom(text) from error
            if error.errno in _READ_ONLY:
                raise CannotWrite(f"{self.root} cannot be written ({error.strerror}).") from error
            raise

    # --- reading ----------------------------------------------------------------------------------------------------

    def path(self, sha256: str) -> Path:
        """Where the content is, or would be."""
        name = digest(sha256)
        return self.root / name[:2] / name

    def open(self, sha256: str) -> BinaryIO:
        """The content, to be read; it stays readable when the file is removed meanwhile."""
        try:
            descriptor = os.open(self.path(sha256), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ELOOP, errno.ENOTDIR}:
                raise NoSuchFile(f"{sha256} is not kept here.") from None
            raise
        return os.fdopen(descriptor, "rb")

    def size(self, sha256: str) -> int:
        """The file's length, or `NoSuchFile`."""
        return self._look(digest(sha256)).st_size

    def check(self, sha256: str, *, size: int | None = None) -> None:
        """Read it whole; `Damaged` when it is not what its name says, `NoSuchFile` when it is not there."""
        seen = hashlib.sha256()
        length = 0
        with self.open(sha256) as file:
            while piece := file.read(CHUNK):
                seen.update(piece)
                length += len(piece)
        if size is not None and length != size:
            raise Damaged(f"{sha256} has {length:,} bytes, it should have {size:,}.")
        if seen.hexdigest() != sha256:
            raise Damaged(f"{sha256} does not hold what its name says.")

    def _look(self, sha256: Digest) -> os.stat_result:
        try:
            found = os.lstat(self.path(sha256))
        except (FileNotFoundError, NotADirectoryError):
            found = None
        if found is None or not stat.S_ISREG(found.st_mode):
            raise NoSuchFile(f"{sha256} is not kept here.")
        return found

    # --- keeping and removing ---------------------------------------------------------------------------------------

    def renew(self, sha256: str) -> int:
        """Make a file as new as one just put, for who is about to refer to it. Returns its size, or `NoSuchFile`."""
        name = digest(sha256)
        with self._locked(fcntl.LOCK_SH):
            size = self._look(name).st_size
            os.utime(self.path(name))
        return size

    def remove_if_old(self, sha256: str, *, seconds: float) -> int | None:
        """Remove a file nobody put or renewed for so long. Returns the bytes that became free, or None if it stays."""
        name = digest(sha256)
        with self._locked(fcntl.LOCK_EX):
            try:
                found = self._look(name)
            except NoSuchFile:
                return None
            if self.now() - found.st_mtime < seconds:
                return None
            self.path(name).unlink(missing_ok=True)
        return found.st_size

    def files(self) -> Iterator[Kept]:
        """Every file of the store, shard by shard, in no order within; what is removed meanwhile is passed over."""
        for shard in self._shards():
            with os.scandir(shard.path) as entries:
                for entry in entries:
                    if self._belongs(shard.name, entry):
                        with contextlib.suppress(FileNotFoundError):
                            found = entry.stat(follow_symlinks=False)
                            yield Kept(Digest(entry.name), found.st_size, found.st_mtime)

    def strangers(self) -> Iterator[Path]:
        """What is in the store's folder and is none of its files."""
        if not self.root.is_dir():
            return
        with os.scandir(self.root) as entries:
            for entry in entries:
                if entry.name not in {_INCOMING, _LOCK} and not _is_shard(entry):
                    yield Path(entry.path)
        for shard in self._shards():
            with os.scandir(shard.path) as entries:
                yield from (Path(entry.path) for entry in entries if not self._belongs(shard.name, entry))

    def drafts(self, *, seconds: float) -> list[Path]:
        """What was being written, untouched for so long, by a writer who is gone."""
        with contextlib.suppress(FileNotFoundError):
            return [path for path in (self.root / _INCOMING).iterdir() if self._is_left(path, seconds)]
        return []

    def remove_draft(self, path: Path, *, seconds: float) -> bool:
        """Remove one of them, unless it turns out to be in use."""
        with self._locked(fcntl.LOCK_EX):
            left = self._is_left(path, seconds)
            if left:
                path.unlink()
        return left

    def _is_left(self, path: Path, seconds: float) -> bool:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            if self.now() - os.fstat(descriptor).st_mtime < seconds:
                return False
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    def now(self) -> float:
        """The time by the clock that also dates the files, which is another's where the folder is shared."""
        lock = self.root / _LOCK
        lock.touch()
        return lock.stat().st_mtime

    def _shards(self) -> Iterator[os.DirEntry[str]]:
        if self.root.is_dir():
            with os.scandir(self.root) as entries:
                yield from sorted((entry for entry in entries if _is_shard(entry)), key=lambda entry: entry.name)

    @staticmethod
    def _belongs(shard: str, entry: os.DirEntry[str]) -> bool:
        name = entry.name
        return name.startswith(shard) and _DIGEST.fullmatch(name) is not None and entry.is_file(follow_symlinks=False)

    @contextlib.contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o660)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)


def _pieces(source: Readable | Iterable[bytes]) -> Iterator[bytes]:
    if hasattr(source, "read"):
        while piece := source.read(CHUNK):
            yield piece
    else:
        yield from source


def _is_shard(entry: os.DirEntry[str]) -> bool:
    return _SHARD.fullmatch(entry.name) is not None and entry.is_dir(follow_symlinks=False)


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
