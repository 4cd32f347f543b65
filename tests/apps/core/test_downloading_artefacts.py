"""An artefact is downloaded in pieces, with ranges, as a file to be saved and never as a page to be run."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.test import Client, RequestFactory

from apps.core import artefacts
from apps.core.models import Artefact
from tests.apps.core.conftest import People, Program

pytestmark = pytest.mark.django_db
BODY = bytes(range(256)) * 4


@pytest.fixture(autouse=True)
def _own_root(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path


@pytest.fixture
def artefact() -> Artefact:
    return artefacts.artefact_record(stored=artefacts.artefact_store(source=[BODY]))


def fetch(
    artefact: Artefact, *, method: str = "get", name: str = "model.bin", shown: bool = False, **headers: str
) -> Any:
    request = getattr(RequestFactory(), method)("/", headers={k.replace("_", "-"): v for k, v in headers.items()})
    return artefacts.download(request, artefact, name=name, shown=shown)


def body_of(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_the_whole_file_comes_with_its_hash_as_its_tag(artefact: Artefact) -> None:
    response = fetch(artefact)
    assert response.status_code == 200
    assert body_of(response) == BODY
    assert response["ETag"] == f'"{artefact.pk}"'
    assert response["Content-Length"] == "1024"
    assert response["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=1000-", 1000, 1024),
        ("bytes=-24", 1000, 1024),
        ("bytes=-5000", 0, 1024),
        ("bytes=0-5000", 0, 1024),
    ],
)
def test_a_range_is_served(artefact: Artefact, asked: str, start: int, end: int) -> None:
    response = fetch(artefact, range=asked)
    assert body_of(response) == BODY[start:end]
    assert response["Content-Length"] == str(end - start)
    if (start, end) == (0, 1024):
        assert response.status_code == 200
    else:
        assert response.status_code == 206
        assert response["Content-Range"] == f"bytes {start}-{end - 1}/1024"


@pytest.mark.parametrize("asked", ["bytes=1024-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_outside_the_file_is_refused_with_its_length(artefact: Artefact, asked: str) -> None:
    response = fetch(artefact, range=asked)
    assert response.status_code == 416
    assert response["Content-Range"] == "bytes */1024"


@pytest.mark.parametrize(
    "asked", ["bytes=-", "bytes=5-2", "bytes=a-b", "items=0-1", "bytes=0-1,5-6", "bytes=" + "9" * 400 + "-"]
)
def test_a_range_nobody_can_read_is_passed_over(artefact: Artefact, asked: str) -> None:
    response = fetch(artefact, range=asked)
    assert response.status_code == 200
    assert body_of(response) == BODY


def test_a_resumed_download_goes_on_only_with_the_same_file(artefact: Artefact) -> None:
    same = fetch(artefact, range="bytes=1000-", if_range=f'"{artefact.pk}"')
    other = fetch(artefact, range="bytes=1000-", if_range='"something else"')
    assert (same.status_code, other.status_code) == (206, 200)


@pytest.mark.parametrize("known", ['"{}"', 'W/"{}"', '"other", "{}"', "*"])
def test_what_the_client_has_is_not_sent_again(artefact: Artefact, known: str) -> None:
    response = fetch(artefact, if_none_match=known.format(artefact.pk))
    assert response.status_code == 304
    assert response.content == b""


def test_an_empty_file_is_downloaded() -> None:
    empty = artefacts.artefact_record(stored=artefacts.artefact_store(source=[]))
    response = fetch(empty)
    assert (response.status_code, response["Content-Length"], body_of(response)) == (200, "0", b"")
    assert fetch(empty, range="bytes=0-").status_code == 416


def test_a_head_request_tells_the_length_and_sends_nothing(artefact: Artefact) -> None:
    response = fetch(artefact, method="head")
    assert response["Content-Length"] == "1024"
    assert response.content == b""


@pytest.mark.parametrize(
    "media_type", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "application/pdf"]
)
def test_what_could_run_in_a_browser_is_always_saved(media_type: str) -> None:
    stored = artefacts.artefact_store(source=[b"<script>alert(1)</script>"])
    response = fetch(artefacts.artefact_record(stored=stored, media_type=media_type), name="x.html", shown=True)
    assert response["Content-Disposition"].startswith("attachment")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]


def test_a_picture_and_plain_text_may_be_shown_when_asked_to() -> None:
    text = artefacts.artefact_record(stored=artefacts.artefact_store(source=[b"<b>plain</b>"]), media_type="text/plain")
    assert fetch(text, name="a.txt", shown=True)["Content-Disposition"].startswith("inline")
    assert fetch(text, name="a.txt", shown=True)["Content-Type"] == "text/plain; charset=utf-8"
    assert fetch(text, name="a.txt")["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("model.bin", 'attachment; filename="model.bin"'),
        ("größe.csv", "attachment; filename*=utf-8''gr%C3%B6%C3%9Fe.csv"),
        ('a"b/../c\\d', 'attachment; filename="a_b_.._c_d"'),
        ("a\r\nSet-Cookie: x=y", 'attachment; filename="a__Set-Cookie: x=y"'),
        ("\ud800.txt", 'attachment; filename="?.txt"'),
        ("..", 'attachment; filename="file"'),
    ],
)
def test_a_name_cannot_break_out_of_its_header(artefact: Artefact, name: str, said: str) -> None:
    assert fetch(artefact, name=name)["Content-Disposition"] == said


def test_a_long_download_over_asgi_takes_little_memory() -> None:
    stored = artefacts.artefact_store(source=(b"m" * 1_000_000 for _ in range(40)))
    artefact = artefacts.artefact_record(stored=stored)

    class Handler(ASGIHandler):
        """Django's own handler, with one view and no middleware."""

        def __init__(self) -> None:
            super().__init__()
            self._middleware_chain = self._view

        async def _view(self, request: Any) -> Any:
            return artefacts.download(request, artefact, name="big")

    pieces: list[int] = []

    async def receive() -> dict[str, Any]:
        if pieces or received:
            await asyncio.sleep(3600)
        received.append(True)
        return {"type": "http.request", "body": b""}

    async def send(message: Mapping[str, Any]) -> None:
        pieces.append(len(message.get("body", b"")))

    received: list[bool] = []
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "http_version": "1.1"}
    tracemalloc.start()
    try:
        asyncio.run(Handler()(scope, receive, send))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(pieces) == 40_000_000
    assert len(pieces) > 100
    assert peak < 30_000_000


