"""Files of examples read row by row: CSV, JSON, JSONL and Parquet, as they are or packed as gzip or zip.

What is in memory is one row (of Parquet, a few), whatever the file holds: a line, a value, a header and what comes out
of an archive all have a limit, and what is beyond is said with its line.
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from apps.training.engine import parquet_files, text_files
from apps.training.engine.faults import Faults, Unreadable
from apps.training.engine.rows import MAX_RATIO, MAX_ROWS, MAX_UNPACKED, Format, Row

_RATIO_FROM = 64 * 2**20
_HEAD = 64 * 2**10
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, gzip.BadGzipFile, NotImplementedError, RuntimeError)
_ENCODINGS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


@dataclass(frozen=True)
class Opened:
    """A file that is being read. `unit` is what its places are counted in."""

    format: Format
    stream: BinaryIO
    unit: str
    done: Callable[[], int]
    """Bytes of the file itself that have been read."""


class _Counted(io.RawIOBase):
    """Counts what is read, and stops what unpacks without end."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile, packed: int = 0) -> None:
        self._stream, self._packed, self.count = stream, packed, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._stream.read(len(buffer))
        except _BROKEN as error:
            raise Unreadable(
                "damaged_archive", f"the archive is damaged or encrypted ({error}); pack it again"
            ) from None
        buffer[: len(data)] = data
        self.count += len(data)
        if self._packed:
            self._judge()
        return len(data)

    def _judge(self) -> None:
        bomb = self.count > _RATIO_FROM and self.count > MAX_RATIO * self._packed
        if bomb or self.count > MAX_UNPACKED:
            raise Unreadable(
                "archive_bomb",
                f"the archive of {self._packed:,} bytes unpacks to more than {self.count:,}; send the file as it is",
            )


def opened(path: str | Path, *, format: str = "") -> Opened:
    """A file of examples, its format looked up in its first bytes unless it is said."""
    file = open(path, "rb")  # noqa: SIM115 - closed by whoever reads it to its end, or with it
    size = Path(path).stat().st_size
    if not size:
        raise Unreadable("empty", "the file is empty")
    stream, packed = _unpacked(file, size)
    head = stream.peek(_HEAD)
    found = _format(head, format, packed=packed)
    if found == "parquet":
        return Opened(found, file, "Row", lambda: file.tell())
    return Opened(found, stream, "Line", lambda: file.tell())


def _unpacked(file: io.BufferedReader, size: int) -> tuple[io.BufferedReader, bool]:
    magic = file.read(4)
    file.seek(0)
    if magic[:2] == b"\x1f\x8b":
        return io.BufferedReader(_Counted(gzip.GzipFile(fileobj=file), size), _HEAD), True
    if magic == b"PK\x03\x04" or magic == b"PK\x05\x06":
        return io.BufferedReader(_Counted(_member(file), size), _HEAD), True
    if magic == b"PAR1":
        return file, False
    return io.BufferedReader(_Counted(file), _HEAD), False


def _member(file: BinaryIO) -> IO[bytes]:
    """The one file of a zip."""
    try:
        archive = zipfile.ZipFile(file)
        names = [one for one in archive.infolist() if not one.is_dir() and not _beside(one.filename)]
        if any(one.filename == "[Content_Types].xml" for one in names):
            raise Unreadable("workbook", "this is a workbook or a document; save the sheet as CSV and send that")
        if len(names) != 1:
            raise Unreadable("archive_of_many", f"the zip holds {len(names):,} files; send one file of examples")
        if names[0].flag_bits & 1:
            raise Unreadable("damaged_archive", "the zip is encrypted; pack it without a password")
        return archive.open(names[0])
    except _BROKEN as error:
        raise Unreadable("damaged_archive", f"the zip is damaged ({error}); pack it again") from None


def _beside(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith(".")


def _format(head: bytes, said: str, *, packed: bool) -> Format:
    if head[:4] == b"PAR1":
        if packed:
            raise Unreadable("packed_parquet", "Parquet is packed already; send the file as it is")
        found: Format = "parquet"
    elif head[:2] in (b"\x1f\x8b", b"PK"):
        raise Unreadable("archive_in_archive", "there is an archive in the archive; send the file in it")
    else:
        for mark, name in _ENCODINGS:
            if head.startswith(mark):
                raise Unreadable("encoding", f"the text is {name}; save it as UTF-8", line=1)
        found = _text_format(head)
    if said and said != found and not {said, found} <= {"json", "jsonl"} and not (said == "csv" and found != "parquet"):
        raise Unreadable("other_format", f"this is not {said.upper()}; it looks like {found.upper()}")
    return found if not said or {said, found} <= {"json", "jsonl"} else said  # type: ignore[return-value]


def _text_format(head: bytes) -> Format:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] == b"[":
        return "json"
    if text[:1] != b"{":
        return "csv"
    first = text.partition(b"\n")[0].rstrip()
    return "jsonl" if first.endswith(b"}") or b"\n" not in text else "json"


def rows(path: str | Path, faults: Faults, *, format: str = "", columns: frozenset[str] | None = None) -> Iterator[Row]:
    """Every row of a file. `columns` are those wanted of Parquet, which keeps the others unread."""
    return rows_of(opened(path, format=format), faults, columns=columns)


def rows_of(source: Opened, faults: Faults, *, columns: frozenset[str] | None = None) -> Iterator[Row]:
    """Every row of an opened file; `Unreadable` where it cannot be read on."""
    with source.stream:
        read = {
            "csv": text_files.csv_rows,
            "json": text_files.json_rows,
            "jsonl": text_files.jsonl_rows,
        }.get(source.format)
        found = read(source.stream, faults) if read else parquet_files.rows(source.stream, columns)
        for number, row in enumerate(found):
            if number >= MAX_ROWS:
                raise Unreadable("too_many_rows", f"more than {MAX_ROWS:,} examples; send it in parts", line=row.line)
            yield row
