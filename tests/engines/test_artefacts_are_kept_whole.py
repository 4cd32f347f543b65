"""The store of files: what is put in is there whole, once, under its hash; or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import resource
import stat
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.core.engine.artefacts import (
    ArtefactError,
    BadDigest,
    CannotWrite,
    Damaged,
    Digest,
    NoRoom,
    NoSuchFile,
    Store,
    TooMuch,
)

ROOT = Path(__file__).resolve().parents[2]
ABSENT = "0" * 64


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def everything(store: Store) -> list[str]:
    """Every ordinary file below the store, but its lock."""
    return sorted(
        str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file() and path.name != "lock"
    )


def make_old(store: Store, sha256: str, *, seconds: float = 7200) -> None:
    then = store.now() - seconds
    os.utime(store.path(sha256), (then, then))


@pytest.mark.parametrize("content", [b"", b"a", b"x" * 3_000_000])
def test_what_is_put_in_comes_out(store: Store, content: bytes) -> None:
    stored = store.put(io.BytesIO(content))
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    assert stored.size == len(content) == store.size(stored.sha256)
    with store.open(stored.sha256) as file:
        assert file.read() == content
    assert everything(store) == [f"{stored.sha256[:2]}/{stored.sha256}"]


def test_pieces_of_any_length_are_taken(store: Store) -> None:
    stored = store.put(iter([b"", b"ab", b"", b"c" * 2_000_000, b"d"]))
    assert stored.sha256 == hashlib.sha256(b"ab" + b"c" * 2_000_000 + b"d").hexdigest()


def test_the_same_content_twice_is_one_file(store: Store) -> None:
    first, second = store.put([b"twice"]), store.put([b"tw", b"ice"])
    assert first == second
    assert len(everything(store)) == 1


def test_a_kept_file_cannot_be_changed_by_its_permissions(store: Store) -> None:
    stored = store.put([b"fixed"])
    assert stat.S_IMODE(store.path(stored.sha256).stat().st_mode) == 0o440


def test_more_than_the_limit_is_refused_and_leaves_nothing(store: Store) -> None:
    with pytest.raises(TooMuch, match="1,000"):
        store.put(iter([b"x" * 600, b"x" * 401]), limit=1000)
    assert everything(store) == []
    assert store.put(iter([b"x" * 600, b"x" * 400]), limit=1000).size == 1000


def test_a_source_that_fails_leaves_nothing_and_its_own_error(store: Store) -> None:
    def source() -> Iterator[bytes]:
        yield b"begun"
        raise ConnectionResetError("the client left")

    with pytest.raises(ConnectionResetError, match="the client left"):
        store.put(source())
    assert everything(store) == []


def test_a_full_disk_is_said_and_leaves_nothing(store: Store) -> None:
    """The kernel refuses to let a file of this process grow: it writes a part, then nothing, as on a full disk."""
    store.put([b"before"])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, hard))
    try:
        with pytest.raises(NoRoom, match="No room is left in") as refused:
            store.put(iter([b"y" * 1_000_000] * 3))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(store.root) in str(refused.value)
    assert len(everything(store)) == 1


def test_what_cannot_fit_is_refused_before_it_is_read(store: Store) -> None:
    source = io.BytesIO(b"never read")
    with pytest.raises(NoRoom, match="are free"):
        store.put(source, expected=2**62)
    assert source.tell() == 0


def test_a_folder_that_may_not_be_written_is_said(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_RIGHTS, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "storage_read_only", done.stderr


_WITHOUT_RIGHTS = """
import os, sys
from apps.core.engine.artefacts import CannotWrite, Store
os.chmod(sys.argv[1], 0o555)
if os.geteuid() == 0:
    os.setuid(65534)
try:
    Store(sys.argv[1] + "/store").put([b"x"])
except CannotWrite as error:
    print(error.code)
