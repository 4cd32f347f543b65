"""`manage.py import_dataset`: bring a file in as a dataset, or make one of ARC tasks."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.artefacts import artefact_store
from apps.core.errors import TerrariumError
from apps.core.models import User
from apps.core.words import plural, size
from apps.training.engine.faults import Fault
from apps.training.models import Dataset, DatasetFormat, DatasetState
from apps.training.services import building, datasets

_PARTS = ("instruction", "input", "output", "system", "messages")
_EVERY_SECONDS = 0.5
_SHOWN = 50


class Command(BaseCommand):
    """Stores the file here; a worker reads it."""

    help = (
        "Import a dataset from PATH (CSV, JSON, JSONL, Parquet; also .gz, .zip), or make one of ARC tasks (--tasks). "
        "A running worker does it; without --detach the command waits for it, and tells every fault with its line."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The command line."""
        parser.add_argument("path", nargs="?", type=Path, metavar="PATH")
        parser.add_argument("--name", help="default: the name of the file; the same name again is the next version")
        parser.add_argument("--description", default="")
        parser.add_argument("--owner", help="the member whose it is (default: nobody's, so only admins change it)")
        parser.add_argument("--format", choices=DatasetFormat.values, default="", help="default: as it looks")
        for part in _PARTS:
            parser.add_argument(f"--{part}", default="", metavar="COLUMN", help=f"the column that holds the {part}")
        parser.add_argument(
            "--tasks", metavar="DATASET/SPLIT", nargs="+", help="of these ARC tasks, such as arc1/training"
        )
        parser.add_argument("--orientations", type=int, default=8)
        parser.add_argument("--recolourings", type=int, default=1)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--detach", action="store_true", help="do not wait")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Begin, wait, and say what became of it."""
        if bool(options["path"]) == bool(options["tasks"]):
            raise CommandError("Name a file, or tasks with --tasks.")
        try:
            dataset = self._begin(options)
        except (TerrariumError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{dataset.pk}  {dataset}")
        if not options["detach"]:
            self._wait(dataset)

    def _begin(self, options: dict[str, Any]) -> Dataset:
        owner = None
        if options["owner"]:
            owner = User.objects.filter(username=options["owner"]).first()
            if owner is None:
                raise CommandError(f"There is no member {options['owner']}.")
        if options["tasks"]:
            return self._of_tasks(options, owner)
        path: Path = options["path"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        said = {part: options[part] for part in _PARTS if options[part]}
        shape = "chat" if "messages" in said else "instruction"
        return datasets.dataset_begin(
            name=options["name"] or path.name.partition(".")[0],
            stored=artefact_store(source=path.resolve()),
            file_name=path.name,
            by=owner,
            description=options["description"],
            format=options["format"],
            mapping={"shape": shape, **said} if said else None,
        )

    def _of_tasks(self, options: dict[str, Any], owner: User | None) -> Dataset:
        chosen = [name.partition("/") for name in options["tasks"]]
        tasks = {
            "datasets": sorted({dataset for dataset, _, _ in chosen}),
            "sources": sorted({source for _, _, source in chosen if source}),
        }
        recipe = {name: options[name] for name in ("orientations", "recolourings", "seed")}
        spec = building.spec_from(building.TasksSpec, {"tasks": tasks, **recipe})
        name = options["name"] or f"Tasks of {', '.join(options['tasks'])}"
        return building.tasks_build(name=name, spec=spec, by=owner, description=options["description"])

    def _wait(self, dataset: Dataset) -> None:
        said = ""
        while dataset.state in datasets.OPEN:
            job = dataset.job
            note = f"{job.status} {job.progress_note}".strip() if job is not None else ""
            if note != said:
                said = note
                self.stdout.write(note)
            time.sleep(_EVERY_SECONDS)
            dataset = Dataset.objects.select_related("job").get(pk=dataset.pk)
        if dataset.state == DatasetState.MAPPING:
            raise CommandError(
                f"Its columns are {', '.join(dataset.columns)}: say with --instruction and --output, or --messages, which is which."
            )
        if dataset.state == DatasetState.FAILED:
            unit = "Row" if dataset.format == DatasetFormat.PARQUET else "Line"
            lines = [Fault(**fault).sentence(unit) for fault in dataset.faults[:_SHOWN]] or [dataset.error]
            if dataset.fault_count > len(lines):
                lines.append(f"And {dataset.fault_count - len(lines):,} more.")
            raise CommandError("\n".join([*lines, "Nothing was imported."]))
        self.stdout.write(f"Ready: {plural(dataset.num_samples, 'example')}, {size(dataset.size_bytes)}.")
