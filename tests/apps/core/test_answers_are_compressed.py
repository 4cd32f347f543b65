"""Pages and JSON travel compressed; streams do not wait for it."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory

from apps.core.staticfiles import CompressionMiddleware

from .conftest import People

GZIP = {"accept-encoding": "gzip, deflate, br"}


def pass_on(response: Any) -> Any:
    return CompressionMiddleware(lambda _request: response)(RequestFactory().get("/", headers=GZIP))


@pytest.mark.parametrize("path", ["/account/", "/tasks/", "/api/v1/experiments/strategies", "/api/openapi.json"])
def test_a_page_and_an_answer_in_json_are_compressed(as_: Callable[..., Client], people: People, path: str) -> None:
    browser = as_(people.owner)
    plain = browser.get(path)
    small = browser.get(path, headers=GZIP)
    assert "Content-Encoding" not in plain.headers
    assert small["Content-Encoding"] == "gzip"
    assert int(small["Content-Length"]) == len(small.content) < len(plain.content)
    assert all("Accept-Encoding" in answer["Vary"] for answer in (plain, small))
    masked = re.compile(rb'"X-CSRFToken":"\w+"|name="csrfmiddlewaretoken" value="\w+"')
    assert masked.sub(b"", gzip.decompress(small.content))[:2000] == masked.sub(b"", plain.content)[:2000]


def test_the_length_tells_nothing_exactly() -> None:
    sizes = {len(pass_on(HttpResponse("the same page " * 200)).content) for _ in range(40)}
    assert len(sizes) > 5


def test_a_stream_leaves_as_it_comes() -> None:
    events = pass_on(StreamingHttpResponse(iter([b"data: 1\n\n" * 100]), content_type="text/event-stream"))
    assert "Content-Encoding" not in events.headers
    assert next(iter(events)) == b"data: 1\n\n" * 100
    export = pass_on(StreamingHttpResponse(iter([b"a,b\n" * 100]), content_type="text/csv"))
    assert "Content-Encoding" not in export.headers


def test_what_is_compressed_already_is_left_alone() -> None:
    for response in (
        HttpResponse(b"x" * 500, content_type="application/zip"),
        HttpResponse(b"x" * 500, content_type="image/png"),
        HttpResponse(b"x" * 500, headers={"Content-Encoding": "br"}),
    ):
        assert pass_on(response).content == b"x" * 500
