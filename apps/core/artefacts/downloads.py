"""Handing out an artefact: in pieces, with ranges, as a file to be saved and never as a page to be run."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from http import HTTPStatus
from typing import BinaryIO

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header, parse_etags

from apps.core.artefacts.reading import artefact_open
from apps.core.errors import MethodNotAllowed
from apps.core.models import Artefact
from apps.core.streaming import Stream

_PIECE = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_SHOWN = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "text/plain", "application/json"})
"""What a browser may show by itself when asked to; everything else is saved. Nothing here can hold a script."""
_MAX_NAME = 200


def download(
    request: HttpRequest, artefact: Artefact, *, name: str, media_type: str = "", shown: bool = False
) -> HttpResponseBase:
    """The artefact's bytes under a name. Answers GET and HEAD, one range, and `If-None-Match` (its hash is its ETag)."""
    if request.method not in {"GET", "HEAD"}:
        raise MethodNotAllowed("Artefacts are read with GET or HEAD.")
    etag = f'"{artefact.sha256}"'
    if _is_known(request, etag):
        return _dressed(HttpResponse(status=HTTPStatus.NOT_MODIFIED), etag)
    span = _span(request, artefact.size, etag)
    if span is None:
        refused = HttpResponse(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        refused.headers["Content-Range"] = f"bytes */{artefact.size}"
        return _dressed(refused, etag)
    start, end = span
    whole = (start, end) == (0, artefact.size)
    file = artefact_open(artefact)
    file.seek(start)
    response = _response(request, file, end - start)
    response.status_code = HTTPStatus.OK if whole else HTTPStatus.PARTIAL_CONTENT
    if not whole:
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{artefact.size}"
    kind = media_type or artefact.media_type
    response.headers["Content-Type"] = f"{kind}; charset=utf-8" if kind == "text/plain" else kind
    response.headers["Content-Length"] = str(end - start)
    response.headers["Content-Disposition"] = _disposition(
        name or artefact.sha256, save=not shown or kind not in _SHOWN
    )
    return _dressed(response, etag)


def _response(request: HttpRequest, file: BinaryIO, length: int) -> HttpResponseBase:
    """A body in the form its server reads in pieces: the other one would be held in memory whole."""
    response: HttpResponseBase
    if request.method == "HEAD":
        file.close()
        return HttpResponse()
    if isinstance(request, ASGIRequest):
        response = Stream(_pieces_async(file, length))
    else:
        response = StreamingHttpResponse(_pieces(file, length))
    response._resource_closers.append(file.close)  # type: ignore[attr-defined]
    return response


def _dressed(response: HttpResponseBase, etag: str) -> HttpResponseBase:
    response.headers["ETag"] = etag
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def _is_known(request: HttpRequest, etag: str) -> bool:
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return known == ["*"] or etag in [one.removeprefix("W/") for one in known]


def _span(request: HttpRequest, size: int, etag: str) -> tuple[int, int] | None:
    """Which bytes, from and before; everything without a range we read; None for one that lies outside."""
    whole = (0, size)
    asked = _RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    if asked is None or asked.group(0) == "bytes=-" or request.headers.get("If-Range", etag) != etag:
        return whole
    first, last = asked.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return whole
    return (start, end) if start < end else None


def _disposition(name: str, *, save: bool) -> str:
    plain = "".join("_" if ord(one) < 32 or ord(one) == 127 or one in '/\\"' else one for one in name)
    plain = plain.encode("utf-8", "replace").decode()[:_MAX_NAME].strip(" .") or "file"
    return content_disposition_header(save, plain) or "attachment"


def _pieces(file: BinaryIO, length: int) -> Iterator[bytes]:
    with file:
        while length > 0:
            piece = _read(file, length)
            length -= len(piece)
            yield piece


async def _pieces_async(file: BinaryIO, length: int) -> AsyncGenerator[bytes]:
    with file:
        while length > 0:
            piece = await asyncio.to_thread(_read, file, length)
            length -= len(piece)
            yield piece


def _read(file: BinaryIO, left: int) -> bytes:
    piece = file.read(min(_PIECE, left))
    if not piece:
        raise OSError("the file is shorter than it was when it was stored: run manage.py verify_artefacts")
    return piece
