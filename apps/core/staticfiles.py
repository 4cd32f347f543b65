"""How style sheets and scripts travel: under names that hold their hash, compressed, kept by browsers for good.

`collectstatic` makes the files, WhiteNoise serves them. What is not there (nothing collected yet, the folder deleted
while the server runs, a full disk) is served from where it comes from: plain, and kept for a minute only.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import brotli
from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from whitenoise.base import MissingFileError
from whitenoise.compress import Compressor
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

_BROTLI_QUALITY = 9
"""The best, 11, makes files a tenth smaller and takes twenty times as long, at a first start that a person waits for."""
_HASH = re.compile(r"\.[0-9a-f]{12}(?=\.\w+$)")
_COMPRESSED_TYPES = ("text/html", "text/plain", "text/csv", "application/json", "image/svg+xml")

_CSS = [(glob, patterns) for glob, patterns in ManifestStaticFilesStorage.patterns if glob == "*.css"]
_IMPORT = r"""(?P<matched>(?P<head>\b(?:import\s*\(?|from)\s*)["'](?P<url>\.{1,2}/.*?)["'])"""
_MODULES = [("js/*.js", ((_IMPORT, '%(head)s"%(url)s"'),))]  # ours alone: packages refer to files they do not bring


class _QuickCompressor(Compressor):  # type: ignore[misc]
    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        return bytes(brotli.compress(data, quality=_BROTLI_QUALITY))


class HashedStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Files under hashed names, with the references in style sheets and in our own modules following."""

    patterns = (*_CSS, *_MODULES)

    def stored_name(self, name: str) -> str:
        """The name with its hash; the plain one of what has not been collected."""
        return str(super().stored_name(name)) if self.hash_key(self.clean_name(name)) in self.hashed_files else name

    def create_compressor(self, **options: Any) -> Compressor:
        """One that a person waits for at the first start: quick, and without the source maps of packages, half of all."""
        return _QuickCompressor(**{**options, "extensions": (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")})

    def compress_files(self, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Only what was not compressed before: a name with a hash never means another content."""
        yield from super().compress_files([path for path in paths if not Path(f"{self.path(path)}.gz").exists()])


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    """WhiteNoise, without a thread for requests that are not its own, and with the way out described above."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._acall(request)
        answer = self._answer(request) if self._is_ours(request) else None
        return answer if answer is not None else self.get_response(request)

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        reads_files = sync_to_async(self._answer, thread_sensitive=False)
        answer = await reads_files(request) if self._is_ours(request) else None
        return answer if answer is not None else await self.get_response(request)

    def _is_ours(self, request: HttpRequest) -> bool:
        return request.path_info.startswith(self.static_prefix) and self.url_is_canonical(request.path_info)

    def _answer(self, request: HttpRequest) -> HttpResponse | None:
        path = request.path_info
        collected = self.find_file(path) if self.autorefresh else self.files.get(path)
        for file in (collected, self._source(path)):
            if file is not None:
                try:
                    return _response(file, request)
                except FileNotFoundError:
                    continue
        return None

    def _source(self, path: str) -> StaticFile | None:
        name = path.removeprefix(self.static_prefix)
        for plain in dict.fromkeys((name, _HASH.sub("", name))):
            found = finders.find(plain)
            if found:
                try:
                    # By the plain address, so that nobody keeps it for good: its references are plain as well.
                    return self.get_static_file(str(found), self.static_prefix + plain)
                except (MissingFileError, OSError):
                    continue
        return None


def _response(file: StaticFile, request: HttpRequest) -> HttpResponse:
    told = file.get_response(request.method, request.META)
    if told.file is None:
        response = HttpResponse(status=int(told.status))
    else:
        with told.file as opened:
            response = HttpResponse(opened.read(), status=int(told.status))
    del response["Content-Type"]
    for name, value in told.headers:
        response[name] = value
    return response


class CompressionMiddleware(GZipMiddleware):
    """Pages and JSON compressed; streams as they are, for each of their messages must leave at once.

    A guess at a secret by the compressed length (BREACH) finds CSRF tokens masked anew and a padding of random length.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress what is whole and text."""
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        if response.streaming or kind not in _COMPRESSED_TYPES:
            return response
        return super().process_response(request, response)
