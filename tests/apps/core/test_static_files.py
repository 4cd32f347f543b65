"""Style sheets and scripts: compressed, kept for good under hashed names, and there whatever became of the folder."""

from __future__ import annotations

import asyncio
import errno
import gzip
import io
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brotli
import pytest
from django.conf import settings as django_settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.test import RequestFactory, override_settings

from apps.core.staticfiles import HashedStorage, StaticFilesMiddleware
from apps.lab.management.commands.up import Command

ELSEWHERE = "not a static file"
FOREVER = "max-age=315360000, public, immutable"
BRIEFLY = "max-age=60, public"
SHEET = "css/base.css"
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `collectstatic` leaves it."""
    folder = tmp_path_factory.mktemp("static")
    with override_settings(STATIC_ROOT=folder):
        call_command("collectstatic", verbosity=0, interactive=False)
    return folder


@pytest.fixture
def in_use(collected: Path) -> Iterator[Path]:
    """That folder, in use."""
    with override_settings(STATIC_ROOT=collected):
        yield collected


@pytest.fixture
def a_copy_in_use(collected: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it that may be hurt."""
    with override_settings(STATIC_ROOT=shutil.copytree(collected, tmp_path / "static")):
        yield tmp_path / "static"


def server() -> Any:
    return StaticFilesMiddleware(lambda _request: HttpResponse(ELSEWHERE))


def get(path: str, accept: str = "", *, by: Any = None, **headers: str) -> Any:
    request = RequestFactory().get(path, headers={"accept-encoding": accept, **headers})
    return (by or server())(request)


def source(name: str) -> bytes:
    return Path(str(finders.find(name))).read_bytes()


def test_a_name_holds_the_hash_and_is_kept_for_good(in_use: Path) -> None:
    url = static(SHEET)
    assert re.fullmatch(r"/static/css/base\.[0-9a-f]{12}\.css", url)
    answer = get(url)
    assert answer.content == source(SHEET)
    assert answer["Cache-Control"] == FOREVER
    assert answer["Content-Type"] == 'text/css; charset="utf-8"'


@pytest.mark.parametrize(("accept", "encoding"), [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("", None)])
def test_it_is_compressed_as_the_browser_can_read_it(in_use: Path, accept: str, encoding: str | None) -> None:
    read = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[encoding]
    for name in (SHEET, "bokeh/bokeh.min.js"):
        answer = get(static(name), accept)
        assert answer.headers.get("Content-Encoding") == encoding
        assert int(answer["Content-Length"]) == len(answer.content)
        assert "Accept-Encoding" in answer["Vary"]
        assert read(answer.content) == source(name)
        if encoding:
            assert len(answer.content) < len(source(name)) / 2


def test_what_modules_and_style_sheets_refer_to_is_there_under_its_hash(in_use: Path) -> None:
    seen = 0
    for path in [*(in_use / "js").glob("*.js"), *(in_use / "css").rglob("*.css")]:
        for reference in re.findall(r"""(?:import|from)\s*["'](\.[^"']+)["']|url\(["']?([^"')]+)""", path.read_text()):
            name = next(filter(None, reference))
            if name.startswith("data:"):
                continue
            assert re.search(r"\.[0-9a-f]{12}\.\w+$", name), f"{path.name} refers to {name}"
            assert (path.parent / name).is_file(), f"{path.name} refers to {name}"
            seen += 1
    assert seen > 20


def test_a_browser_that_has_it_is_told_so_and_only_reading_is_served(in_use: Path) -> None:
    url = static(SHEET)
    kept = get(url, **{"if-none-match": get(url)["ETag"]})
    assert (kept.status_code, kept.content) == (304, b"")
    head = server()(RequestFactory().head(url))
    assert (head.status_code, head.content) == (200, b"")
    assert server()(RequestFactory().post(url)).status_code == 405


def test_the_folder_may_be_deleted_while_the_server_runs(a_copy_in_use: Path) -> None:
    running, url = server(), static(SHEET)
    shutil.rmtree(a_copy_in_use)
    for path in (url, f"/static/{SHEET}"):
        answer = get(path, "br", by=running)
        assert answer.content == source(SHEET)
        assert answer["Cache-Control"] == BRIEFLY, "its references are plain: nobody may keep it under the hash"


def test_a_server_that_finds_nothing_collected_serves_plain_names(tmp_path: Path) -> None:
    with override_settings(STATIC_ROOT=tmp_path):
        assert static(SHEET) == f"/static/{SHEET}"
        assert get(static(SHEET)).content == source(SHEET)
        assert get(static("bokeh/bokeh.min.js")).content == source("bokeh/bokeh.min.js")


def test_a_hash_from_before_an_update_leads_to_what_there_is_now(in_use: Path) -> None:
    answer = get("/static/css/base.000000000000.css")
    assert answer.content == source(SHEET)
    assert answer["Cache-Control"] == BRIEFLY


@pytest.mark.parametrize(
    "path", ["/static/css/none.css", "/static/", "/static/../manage.py", "/static/css/../../manage.py", "/tasks/"]
)
def test_whatever_is_no_static_file_is_left_to_others(in_use: Path, path: str) -> None:
    assert get(path).content == ELSEWHERE.encode()


def test_an_asynchronous_server_does_the_same(a_copy_in_use: Path) -> None:
    async def elsewhere(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(ELSEWHERE)

    async def ask(path: str) -> Any:
        return await running(RequestFactory().get(path))

    running: Any = StaticFilesMiddleware(elsewhere)
    url = static(SHEET)
    assert asyncio.run(ask(url))["Cache-Control"] == FOREVER
    assert asyncio.run(ask("/tasks/")).content == ELSEWHERE.encode()
    shutil.rmtree(a_copy_in_use)
    assert asyncio.run(ask(url)).content == source(SHEET)


def test_collecting_again_compresses_nothing_again(a_copy_in_use: Path) -> None:
    def compressed() -> dict[Path, int]:
        return {path: path.stat().st_ino for path in a_copy_in_use.rglob("*") if path.suffix in {".br", ".gz"}}

    marked = next(a_copy_in_use.glob("css/base.*.br"))
    marked.write_bytes(b"kept")
    before = compressed()
    call_command("collectstatic", verbosity=0, interactive=False)
    assert compressed() == before
    assert marked.read_bytes() == b"kept"


def test_every_name_in_a_template_is_a_file() -> None:
    names = {
        name
        for template in (ROOT / "templates").rglob("*.html")
        for name in re.findall(r"""\{% static ["']([^"']+)["']""", template.read_text("utf-8"))
    }
    assert len(names) > 10
    assert [name for name in sorted(names) if finders.find(name) is None] == []


def test_compose_collects_before_anything_starts() -> None:
    assert django_settings.STORAGES["staticfiles"]["BACKEND"] == "apps.core.staticfiles.HashedStorage"
    assert "manage.py collectstatic" in (ROOT / "compose.yaml").read_text()


def test_the_embedded_start_collects_and_goes_on_where_the_disk_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: Any, **_options: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    said = io.StringIO()
    start = Command(stdout=said)
    with override_settings(STATIC_ROOT=tmp_path):
        start._collect_static()
        assert json.loads((tmp_path / "staticfiles.json").read_text())["paths"][SHEET]
        monkeypatch.setattr(HashedStorage, "save", full)
        shutil.rmtree(tmp_path)
        start._collect_static()
    assert said.getvalue() == (
        f"{tmp_path}: No space left on device. Style sheets and scripts are sent as they are, uncompressed.\n"
    )