"""


def test_a_writer_that_is_killed_leaves_a_draft_and_no_file(store: Store) -> None:
    script = (
        "import sys; from apps.core.engine.artefacts import Store\n"
        "def source():\n yield b'half'\n print('begun', flush=True)\n sys.stdin.read()\n"
        f"Store({str(store.root)!r}).put(source())"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "begun\n"
    [draft] = (store.root / "incoming").iterdir()
    assert store.drafts(seconds=0) == [], "its writer lives, however slow it is"
    assert not store.remove_draft(draft, seconds=0)
    writer.kill()
    writer.communicate()
    assert list(store.files()) == []
    assert store.drafts(seconds=3600) == []
    assert store.drafts(seconds=0) == [draft]
    assert draft.read_bytes() == b"half"
    assert store.remove_draft(draft, seconds=0)
    assert not draft.exists()


def test_writing_and_reading_take_little_memory_whatever_the_size(store: Store) -> None:
    tracemalloc.start()
    try:
        stored = store.put(b"z" * 1_000_000 for _ in range(60))
        with store.open(stored.sha256) as file:
            while file.read(1_000_000):
                pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert stored.size == 60_000_000
    assert peak < 8_000_000


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../../etc/passwd",
        "/etc/passwd",
        "A" * 64,
        "a" * 63,
        "a" * 65,
        "a" * 64 + "\n",
        "a" * 63 + "/",
        "a" * 63 + "\x00",
    ],
)
def test_no_name_but_a_hash_leads_anywhere(store: Store, name: str) -> None:
    (store.root.parent / "secret").write_text("outside")
    for act in (
        store.open,
        store.path,
        store.size,
        store.check,
        store.renew,
        lambda n: store.remove_if_old(n, seconds=0),
    ):
        with pytest.raises(BadDigest):
            act(name)


def test_what_is_not_there_is_said(store: Store) -> None:
    for act in (store.open, store.size, store.check, store.renew):
        with pytest.raises(NoSuchFile):
            act(ABSENT)
    assert store.remove_if_old(ABSENT, seconds=0) is None


def test_a_link_in_the_place_of_a_file_is_not_followed(store: Store) -> None:
    secret = store.root.parent / "secret"
    secret.write_text("outside")
    place = store.path(ABSENT)
    place.parent.mkdir(parents=True)
    place.symlink_to(secret)
    for act in (store.open, store.size, store.renew):
        with pytest.raises(NoSuchFile):
            act(ABSENT)
    assert list(store.files()) == []
    assert list(store.strangers()) == [place]


def test_a_file_is_taken_from_the_disk_but_not_through_a_link(store: Store, tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    assert store.put_file(tmp_path / "real").size == 4
    with pytest.raises(ArtefactError, match="symbolic link"):
        store.put_file(tmp_path / "link")
    for other in ("pipe", "."):
        with pytest.raises(ArtefactError, match="no ordinary file"):
            store.put_file(tmp_path / other)


def test_damage_is_found_and_mended_by_putting_the_file_again(store: Store) -> None:
    stored = store.put([b"precious"])
    place = store.path(stored.sha256)
    place.chmod(0o600)
    place.write_bytes(b"prec1ous")
    with pytest.raises(Damaged):
        store.check(stored.sha256)
    place.write_bytes(b"prec")
    with pytest.raises(Damaged, match="4 bytes, it should have 8"):
        store.check(stored.sha256, size=8)
    store.put([b"precious"])
    store.check(stored.sha256, size=8)


def test_only_what_is_old_is_removed(store: Store) -> None:
    stored = store.put([b"fleeting"])
    assert store.remove_if_old(stored.sha256, seconds=3600) is None
    make_old(store, stored.sha256)
    assert store.remove_if_old(stored.sha256, seconds=3600) == 8
    assert everything(store) == []


@pytest.mark.parametrize("again", ["renew", "put"])
def test_what_is_renewed_or_put_again_is_new(store: Store, again: str) -> None:
    stored = store.put([b"wanted again"])
    make_old(store, stored.sha256)
    if again == "renew":
        assert store.renew(stored.sha256) == stored.size
    else:
        store.put([b"wanted again"])
    assert store.remove_if_old(stored.sha256, seconds=3600) is None


def test_a_file_that_goes_while_the_files_are_listed_is_passed_over(store: Store) -> None:
    names = {store.put([bytes([number])]).sha256 for number in range(256)}
    listed = set()
    for file in store.files():
        listed.add(file.sha256)
        for name in names - listed:
            if name[:2] == file.sha256[:2]:  # the same folder, so already read from the disk when it goes
                store.remove_if_old(name, seconds=0)
    assert 1 <= len(listed) < 256


def test_a_reader_is_not_disturbed_when_its_file_is_removed(store: Store) -> None:
    stored = store.put([b"read on"])
    with store.open(stored.sha256) as file:
        assert store.remove_if_old(stored.sha256, seconds=0) is not None
        assert file.read() == b"read on"


def test_files_and_strangers_are_told_apart(store: Store) -> None:
    kept = {store.put([bytes([number])]).sha256 for number in range(20)}
    one = next(iter(kept))
    strange = [
        store.root / "notes.txt",
        store.root / one[:2] / "x",
        store.root / "zz",
        store.root / one[:2] / ("f" * 64),
    ]
    for path in strange:
        path.mkdir() if path.name == "zz" else path.write_text("?")
    moved = [path for path in strange if path.parent.name != path.name[:2]]
    assert {file.sha256 for file in store.files()} == kept
    assert set(store.strangers()) == set(moved)


def test_processes_that_put_the_same_file_at_once_agree(store: Store) -> None:
    script = (
        "from apps.core.engine.artefacts import Store\n"
        f"print(Store({str(store.root)!r}).put(b'q' * 100_000 for _ in range(30)).sha256)"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    said = {writer.communicate()[0].strip() for writer in writers}
    assert len(said) == 1
    [file] = store.files()
    assert file.sha256 == Digest(said.pop())
    store.check(file.sha256, size=3_000_000)


def test_the_store_needs_no_django() -> None:
    script = "import sys, apps.core.engine.folders; print(any(name.partition('.')[0] in {'django', 'pydantic'} for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_every_error_has_a_word_of_its_own() -> None:
    kinds = [BadDigest, NoSuchFile, NoRoom, CannotWrite, TooMuch, Damaged]
    assert len({kind.code for kind in kinds} | {ArtefactError.code}) == len(kinds) + 1
