"""From what was sent to the texts in it: files, and files within zip, tar, gzip, bzip2 and xz, within each other.

Nothing is unpacked to a name, so a name in an archive is only a name. Bytes are counted as they come out: what an
archive claims about sizes is not believed.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

_BROKEN = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    KeyError,
)
"""What the libraries raise for archives that are damaged, or were made to harm."""

_SNIFFED = 512
_COPIED = 2**18
_DEEPEST = 3
_SUFFIXES = (".gz", ".gzip", ".bz2", ".xz")
_FOREIGN = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a", b"\x28\xb5\x2f\xfd")
"""How files of 7-Zip, RAR and Zstandard begin."""

_LINK = "a link, not a file"
HIDDEN = "hidden files and those of an operating system"


class TooMuch(ValueError):
    """More than one upload may hold."""


class Damaged(ValueError):
    """A file that cannot be read to its end."""


class Readable(Protocol):
    """Something to read bytes from."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, none at the end."""
        ...


@dataclass(frozen=True)
class Source:
    """A file that was sent. `name` may hold folders; `open` gives a stream that can seek."""

    name: str
    open: Callable[[], IO[bytes]]


@dataclass(frozen=True)
class Path:
    """Where a text stood: the folders and archives around it from outside in, and its name."""

    folders: tuple[str, ...]
    name: str

    def shown(self) -> str:
        """For people: printable, the end of it when long. Never an identity."""
        text = "/".join((*self.folders, self.name))
        text = "".join(character if character.isprintable() else "�" for character in text)
        return text if len(text) <= 160 else f"…{text[-159:]}"


@dataclass
class Allowance:
    """What is left of what one upload may hold."""

    bytes_left: int
    files_left: int
    bytes_in_all: int = field(init=False)
    files_in_all: int = field(init=False)

    def __post_init__(self) -> None:
        self.bytes_in_all, self.files_in_all = self.bytes_left, self.files_left

    @property
    def spent(self) -> int:
        """Bytes that came out so far."""
        return self.bytes_in_all - self.bytes_left

    def spend(self, count: int) -> None:
        """So many bytes more came out."""
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise TooMuch(f"More than {self.bytes_in_all / 1e6:,.0f} MB when unpacked. Import it in parts.")

    def file(self) -> None:
        """One file more was found."""
        self.files_left -= 1
        if self.files_left < 0:
            raise TooMuch(f"More than {self.files_in_all:,} files. Import them in parts.")


