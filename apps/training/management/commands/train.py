"""`manage.py train`: make a training run and, with --wait, see it to its end."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from pydantic import ValidationError

from apps.core.accounts import first_admin_ensure
from apps.core.errors import Invalid, TerrariumError
from apps.core.models import TERMINAL_STATUSES, JobStatus, User
from apps.training.documents import TrainingJobCreate
from apps.training.engine.config import PRESETS
from apps.training.models import TrainingJob
from apps.training.services.runs import training_job_create


class Command(BaseCommand):
    """Make a training run."""

    help = "Make a training run; a worker of the gpu queue carries it out."

    def add_arguments(self, parser: CommandParser) -> None:
        """What a request has, and files of it."""
        parser.add_argument("name")
        parser.add_argument(
            "--base-model", required=True, help="a registered model, a folder, a hub's id, or a size such as llama-1m"
        )
        parser.add_argument("--dataset", required=True, help="the id of a dataset")
        parser.add_argument("--eval-dataset")
        parser.add_argument("--output", help="the name of the model that comes out; that of the run unless given")
        parser.add_argument("--preset", choices=sorted(PRESETS))
        parser.add_argument(
            "--config", type=Path, help="a JSON file with method, hyperparameters, lora_config, quantization, options"
        )
        parser.add_argument(
            "--set", action="append", default=[], metavar="PART.NAME=VALUE", help="such as hyperparameters.num_epochs=1"
        )
        parser.add_argument("--owner", help="a user's name; the first admin unless given")
        parser.add_argument("--wait", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it, and wait if asked to."""
        said: dict[str, Any] = dict(PRESETS[options["preset"]][1]) if options["preset"] else {}
        for part, value in _config(options["config"], options["set"]).items():
            said[part] = {**said.get(part, {}), **value} if isinstance(value, dict) else value
        request = {
            **said,
            "name": options["name"],
            "base_model": options["base_model"],
            "dataset_id": options["dataset"],
            "eval_dataset_id": options["eval_dataset"],
            "output_dir": options["output"] or options["name"],
        }
        try:
            spec = TrainingJobCreate.model_validate(request)
            run = training_job_create(spec=spec, by=_owner(options["owner"]))
        except ValidationError as error:
            raise CommandError(Invalid.from_pydantic(error).message) from None
        except TerrariumError as error:
            raise CommandError(error.message) from None
        self.stdout.write(f"{run.pk} is queued.")
        if options["wait"]:
            self._wait(run)

    def _wait(self, run: TrainingJob) -> None:
        note = ""
        while True:
            run = TrainingJob.objects.select_related("job").get(pk=run.pk)
            if run.job is not None and run.job.progress_note != note:
                note = run.job.progress_note
                self.stdout.write(note)
            if run.status in TERMINAL_STATUSES:
                break
            time.sleep(1.0)
        if run.status != JobStatus.COMPLETED:
            raise CommandError(f"{run.status}: {run.error_message}")
        self.stdout.write(json.dumps({"model_id": run.model_id, **run.outcome}, indent=2))


def _owner(name: str | None) -> User:
    if name is None:
        return first_admin_ensure()
    found = User.objects.filter(username=name).first()
    if found is None:
        raise CommandError(f"There is no user {name!r}.")
    return found


def _config(file: Path | None, settings: list[str]) -> dict[str, Any]:
    try:
        whole: dict[str, Any] = json.loads(file.read_text()) if file else {}
    except (OSError, ValueError) as error:
        raise CommandError(f"{file} cannot be read as JSON: {error}") from None
    for setting in settings:
        path, equals, text = setting.partition("=")
        part, dot, name = path.partition(".")
        if not equals:
            raise CommandError(f"--set {setting}: write PART.NAME=VALUE, such as hyperparameters.num_epochs=1.")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        whole[part] = {**whole.get(part, {}), name: value} if dot else value
    return whole
