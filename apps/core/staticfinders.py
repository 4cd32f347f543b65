"""Static files that come out of installed packages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage

_FILES = ("bokeh.min.js",)


class BokehFinder(BaseFinder):
    """Bokeh's own browser library as `bokeh/…`, so that charts need no network."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        found = find_spec("bokeh")  # not imported: every command would wait for it
        assert found is not None
        assert found.origin is not None
        self.folder = Path(found.origin).parent / "server" / "static" / "js"
        self.storage = FileSystemStorage(location=self.folder)
        self.storage.prefix = "bokeh"  # type: ignore[attr-defined]

    def check(self, **_kwargs: Any) -> list[Any]:
        """Nothing to configure, so nothing to check."""
        return []

    def find(self, path: str, find_all: bool = False, **_kwargs: Any) -> Any:
        """The file behind `bokeh/<name>`."""
        folder, _, name = path.partition("/")
        if folder != "bokeh" or name not in _FILES:
            return []
        found = str(self.folder / name)
        return [found] if find_all else found

    def list(self, ignore_patterns: Iterable[str] | None = None) -> Iterator[tuple[str, FileSystemStorage]]:
        """Each file with the storage it is read from, for collectstatic."""
        for name in _FILES:
            yield name, self.storage
