"""Rows of Parquet, a few at a time. Who writes the file says how large its parts are unpacked, and may lie: the process
that reads it runs under a limit of memory, and what goes beyond is said as such."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from apps.training.engine.faults import Unreadable, shown
from apps.training.engine.rows import MAX_COLUMNS, MAX_ROW, MAX_ROWS, MAX_UNPACKED, Row

MAX_GROUP = 512 * 2**20
"""Bytes of one group of rows, unpacked, of the columns that are read."""

_AT_ONCE = 32
_FOOTER = 16 * 2**20


def rows(stream: BinaryIO, columns: frozenset[str] | None) -> Iterator[Row]:
    """Every row of the file, numbered from 1."""
    import pyarrow as pa

    try:
        yield from _rows(stream, columns)
    except MemoryError:
        words = f"a part of the file does not fit into the memory there is to read it; {_ADVICE}"
        raise Unreadable("archive_bomb", words) from None
    except (pa.ArrowException, OSError) as error:
        first = next(iter(str(error).splitlines()), "damaged")
        raise Unreadable("parquet", f"not readable as Parquet: {shown(first, 200)}") from None


_ADVICE = "write it again with smaller groups of rows"


def _rows(stream: BinaryIO, columns: frozenset[str] | None) -> Iterator[Row]:
    import pyarrow.parquet as pq

    _check_footer(stream)
    file = pq.ParquetFile(
        stream,
        thrift_string_size_limit=_FOOTER,
        thrift_container_size_limit=MAX_COLUMNS * 1_000,
        pre_buffer=False,
        buffer_size=2**20,
    )
    names = file.schema_arrow.names
    if len(names) > MAX_COLUMNS:
        raise Unreadable("too_many_columns", f"{len(names):,} columns; a dataset has at most {MAX_COLUMNS:,}")
    if len(set(names)) < len(names):
        raise Unreadable("parquet", "two columns have the same name; rename one")
    wanted = [name for name in names if columns is None or name in columns]
    _check_sizes(file.metadata, wanted)
    number = 0
    for group in range(file.metadata.num_row_groups):
        for batch in file.iter_batches(_AT_ONCE, row_groups=[group], columns=wanted, use_threads=False):
            if batch.nbytes > MAX_ROW * _AT_ONCE:
                raise Unreadable("line_too_long", f"an example longer than {MAX_ROW // 2**20} MB", line=number + 1)
            for values in batch.to_pylist():
                number += 1
                yield Row(number, values)


def _check_footer(stream: BinaryIO) -> None:
    """The footer is read whole: its length stands before the last four bytes."""
    size = stream.seek(0, 2)
    if size < 12:
        raise Unreadable("parquet", "not readable as Parquet: the file ends too early")
    stream.seek(-8, 2)
    tail = stream.read(8)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != b"PAR1":
        raise Unreadable("parquet", "not readable as Parquet: its end is missing; was it sent whole?")
    if length > min(_FOOTER, size - 12):
        raise Unreadable(
            "parquet", f"a description of {length:,} bytes; {_FOOTER:,} are read. Has it too many columns?"
        )
    stream.seek(0)


def _check_sizes(metadata: Any, wanted: list[str]) -> None:
    if metadata.num_rows > MAX_ROWS:
        raise Unreadable("too_many_rows", f"{metadata.num_rows:,} examples; at most {MAX_ROWS:,}, send it in parts")
    total = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        size = sum(
            column.total_uncompressed_size
            for column in map(group.column, range(group.num_columns))
            if column.path_in_schema.partition(".")[0] in wanted
        )
        total += size
        if size > MAX_GROUP:
            words = f"row group {number + 1} unpacks to {size:,} bytes; at most {MAX_GROUP:,}: {_ADVICE}"
            raise Unreadable("archive_bomb", words)
    if total > MAX_UNPACKED:
        raise Unreadable("archive_bomb", f"the file unpacks to {total:,} bytes; at most {MAX_UNPACKED:,}")