class _Counted:
    """A stream whose bytes are counted and whose beginning can be looked at."""

    def __init__(self, stream: Readable, allowance: Allowance, whole: IO[bytes] | None = None) -> None:
        self._stream, self._allowance = stream, allowance
        self.whole = whole
        """The same as a file that can seek, where it is one."""
        self._ahead = b""

    def peek(self, size: int) -> bytes:
        """The next bytes, which stay to be read."""
        while len(self._ahead) < size and (more := self._draw(size - len(self._ahead))):
            self._ahead += more
        return self._ahead[:size]

    def read(self, size: int = _COPIED, /) -> bytes:
        """The next bytes, none at the end."""
        if self._ahead:
            found, self._ahead = self._ahead[:size], self._ahead[size:]
            return found
        return self._draw(size)

    def _draw(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except _BROKEN:
            raise Damaged("it is damaged, or was not packed to its end") from None
        self._allowance.spend(len(data))
        return data


@dataclass(frozen=True)
class Text:
    """A text that may hold tasks: its place, its first bytes, and the whole as a stream."""

    path: Path
    head: bytes
    stream: Readable


@dataclass(frozen=True)
class Refused:
    """Something that was not looked into, and why. `harmless`: there can be no task in it."""

    path: Path
    why: str
    harmless: bool = False


def texts(source: Source, allowance: Allowance) -> Iterator[Text | Refused]:
    """Everything in a file that was sent; each text must be read before the next is asked for."""
    with closing(source.open()) as stream:
        yield from _within(_path((), source.name), _Counted(stream, allowance, stream), allowance, 0)


def _path(folders: tuple[str, ...], name: str) -> Path:
    """A name with folders in it, whatever system wrote it; steps upwards and roots mean nothing here."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    if len(parts) > 1 and len(parts[0]) == 2 and parts[0][1] == ":":
        parts = parts[1:]
    return Path((*folders, *parts[:-1]), parts[-1] if parts else "file")


def _is_hidden(path: Path) -> bool:
    """Whether a file among others is no business of anybody's; one that somebody sent by itself is meant."""
    parts = (*path.folders, path.name)
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return bool(path.folders) and (hidden or path.name.lower() in ("thumbs.db", "desktop.ini"))


def _within(path: Path, stream: _Counted, allowance: Allowance, depth: int) -> Iterator[Text | Refused]:
    if _is_hidden(path):
        allowance.file()
        yield Refused(path, HIDDEN, harmless=True)
        return
    try:
        head = stream.peek(_SNIFFED)
    except Damaged as error:
        allowance.file()
        yield Refused(path, str(error))
        return
    opened = _opener(path, head)
    if head.startswith(_FOREIGN):
        allowance.file()
        yield Refused(path, "an archive of a kind that is not read here; pack it as zip or tar.gz")
    elif opened is None:
        allowance.file()
        yield Text(path, head, stream)
    elif depth >= _DEEPEST:
        yield Refused(path, f"archives within archives, more than {_DEEPEST} deep; unpack it")
    else:
        yield from opened(path, stream, allowance, depth + 1)


_Opener = Callable[[Path, _Counted, Allowance, int], Iterator[Text | Refused]]


def _opener(path: Path, head: bytes) -> _Opener | None:
    """What unpacks a file that begins like this; None for what is no archive."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _zip
    if head.startswith(b"\x1f\x8b"):
        return _packed(lambda stream: gzip.GzipFile(fileobj=stream))
    if head.startswith(b"BZh") and head[4:10] == b"1AY&SY":
        return _packed(bz2.BZ2File)
    if head.startswith(b"\xfd7zXZ\x00"):
        return _packed(lzma.LZMAFile)
    if head[257:262] == b"ustar" or (path.name.lower().endswith(".tar") and len(head) == _SNIFFED):
        return _tar
    return None


def _packed(unpack: Callable[[Any], Any]) -> _Opener:
    """One file behind a compression: a text, or a tar."""

    def opened(path: Path, stream: _Counted, allowance: Allowance, depth: int) -> Iterator[Text | Refused]:
        name = path.name
        if name.lower().endswith(".tgz"):
            name = f"{name[:-4]}.tar"
        name = name[: -len(ending)] if (ending := _ending(name)) else name
        inner, unpacked = _Counted(unpack(stream), allowance), Path(path.folders, name or "file")
        with suppress(Damaged):  # said by whoever reads on
            if _opener(unpacked, inner.peek(_SNIFFED)) is _tar:
                yield from _tar(path, inner, allowance, depth)
                return
        yield from _within(unpacked, inner, allowance, depth)

    return opened


def _ending(name: str) -> str:
    return next((suffix for suffix in _SUFFIXES if name.lower().endswith(suffix)), "")


def _tar(path: Path, stream: _Counted, allowance: Allowance, depth: int) -> Iterator[Text | Refused]:
    folders = (*path.folders, path.name)
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]  # anything that reads
            for member in archive:
                if member.isdir():
                    continue
                inside = _path(folders, member.name)
                data = archive.extractfile(member) if member.isreg() else None
                if data is None:
                    allowance.file()
                    yield Refused(inside, _LINK, harmless=True)
                else:
                    yield from _within(inside, _Counted(data, allowance), allowance, depth)
    except TooMuch:
        raise
    except (Damaged, *_BROKEN):
        allowance.file()
        yield Refused(path, "the archive is damaged or ends too early; what stands behind that place cannot be read")


def _zip(path: Path, stream: _Counted, allowance: Allowance, depth: int) -> Iterator[Text | Refused]:
    with tempfile.SpooledTemporaryFile(max_size=2**23) as copy:
        try:
            while stream.whole is None and (data := stream.read(_COPIED)):
                copy.write(data)
            with zipfile.ZipFile(stream.whole or copy) as archive:
                yield from _entries(path, archive, allowance, depth)
        except TooMuch:
            raise
        except (Damaged, *_BROKEN):
            allowance.file()
            yield Refused(path, "the archive cannot be read; pack the task files again as a plain zip")


def _entries(path: Path, archive: zipfile.ZipFile, allowance: Allowance, depth: int) -> Iterator[Text | Refused]:
    folders = (*path.folders, path.name)
    for entry in archive.infolist():
        if entry.is_dir():
            continue
        inside = _path(folders, _name_of(entry))
        if entry.flag_bits & 1:
            allowance.file()
            yield Refused(inside, "locked with a password; unlock the archive and send it again")
            continue
        try:
            data = archive.open(entry)
        except _BROKEN:
            allowance.file()
            yield Refused(inside, "it cannot be unpacked; pack the archive again as a plain zip")
            continue
        with data:
            yield from _within(inside, _Counted(data, allowance), allowance, depth)


def _name_of(entry: zipfile.ZipInfo) -> str:
    """An entry's name. Some programs write UTF-8 and do not say so; what is no UTF-8 stays as it was read."""
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return entry.filename
