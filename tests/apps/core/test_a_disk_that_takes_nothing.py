"""A disk that is full or read-only: reading goes on, writing is refused in words that help, and all is well again after."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from django.db import OperationalError, connection
from django.test import Client

from apps.core import disk, doctor, health
from apps.core.accounts import api_key_create, first_admin_ensure
from apps.core.databases.sqlite.base import DatabaseWrapper
from apps.core.errors import TerrariumError
from apps.core.models import ApiKey, User
from tests.patience import until

from .conftest import People, Program
from .furnished import furnish
from .live_lab import make_member, session_of
from .started import Server
from .walk import PAGES, addresses, filled, operations

FULL = "is full"
READ_ONLY = "is read-only"


@pytest.fixture
def nothing_is_written(people: People, settings: Any) -> Iterator[Callable[[], None]]:
    """A switch: from then on the database refuses every write, as one on a read-only disk does."""
    settings.CONFIG = settings.CONFIG.model_copy(update={"api_requests_per_minute": 10**9})

    def switch() -> None:
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute("PRAGMA query_only = ON")
            else:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET TRANSACTION READ ONLY")

    yield switch
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA query_only = OFF")


def walked(browser: Client, program: Client, ids: dict[str, str]) -> dict[str, int]:
    """The status of everything that can be read."""
    pages = [page for route in PAGES if "logout" not in route for page in addresses(route, ids)]
    reads = [filled(path, ids) for method, path in operations() if method == "get" and not path.endswith("/stream")]
    found = {page: browser.get(page).status_code for page in [*pages, "/admin/", "/admin/tasks/arctask/"]}
    return found | {path: program.get(path).status_code for path in reads}


def test_everything_is_read_as_ever_while_nothing_can_be_written(
    people: People, nothing_is_written: Callable[[], None]
) -> None:
    ids = furnish(people)
    key, text = api_key_create(owner=people.admin, name="a", scopes=["read", "write", "admin"])
    browser, program = Client(raise_request_exception=False), Program(text).client
    browser.force_login(people.admin)
    before = walked(browser, program, ids)
    assert sum(status == 200 for status in before.values()) > 60
    for seen in (ApiKey.objects.filter(pk=key.pk), User.objects.filter(pk=people.admin.pk)):
        seen.update(**{"last_used_at" if seen.model is ApiKey else "last_looked_at": None})
    browser.force_login(people.admin)  # a new session, which the first page writes to
    nothing_is_written()
    assert walked(browser, program, ids) == before


def test_alone_on_this_machine_too(people: People, nothing_is_written: Callable[[], None], settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"enable_auth": False})
    assert first_admin_ensure() == people.admin
    nothing_is_written()
    assert Client().get("/tasks/").status_code == 200
    assert Client().get("/api/v1/auth/me").json()["username"] == "ada"


def test_a_write_is_refused_in_the_disks_words(people: People, nothing_is_written: Callable[[], None]) -> None:
    program = Program(api_key_create(owner=people.admin, name="a", scopes=["read", "write"])[1])
    browser = Client(raise_request_exception=False)
    browser.force_login(people.admin)
    nothing_is_written()
    refused = program.call("post", "/api/v1/auth/keys", {"name": "b", "scopes": ["read"]})
    assert refused.status_code == 503
    assert READ_ONLY in refused.json()["error"]["message"]
    assert int(refused.headers["Retry-After"]) > 0
    page = browser.post("/account/keys/", {"name": "b", "scopes": "read", "lifetime": "30"})
    assert page.status_code == 503
    assert READ_ONLY in page.content.decode()


def caused(cause: BaseException) -> OperationalError:
    error = OperationalError("the driver's words")
    error.__cause__ = cause
    return error


def of_sqlite(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("the library's words")
    error.sqlite_errorcode = code
    return error


def a_disk(free_mb: float = 50_000.0, files: int = 1000, flags: int = 0) -> Any:
    blocks = int(free_mb * 256)
    return SimpleNamespace(f_bavail=blocks, f_frsize=4096, f_files=10**6, f_favail=files, f_flag=flags)


@pytest.mark.parametrize(
    ("error", "state", "status", "words"),
    [
        (OSError(errno.ENOSPC, "full", "{var}/imports/x"), a_disk(0.2), 507, "storage folder (TERRARIUM_STORAGE_ROOT) is full: 0 MB are free, at least 100 MB"),
        (OSError(errno.ENOSPC, "full"), a_disk(0.0), 507, "storage folder (TERRARIUM_STORAGE_ROOT) is full: 0 MB"),
        (OSError(errno.ENOSPC, "full", "{tmp}/x"), a_disk(3.0), 507, "folder for temporary files (TMPDIR) is full: 3 MB"),
        (OSError(errno.ENOSPC, "full", "{var}/x"), a_disk(files=0), 507, "is full: it can hold no more files, however small"),
        (OSError(errno.EDQUOT, "quota", "{var}/x"), a_disk(0.0), 507, FULL),
        (OSError(errno.EFBIG, "limit", "{var}/x"), a_disk(0.0), 507, FULL),
        (OSError(errno.EROFS, "read-only", "{var}/x"), a_disk(flags=os.ST_RDONLY), 503, READ_ONLY),
        (OSError(errno.EIO, "broken", "{var}/x"), a_disk(), 503, "Look at the disk"),
        (caused(of_sqlite(sqlite3.SQLITE_FULL)), a_disk(), 507, FULL),
        (caused(of_sqlite(sqlite3.SQLITE_IOERR)), a_disk(0.0), 507, FULL),
        (caused(of_sqlite(sqlite3.SQLITE_CANTOPEN)), a_disk(0.0), 507, FULL),
        (caused(of_sqlite(sqlite3.SQLITE_READONLY)), a_disk(0.0), 507, FULL),
        (caused(of_sqlite(sqlite3.SQLITE_READONLY)), a_disk(flags=os.ST_RDONLY), 503, READ_ONLY),
        (caused(of_sqlite(sqlite3.SQLITE_CANTOPEN)), a_disk(flags=os.ST_RDONLY), 503, READ_ONLY),
        (caused(of_sqlite(sqlite3.SQLITE_CANTOPEN)), a_disk(), 503, "Look at the disk"),
        (caused(of_sqlite(sqlite3.SQLITE_BUSY)), a_disk(), 503, "Something else writes"),
    ],
)  # fmt: skip
def test_whatever_way_it_shows_it_is_called_what_it_is(
    error: Exception, state: Any, status: int, words: str, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", str(settings.VAR_DIR / "terrarium.sqlite3"))
    if isinstance(error, OSError) and error.filename:
        error.filename = error.filename.format(var=settings.VAR_DIR, tmp=tempfile.gettempdir())
    monkeypatch.setattr(disk, "_state_of", lambda _place: state)
    found = disk.trouble_of(error)
    assert isinstance(found, TerrariumError)
    assert found.status == status
    assert words in found.message
    assert "chown" not in found.message
    assert "does not answer" not in found.message


def test_the_probe_and_the_doctor_tell_of_it(
    anonymous: Client, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    real = os.fsync

    def fails(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for broken, body in ((True, b"degraded: the disk takes no writes"), (False, b"ok")):
        health.storage_takes_writes.forget()  # type: ignore[attr-defined]
        monkeypatch.setattr(os, "fsync", fails if broken else real)
        answer = anonymous.get("/healthz")
        assert (answer.status_code, answer.content) == (200, body), "alive either way: reading goes on"
    monkeypatch.setattr(os, "fsync", fails)
    monkeypatch.setattr(disk, "_state_of", lambda _place: a_disk(0.0))
    found = {finding.name: finding for finding in doctor._storage()}
    assert found["storage"].state == "fail"
    assert FULL in found["storage"].message
    assert "chown" not in found["storage"].remedy
    assert list(tmp_path.iterdir()) == [], "nothing of the looking is left behind"


@pytest.mark.django_db
def test_a_database_nobody_can_make_files_beside_is_read_as_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lab.sqlite3"
    with sqlite3.connect(path) as made:
        made.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t (n); INSERT INTO t VALUES (7);")
    made.close()
    opened: list[str] = []
    usual = sqlite3.connect

    def connect(database: str, **options: Any) -> sqlite3.Connection:
        opened.append(str(database))
        if "immutable" not in opened[-1]:
            raise of_sqlite(sqlite3.SQLITE_CANTOPEN)
        found: sqlite3.Connection = usual(database, **options)
        return found

    monkeypatch.setattr(DatabaseWrapper.Database, "connect", connect)
    lab: Any = DatabaseWrapper({**_usual_settings(), "NAME": str(path)}, "lab")
    with lab.cursor() as cursor:
        assert cursor.execute("SELECT n FROM t").fetchall() == [(7,)]
        with pytest.raises(OperationalError, match="readonly"):
            cursor.execute("INSERT INTO t VALUES (8)")
    lab.close()
    (tmp_path / "lab.sqlite3-wal").write_bytes(b"what was written last")
    lab = DatabaseWrapper({**_usual_settings(), "NAME": str(path)}, "lab")
    with pytest.raises(OperationalError):
        lab.cursor()
    assert "immutable" not in opened[-1], "what lies beside it must not be missed"


def _usual_settings() -> dict[str, Any]:
    options = {"timeout": 1, "init_command": "PRAGMA journal_mode=WAL"}
    return {"OPTIONS": options, "TIME_ZONE": None, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False, "AUTOCOMMIT": True,
            "ATOMIC_REQUESTS": False, "ENGINE": "apps.core.databases.sqlite", "USER": "", "PASSWORD": "", "HOST": "",
            "PORT": "", "TEST": {}}  # fmt: skip


class SmallDisk:
    """16 MB of memory, mounted as the storage folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.var = folder / "var"
        self.var.mkdir()
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        with open(self._ballast, "wb", buffering=0) as ballast:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        ballast.write(b"\0" * size)
                except OSError:
                    continue

    def empty(self) -> None:
        self._ballast.unlink()

    def mount(self, how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk of its own can be mounted by root only, and not in every container")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


PLACES = ["/", "/tasks/", "/experiments/", "/system/", "/system/jobs/", "/account/", "/api/v1/auth/me",
          "/api/v1/tasks", "/api/v1/system/health"]  # fmt: skip


def test_a_started_server_on_a_disk_that_fills_up_and_is_emptied(
    small_disk: SmallDisk, shared_database: str, template_database: Path | None
) -> None:
    if template_database is None:
        pytest.skip("only SQLite's database lies in the storage folder")
    user = make_member("ada", "admin")
    cookie = session_of(user)["cookie"]
    connection.close()
    lab = small_disk.var / "terrarium.sqlite3"
    with (
        closing(sqlite3.connect(shared_database.removeprefix("sqlite:///"))) as here,
        closing(sqlite3.connect(lab)) as there,
    ):
        here.backup(there)  # a copy of the file would lack what is still in its log
    server = Server("", small_disk.var)
    server.start()
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{server.port}", headers={"cookie": cookie}, timeout=60
        ) as browser:
            csrf = {"x-csrftoken": "a" * 32, "cookie": f"{cookie}; csrftoken={'a' * 32}"}
            made = {"name": "b", "scopes": ["read"]}
            small_disk.fill()
            for _ in range(2):
                assert {place: browser.get(place).status_code for place in PLACES} == dict.fromkeys(PLACES, 200)
                refused = browser.post("/api/v1/auth/keys", json=made, headers=csrf)
                assert refused.status_code == 507, refused.text
                assert "storage folder (TERRARIUM_STORAGE_ROOT) is full" in refused.json()["error"]["message"]
            until(lambda: browser.get("/healthz").text == "degraded: the disk takes no writes")
            small_disk.empty()
            assert browser.post("/api/v1/auth/keys", json=made, headers=csrf).status_code == 201
    finally:
        server.kill()
    for leftover in small_disk.var.glob("terrarium.sqlite3-*"):
        leftover.unlink()
    small_disk.mount("ro")
    server.log = small_disk.folder.parent / "second.log"
    server.start()
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{server.port}", headers={"cookie": cookie}, timeout=60
        ) as browser:
            assert {place: browser.get(place).status_code for place in PLACES} == dict.fromkeys(PLACES, 200)
            refused = browser.post("/api/v1/auth/keys", json=made, headers=csrf)
            assert (refused.status_code, READ_ONLY in refused.text) == (503, True), refused.text
            small_disk.mount("rw")
            assert browser.post("/api/v1/auth/keys", json=made, headers=csrf).status_code == 201
    finally:
        server.kill()
