"""Lists of experiments, each with its latest run, progress and score, in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, FloatField, Q, QuerySet, Value
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast, NullIf

from apps.core.errors import NotFound
from apps.experiments.models import Experiment, ExperimentRun, ExperimentStatus, Solve
from apps.experiments.queries.figures import Progress, progress_of


def _measured(figure: str) -> Cast:
    """A figure of the whole as a number, null where it was not measured: JSON's null is the word "null" on SQLite."""
    text = KeyTextTransform(figure, KeyTransform("totals", "results"))
    return Cast(NullIf(text, Value("null")), FloatField())


SORTS: dict[str, tuple[Any, ...]] = {
    "created": ("created_at", "pk"),
    "-created": ("-created_at", "-pk"),
    "name": ("name", "pk"),
    "-name": ("-name", "-pk"),
    "status": ("status", "-created_at", "-pk"),
    "-status": ("-status", "-created_at", "-pk"),
    "score": (_measured("macro").asc(nulls_last=True), "-created_at", "-pk"),
    "-score": (_measured("macro").desc(nulls_last=True), "-created_at", "-pk"),
    "cost": (_measured("dollars").asc(nulls_last=True), "-created_at", "-pk"),
    "-cost": (_measured("dollars").desc(nulls_last=True), "-created_at", "-pk"),
}
"""The orders of the list; each ends in something unique, so that pages are stable."""

ACTIVE = (ExperimentStatus.IN_PROGRESS, ExperimentStatus.PAUSED)
_HEAVY = ("task_selection", "insights")
_HEAVY_RUN = ("task_ids", "metrics", "strategy_config", "error_log")


@dataclass(frozen=True)
class ExperimentRow:
    """An experiment as lists show it."""

    experiment: Experiment
    run: ExperimentRun | None
    progress: Progress | None
    macro: float | None
    macro_low: float | None
    macro_high: float | None
    dollars: float | None

    @property
    def strategies(self) -> list[str]:
        """The names of its strategies."""
        return sorted(self.experiment.strategy_configs)


def experiments_filtered(
    *, text: str = "", status: str = "", strategy: str = "", owner: str = "", sort: str = "-created"
) -> QuerySet[Experiment]:
    """The experiments asked for, in a stable order."""
    found = Experiment.objects.select_related("created_by").defer(*_HEAVY)
    if text:
        found = experiments_matching(found, text)
    if status:
        found = found.filter(status=status)
    if strategy:
        found = found.filter(strategy_configs__has_key=strategy)
    if owner:
        found = found.filter(created_by__username=owner)
    return found.order_by(*SORTS.get(sort, SORTS["-created"]))


def experiments_matching(found: QuerySet[Experiment], text: str) -> QuerySet[Experiment]:
    """Those with the text in their name or hypothesis, or as their id."""
    return found.filter(Q(name__icontains=text) | Q(hypothesis__icontains=text) | Q(experiment_id=text))


def rows_of(experiments: Sequence[Experiment]) -> list[ExperimentRow]:
    """Each with its latest run, progress and score: three statements more, however many."""
    runs = {
        run.experiment_id: run
        for run in ExperimentRun.objects.filter(experiment__in=[e.pk for e in experiments])
        .defer(*_HEAVY_RUN)
        .order_by("number")
    }
    active = [run for run in runs.values() if run.status in ACTIVE]
    progress = progress_of(active) if active else {}
    live = (
        dict(
            Solve.objects.filter(run__in=[run.run_id for run in active], score__isnull=False)
            .values_list("run_id")
            .annotate(mean=Avg("score"))
            .order_by("run_id")
        )
        if active
        else {}
    )
    return [_row(e, runs.get(e.pk), progress, live) for e in experiments]


def _row(
    experiment: Experiment, run: ExperimentRun | None, progress: dict[str, Progress], live: dict[str, Any]
) -> ExperimentRow:
    totals = (experiment.results or {}).get("totals", {})
    moves = run is not None and run.run_id in progress
    return ExperimentRow(
        experiment=experiment,
        run=run,
        progress=progress.get(run.run_id) if run else None,
        macro=live.get(run.run_id) if run and moves else totals.get("macro"),
        macro_low=None if moves else totals.get("macro_low"),
        macro_high=None if moves else totals.get("macro_high"),
        dollars=totals.get("dollars"),
    )


def run_of(experiment: Experiment, number: int | None = None) -> ExperimentRun | None:
    """The run of that number, the latest by default; null before the start. Without its list of tasks."""
    runs = experiment.runs.defer("task_ids").order_by("-number")
    if number is None:
        return runs.first()
    run = runs.filter(number=number).first()
    if run is None:
        raise NotFound(f"This experiment has no run {number}.")
    return run


def owners() -> list[str]:
    """The names of those who made experiments."""
    return list(
        Experiment.objects.order_by("created_by__username").values_list("created_by__username", flat=True).distinct()
    )
