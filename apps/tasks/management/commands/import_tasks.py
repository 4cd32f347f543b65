"""`manage.py import_tasks`: bring ARC tasks into the collection."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.errors import TerrariumError
from apps.core.words import plural
from apps.tasks.content import make_task_id
from apps.tasks.engine.formats import CANONICAL_SETS
from apps.tasks.engine.intake.archives import Source, TooMuch
from apps.tasks.engine.intake.reading import read_sources
from apps.tasks.engine.intake.shelf import Shelf
from apps.tasks.models import TaskImport, TaskSource
from apps.tasks.plans import EFFECTS, Terms, troubles
from apps.tasks.previews import preview
from apps.tasks.services import canonical_import
from apps.tasks.services.imports import shelf_import

_SHOWN = 50


class Command(BaseCommand):
    """Imports the canonical sets, or task files, folders and archives. Safe to repeat."""

    help = (
        "Import ARC tasks. Without arguments: all canonical sets (ARC-AGI-1 and -2, training and evaluation). "
        "With PATHS: task files, lists, archives, Kaggle's files, and folders of them with everything below. The same "
        "rules as on the page: splits are read from keys, file names and folders, and all is imported or none."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The command line."""
        parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="a file, an archive or a folder")
        parser.add_argument(
            "--sets", nargs="+", choices=sorted(CANONICAL_SETS), metavar="SET", help=", ".join(CANONICAL_SETS)
        )
        parser.add_argument("--dataset", default="custom", help="dataset name for PATHS (default: custom)")
        parser.add_argument("--dataset-version", default="", help="dataset version for PATHS")
        parser.add_argument(
            "--source", choices=TaskSource.values, default="", help="split for all of PATHS (default: as they say)"
        )
        parser.add_argument("--skip-invalid", action="store_true", help="import the rest when some have problems")
        parser.add_argument("--propose", action="store_true", help="give tasks without a usable name the one proposed")
        parser.add_argument("--by-name", action="store_true", help="call tasks by the id that stands inside the file")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, and import nothing")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Import, all or none, and say what happened."""
        started = time.monotonic()
        try:
            said = []
            if options["sets"] or not options["paths"]:
                said.append(canonical_import(names=options["sets"] or CANONICAL_SETS).sentence())
            if options["paths"]:
                said.append(self._paths(options))
        except (TerrariumError, TooMuch, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{' '.join(said)} {time.monotonic() - started:.1f} s")

    def _paths(self, options: dict[str, Any]) -> str:
        terms = Terms(
            dataset=options["dataset"],
            version=options["dataset_version"][:64],
            source=options["source"],
            propose=options["propose"],
            by_name=options["by_name"],
        )
        make_task_id(terms.dataset, "check")
        with closing(Shelf()) as shelf:
            read_sources(_sources(options["paths"]), shelf)
            self._say(shelf, terms, skip_invalid=options["skip_invalid"])
            if options["dry_run"]:
                return _would(shelf, terms)
            return shelf_import(shelf=shelf, terms=terms, by=None).sentence()

    def _say(self, shelf: Shelf, terms: Terms, *, skip_invalid: bool) -> None:
        """What is left out and what was put together; problems end it, unless they are to be skipped."""
        for words in (*shelf.left_out_words(most=_SHOWN), *shelf.notes):
            self.stdout.write(words)
        found = list(islice(troubles(shelf, terms), _SHOWN + 1))
        lines = [f"{one.file}: {one.words}" if one.file not in one.words else one.words for one in found[:_SHOWN]]
        if len(found) > _SHOWN:
            lines.append("And more like these.")
        if found and not skip_invalid:
            raise CommandError("\n".join([*lines, "Nothing was imported. --skip-invalid imports the rest."]))
        for line in lines:
            self.stderr.write(f"Not imported: {line}")


def _would(shelf: Shelf, terms: Terms) -> str:
    found = preview(TaskImport(dataset=terms.dataset), shelf, terms, shown=0)
    groups = [
        f"{group.label}: {plural(group.count, 'task')}, {terms.source or group.read or 'split not said'}"
        for group in found.groups
    ]
    counts = ", ".join(f"{found.counts[effect]:,} {effect}" for effect in EFFECTS if found.counts[effect])
    return "\n".join([*groups, f"Would be: {counts or 'nothing'}; {found.moves:,} to another split."])


def _sources(paths: list[Path]) -> Iterator[Source]:
    """Each file, and every file below each folder, in name order; folders keep their names."""
    for path in paths:
        if path.is_dir():
            below = sorted(one for one in path.rglob("*") if one.is_file())
            if not below:
                raise CommandError(f"{path} holds no files.")
            base = path.resolve().parent
            for one in below:
                yield _source(
                    one, str(one.resolve().relative_to(base)) if one.resolve().is_relative_to(base) else one.name
                )
        else:
            if not path.exists():
                raise CommandError(f"There is no {path}.")
            yield _source(path, path.name)


def _source(path: Path, name: str) -> Source:
    def opened() -> IO[bytes]:
        return open(path, "rb")

    return Source(name, opened)
