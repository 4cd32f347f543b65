"""`manage.py import_tasks`: bring ARC tasks into the collection."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from apps.core.errors import TerrariumError
from apps.tasks.engine.formats import CANONICAL_SETS, TaskData, load_folder, parse_task_text
from apps.tasks.models import TaskSource
from apps.tasks.services import ImportReport, canonical_import, tasks_import


class Command(BaseCommand):
    """Imports the canonical sets, or task files and folders. Safe to repeat."""

    help = (
        "Import ARC tasks. Without arguments: all canonical sets (ARC-AGI-1 and -2, training and evaluation). "
        "With PATHS: task files (*.json, the file's name is the id) and folders of them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The command line."""
        parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="a task file or a folder of them")
        parser.add_argument(
            "--sets", nargs="+", choices=sorted(CANONICAL_SETS), metavar="SET", help=", ".join(CANONICAL_SETS)
        )
        parser.add_argument("--dataset", default="custom", help="dataset name for PATHS (default: custom)")
        parser.add_argument("--dataset-version", default="", help="dataset version for PATHS")
        parser.add_argument("--source", choices=TaskSource.values, default=TaskSource.TRAINING, help="split for PATHS")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Import, all or none, and say what happened."""
        started = time.monotonic()
        try:
            with transaction.atomic():
                report = self._import(options)
        except (TerrariumError, ValueError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{report.sentence()} {time.monotonic() - started:.1f} s")

    def _import(self, options: dict[str, Any]) -> ImportReport:
        report = ImportReport()
        if options["sets"] or not options["paths"]:
            report += canonical_import(names=options["sets"] or CANONICAL_SETS)
        if options["paths"]:
            report += tasks_import(
                tasks=[task for path in options["paths"] for task in _read(path)],
                dataset=options["dataset"],
                dataset_version=options["dataset_version"],
                source=TaskSource(options["source"]),
            )
        return report


def _read(path: Path) -> list[TaskData]:
    if path.is_dir():
        tasks = list(load_folder(path))
        if not tasks:
            raise CommandError(f"{path} holds no *.json task files.")
        return tasks
    return [parse_task_text(path.read_bytes(), path.stem)]
