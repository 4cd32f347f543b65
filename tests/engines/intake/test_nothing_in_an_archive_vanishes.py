"""Whatever is in an upload is taken or named with its reason, however it is packed."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.tasks.engine.intake.archives import TooMuch
from tests.engines.intake.files import G, H, broken, data_of, good, head_of, read, said, tarred, task, zipped

TWO = {"a.json": task(), "b.json": task(H, G)}


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("x.zip", zipped),
        ("x.tar", lambda files: tarred(files, "w:")),
        ("x.tar.gz", tarred),
        ("x.tgz", tarred),
        ("x.tar.bz2", lambda files: tarred(files, "w:bz2")),
        ("x.tar.xz", lambda files: tarred(files, "w:xz")),
        ("no ending", tarred),
        ("x.zip", lambda files: zipped({"inner/y.zip": zipped(files)})),
        ("x.zip", lambda files: zipped({"y.tar.gz": tarred(files)})),
        ("x.tar.gz", lambda files: tarred({"y.zip": zipped(files)})),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_usual_way_of_packing_is_opened(name: str, pack: Any) -> None:
    shelf = read({name: pack(TWO)})
    assert good(shelf) == {"a": None, "b": None}
    assert not said(shelf)
    assert name in head_of(shelf, "a").file


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_packed_task_has_the_id_of_the_file_inside(pack: Any) -> None:
    ending = {gzip.compress: "gz", bz2.compress: "bz2", lzma.compress: "xz"}[pack]
    assert list(good(read({f"fern2.json.{ending}": pack(data_of(task()))}))) == ["fern2"]


def test_what_is_no_task_is_named_beside_what_is() -> None:
    shelf = read(
        {
            "t.zip": zipped(
                {
                    "good.json": task(),
                    "packed.json.gz": gzip.compress(data_of(task(H, G))),
                    "lines.jsonl": "\n".join(json.dumps(task(G, G, id=f"l{n}", tests=[([[n]], G)])) for n in (1, 2)),
                    "words.txt": "hello",
                    "task.txt": task(G, [[9]]),
                    "inner.zip": zipped({"deep.json": task(H, [[9]])}),
                    "README.md": "# words",
                    "run.py": "print()",
                    "page.html": "<html></html>",
                    "empty": "",
                    "package.json": {"name": "x", "scripts": {"a": "b"}},
                    "list.json": [1, 2, 3],
                    "__MACOSX/._good.json": b"\x00\x05",
                    "folder/.DS_Store": b"\x00",
                }
            )
        }
    )
    assert set(good(shelf)) == {"good", "packed", "l1", "l2", "task", "deep"}
    assert not shelf.problems
    words = said(shelf)
    for name in (
        "words.txt",
        "README.md",
        "run.py",
        "page.html",
        "empty",
        "package.json",
        "list.json",
        "._good.json",
        ".DS_Store",
    ):
        assert name in words, name


def test_a_broken_task_file_is_a_problem_and_spoils_no_other() -> None:
    shelf = read({"t.zip": zipped({"good.json": task(), "cut.json": data_of(task())[:-5], "text.json": "hello"})})
    assert list(good(shelf)) == ["good"]
    assert len(shelf.problems) == 2
    assert "cut.json line 1: not valid JSON" in said(shelf)
    assert "text.json line 1: not valid JSON" in said(shelf)


def test_names_in_an_archive_are_only_names() -> None:
    shelf = read(
        {
            "t.zip": zipped(
                {"../../etc/passwd.json": task(), "/abs/two.json": task(H, G), "C:\\dir\\three.json": task(G, G)}
            )
        }
    )
    assert set(good(shelf)) == {"passwd", "two", "three"}


def test_umlauts_of_archives_that_do_not_say_their_encoding_are_read() -> None:
    data = zipped({"übung.json": task()})
    assert list(good(read({"t.zip": data}))) == ["übung"]
    unsaid = bytearray(data)
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        unsaid[data.index(mark) + place + 1] &= ~0x08
    assert list(good(read({"t.zip": bytes(unsaid)}))) == ["übung"]


def test_a_locked_entry_is_named_and_the_others_are_read() -> None:
    data = bytearray(zipped({"a.json": task(), "b.json": task(H, G)}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    shelf = read({"t.zip": bytes(data)})
    assert list(good(shelf)) == ["b"]
    assert "a.json: locked with a password" in said(shelf)


def test_what_a_damaged_file_gave_before_it_broke_is_not_taken() -> None:
    data = bytearray(zipped({"all.json": {f"t{n}": task(tests=[([[n % 10]], G)]) for n in range(50)}}))
    data[data.index(b"PK\x01\x02") + 16] ^= 0xFF  # its checksum
    shelf = read({"t.zip": bytes(data)})
    assert not shelf.heads
    assert "all.json: it is damaged" in said(shelf)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_cut_short_is_a_problem_in_words(pack: Any) -> None:
    data = pack({f"{n}.json": task(tests=[([[n % 10]], G)]) for n in range(40)})
    shelf = read({"t": data[: len(data) // 2]})
    assert shelf.problems
    assert not broken(shelf)


@pytest.mark.parametrize(
    "data", [b"7z\xbc\xaf\x27\x1c rest", b"Rar!\x1a\x07 rest", b"\x28\xb5\x2f\xfd rest", b"PK\x03\x04 not really"]
)
def test_archives_that_cannot_be_read_say_what_to_do(data: bytes) -> None:
    assert "zip" in read({"t.bin": data, "a.json": task()}).problems[0]


def test_archives_within_archives_have_an_end() -> None:
    data = zipped(TWO)
    for _ in range(5):
        data = zipped({"inner.zip": data})
    assert "unpack it" in said(read({"t.zip": data}))


def test_a_bomb_is_stopped_while_it_unpacks() -> None:
    data = zipped({"a.json": b" " * 2**25})
    assert len(data) < 2**16
    with pytest.raises(TooMuch, match="when unpacked"):
        read({"bomb.zip": data}, max_bytes=2**20)
    with pytest.raises(TooMuch):
        read({"bomb.json.gz": gzip.compress(b"[" * 2**25)}, max_bytes=2**20)


def test_too_many_files_are_too_many_wherever_they_are() -> None:
    files = {f"{number}.md": "x" for number in range(30)}
    assert not read({"t.zip": zipped({**files, "a.json": task()})}, max_files=40).problems
    for sent in (files, {"t.zip": zipped(files)}, {"t.tgz": tarred(files)}):
        with pytest.raises(TooMuch, match="More than 20 files"):
            read(sent, max_files=20)


def test_links_and_folders_in_a_tar_are_no_files() -> None:
    import tarfile

    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        folder = tarfile.TarInfo("training")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        link = tarfile.TarInfo("training/link.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    shelf = read({"t.tar": stream.getvalue(), "a.json": task()})
    assert list(good(shelf)) == ["a"]
    assert "link.json: a link" in said(shelf)


@settings(max_examples=120, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode), st.text(max_size=40))
def test_no_bytes_and_no_name_break_the_reader(data: bytes, name: str) -> None:
    for content in (data, b"PK\x03\x04" + data, b"\x1f\x8b\x08" + data, gzip.compress(data), b"{" + data):
        shelf = read({name: content})
        assert shelf.heads or shelf.problems
        for head in shelf.heads:
            assert head.problem or head.at[1]


def test_a_zip_that_hides_bytes_between_its_entries_is_read_by_its_list() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.json", data_of(task()))
        stream.write(b"junk" * 10)
        archive.writestr("b.json", data_of(task(H, G)))
    assert set(good(read({"t.zip": stream.getvalue()}))) == {"a", "b"}