def test_members_read_artefacts_by_json_and_strangers_do_not(
    artefact: Artefact, people: People, program: Callable[..., Program], anonymous: Client
) -> None:
    base = f"/api/v1/artefacts/{artefact.pk}"
    reader = program(people.viewer, "read")
    known = reader.call("get", base).json()
    assert (known["sha256"], known["size"], known["is_folder"], known["damage"]) == (artefact.pk, 1024, False, None)
    content = reader.call("get", f"{base}/content?name=m.bin")
    assert body_of(content) == BODY
    assert content["Content-Disposition"] == 'attachment; filename="m.bin"'
    assert reader.client.get(f"{base}/content", headers={"range": "bytes=0-3"}).status_code == 206
    for path in (base, f"{base}/content", f"{base}/files"):
        assert anonymous.get(path).status_code == 401


def test_the_files_of_a_folder_are_listed_by_json(
    tmp_path: Path, people: People, program: Callable[..., Program]
) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("b", "a"):
        (tmp_path / "folder" / name).write_text(name)
    folder = artefacts.folder_record(stored=artefacts.folder_store(path=tmp_path / "folder"))
    reader = program(people.viewer, "read")
    assert reader.call("get", f"/api/v1/artefacts/{folder.pk}").json()["is_folder"] is True
    page = reader.call("get", f"/api/v1/artefacts/{folder.pk}/files").json()
    assert [(item["name"], item["size"]) for item in page["items"]] == [("a", 1), ("b", 1)]
    assert page["total"] == 2


@pytest.mark.parametrize(
    ("name", "status"), [("0" * 64, 404), ("x", 404), ("..%2f..%2fetc%2fpasswd", 404), ("%00", 400)]
)
def test_what_is_no_artefact_is_not_found(
    name: str, status: int, people: People, program: Callable[..., Program]
) -> None:
    assert program(people.viewer, "read").call("get", f"/api/v1/artefacts/{name}/content").status_code == status


def test_a_lost_file_is_said_and_not_a_fault(
    artefact: Artefact, people: People, program: Callable[..., Program]
) -> None:
    artefacts.store().path(artefact.pk).unlink()
    answer = program(people.viewer, "read").call("get", f"/api/v1/artefacts/{artefact.pk}/content")
    assert answer.status_code == 404
    assert "not kept here" in answer.json()["error"]["message"]
