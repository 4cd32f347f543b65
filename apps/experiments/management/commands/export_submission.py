"""`manage.py export_submission`: the answers of an experiment as other people's tools take them."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.engine.zips import zip_parts
from apps.core.errors import TerrariumError
from apps.core.words import plural
from apps.experiments import queries, services
from apps.experiments.engine.answer_files import csv_2020, harness, kaggle
from apps.experiments.queries.answers import AnswerPlan, Wish, answer_plan, answers, filled

FORMATS = ("submission", "csv2020", "harness")


class Command(BaseCommand):
    """Writes a file, or for the harness a folder or a zip."""

    help = (
        "Write the answers of an experiment's run: submission (Kaggle's submission.json), csv2020, or harness (a file a "
        "task, into a folder, or a zip where the name ends so). What is not answered is filled in and counted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The command line."""
        parser.add_argument("experiment", help="its id")
        parser.add_argument("out", type=Path, help="where to write")
        parser.add_argument("--format", choices=FORMATS, default="submission")
        parser.add_argument("--run", type=int, help="its number (default: the latest)")
        parser.add_argument("--strategy", default="", help="whose attempts; needed where the run has several rows")
        parser.add_argument("--seed", type=int)
        parser.add_argument("--second-strategy", default="", help="take attempt 2 from this row")
        parser.add_argument("--second-seed", type=int)
        parser.add_argument("--dataset", default="", help="only the run's tasks of this dataset")
        parser.add_argument("--split", default="", help="every task of this split, such as arc2/evaluation")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Write, and say what was filled in."""
        names = ("strategy", "seed", "second_strategy", "second_seed", "dataset", "split")
        try:
            experiment = services.experiment_get(experiment_id=options["experiment"])
            run = queries.run_of(experiment, options["run"])
            if run is None:
                raise CommandError("This experiment has not been started.")
            plan = answer_plan(run, Wish(**{name: options[name] for name in names}))
            self._write(plan, options["format"], options["out"])
        except (TerrariumError, OSError) as error:
            raise CommandError(str(error)) from error
        missing = filled(plan)
        self.stdout.write(
            f"{options['out']}: {plural(len(plan.tasks), 'task')} by {plan.words}; filled in {plural(missing.tasks, 'task')} "
            f"without an answer, {plural(missing.outputs, 'test output')} in all."
        )

    def _write(self, plan: AnswerPlan, format: str, out: Path) -> None:
        found = answers(plan)
        if format != "harness":
            with open(out, "w", encoding="utf-8") as text:
                text.writelines(kaggle(found) if format == "submission" else csv_2020(found))
            return
        files = harness(found, run_id=plan.run.run_id, began=plan.run.started_at)
        if out.suffix == ".zip":
            with open(out, "wb") as packed:
                packed.writelines(zip_parts(files))
            return
        out.mkdir(parents=True, exist_ok=True)
        for name, data in files:
            (out / name).write_bytes(data)
