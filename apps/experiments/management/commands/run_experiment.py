"""`manage.py run_experiment NAME --strategy program_synthesis --tasks arc1/training --limit 40 --seconds 10 --wait`."""

from __future__ import annotations

import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.forms import ValidationError as FormError
from pydantic import ValidationError

from apps.core import words
from apps.core.errors import TerrariumError
from apps.experiments import queries, services
from apps.experiments.documents import ExperimentSpec, RowFigures
from apps.experiments.forms import read_seeds
from apps.experiments.management.commands.first_light import owner_named
from apps.experiments.models import ACTIVE, Experiment, ExperimentRun
from apps.experiments.strategies import title_of
from apps.experiments.strategies import words as problem_words
from apps.tasks.criteria import TaskCriteria

POLL_SECONDS = 1.0


class Command(BaseCommand):
    """Create an experiment and start it; with `--wait`, follow it to its end."""

    help = "Create an experiment and start it. With --wait, follow it and print its results."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to run on what."""
        parser.add_argument("name", help="what the experiment is called")
        parser.add_argument("--strategy", action="append", required=True, help="a registered strategy; may be repeated")
        parser.add_argument("--config", action="append", default=[], help="options of a strategy: NAME={json}")
        parser.add_argument(
            "--tasks", action="append", default=[], help="dataset/split, a dataset, or a task id; may be repeated"
        )
        parser.add_argument("--limit", type=int, default=None, help="the first so many by id")
        parser.add_argument("--sample", type=int, default=None, help="so many at random (the same ones every time)")
        parser.add_argument("--seeds", default="0", help="such as 0 or 0,1 or 0-4")
        parser.add_argument("--seconds", type=float, default=10.0, help="core-seconds a task")
        parser.add_argument("--hypothesis", default="")
        parser.add_argument("--description", default="")
        parser.add_argument("--owner", default="", help="user name of its owner; default: the first admin")
        parser.add_argument("--create-only", action="store_true", help="do not start it")
        parser.add_argument(
            "--wait", action="store_true", help="follow it to its end; exit status 1 unless it completes"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make, start, follow."""
        owner = owner_named(options["owner"])
        try:
            made = services.experiment_create(spec=_spec(options), by=owner)
            if not options["create_only"]:
                services.experiment_start(experiment=made, by=owner)
        except TerrariumError as error:
            raise CommandError(error.message) from None
        self.stdout.write(f"{made.pk}  /experiments/{made.pk}/")
        if options["wait"] and not options["create_only"]:
            self._follow(made)

    def _follow(self, experiment: Experiment) -> None:
        run = queries.run_of(experiment)
        if run is None:
            raise CommandError("The experiment has no run.")
        said = ""
        while True:
            run = ExperimentRun.objects.defer("task_ids").get(pk=run.pk)
            progress = queries.progress_of([run])[run.pk]
            line = f"{progress.done} of {progress.total}"
            if progress.waiting_for:
                line += f", {progress.waiting_for.state}: {progress.waiting_for.words}"
            if line != said:
                said = line
                eta = f", {words.duration(progress.eta_seconds)} to go" if progress.eta_seconds else ""
                self.stdout.write(f"  {line}{eta}")
                self.stdout.flush()
            if run.status not in ACTIVE and progress.settled:
                break
            time.sleep(POLL_SECONDS)
        self._results(run)
        if run.status != "completed":
            raise CommandError(f"The experiment is {run.status}. {run.error_log or ''}".strip())

    def _results(self, run: ExperimentRun) -> None:
        for row in queries.results_of([run])[run.pk].rows:
            self.stdout.write(
                f"{title_of(row.strategy)} seed {row.seed}: {_scores(row)}, {_costs(row)}, {words.plural(row.failures, 'failure')}"
            )


def _scores(row: RowFigures) -> str:
    if row.macro is None or row.macro_low is None or row.macro_high is None or row.micro is None:
        return "not scored (no cell with a known truth has ended)"
    return (
        f"macro {words.pct(row.macro)} ({words.interval(row.macro_low, row.macro_high)}), "
        f"micro {words.pct(row.micro)}, strict {words.count(row.strict)} of {words.count(row.scored)}"
    )


def _costs(row: RowFigures) -> str:
    if row.core_seconds is None or row.dollars is None or row.joules is None:
        return "nothing spent yet"
    return f"{words.effort(row.core_seconds)}, {words.money(row.dollars)}, {words.energy(row.joules)} (estimated)"


def _spec(options: dict[str, Any]) -> ExperimentSpec:
    configs: dict[str, Any] = {name: {} for name in options["strategy"]}
    for given in options["config"]:
        name, _, text = given.partition("=")
        if name not in configs:
            raise CommandError(f"--config {name}: name one of the strategies chosen: {', '.join(configs)}.")
        try:
            configs[name] = json.loads(text)
        except json.JSONDecodeError as error:
            raise CommandError(f"--config {name}: not valid JSON ({error}).") from None
    try:
        return ExperimentSpec(
            name=options["name"],
            hypothesis=options["hypothesis"],
            description=options["description"],
            strategy_configs=configs,
            task_selection_criteria=_criteria(options),
            seeds=read_seeds(options["seeds"]),
            seconds_per_task=options["seconds"],
        )
    except ValidationError as error:
        problem = problem_words(error, "")[0]
        raise CommandError(f"{problem.field}: {problem.message}") from None
    except FormError as error:
        raise CommandError(f"--seeds: {error.messages[0]}") from None


def _criteria(options: dict[str, Any]) -> TaskCriteria:
    """`arc1/training` and `arc2` select; `arc1:007bbfb7` names one. Not both at once."""
    ids = [name for name in options["tasks"] if ":" in name]
    places = [name for name in options["tasks"] if ":" not in name]
    if ids and places:
        raise CommandError("--tasks: give either task ids or datasets, not both.")
    sources = {source for _, _, source in (place.partition("/") for place in places)}
    if len(sources) > 1:
        raise CommandError("--tasks: several datasets need the same split, such as arc1/training arc2/training.")
    return TaskCriteria(
        task_ids=ids or None,
        datasets=[place.partition("/")[0] for place in places],
        sources=[source for source in sources if source],
        sample=options["sample"],
        limit=options["limit"],
    )
