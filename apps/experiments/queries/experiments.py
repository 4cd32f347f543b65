"""Lists of experiments, each with its latest run, progress and score, in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, FloatField, Q, QuerySet, Value, When
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast, NullIf

from apps.core.errors import NotFound
from apps.experiments.documents import RunResults, Totals
from apps.experiments.models import ACTIVE, Experiment, ExperimentRun
from apps.experiments.queries.figures import results_computed, results_stored, sums_of
from apps.experiments.queries.progress import Progress, progress_of

Order = tuple[Any, ...] | Callable[[], tuple[Any, ...]]


def _shown(figure: str, *, down: bool) -> Callable[[], tuple[Any, ...]]:
    """The order by a figure of the whole as the list shows it: kept where the latest run has ended, else as it stands.

    Experiments without the figure come last either way.
    """

    def order() -> tuple[Any, ...]:
        active = list(ExperimentRun.objects.filter(status__in=ACTIVE).defer(*_HEAVY_RUN))
        totals = {run.experiment_id: results.totals for run, results in zip(active, _computed(active), strict=True)}
        now = [
            When(pk=pk, then=Value(getattr(total, figure), output_field=FloatField())) for pk, total in totals.items()
        ]
        figures = Case(*now, default=_kept_figure(figure), output_field=FloatField())
        return (figures.desc(nulls_last=True) if down else figures.asc(nulls_last=True), "-created_at", "-pk")

    return order


def _computed(runs: Sequence[ExperimentRun]) -> list[RunResults]:
    found = results_computed(runs)
    return [found[run.run_id] for run in runs]


def _kept_figure(figure: str) -> Cast:
    """A kept figure as a number, null where it was not measured: JSON's null is the word "null" on SQLite."""
    text = KeyTextTransform(figure, KeyTransform("totals", "results"))
    return Cast(NullIf(text, Value("null")), FloatField())


SORTS: dict[str, Order] = {
    "created": ("created_at", "pk"),
    "-created": ("-created_at", "-pk"),
    "name": ("name", "pk"),
    "-name": ("-name", "-pk"),
    "status": ("status", "-created_at", "-pk"),
    "-status": ("-status", "-created_at", "-pk"),
    "score": _shown("macro", down=False),
    "-score": _shown("macro", down=True),
    "cost": _shown("dollars", down=False),
    "-cost": _shown("dollars", down=True),
}
"""The orders of the list; each ends in something unique, so that pages are stable."""

_HEAVY = ("task_selection", "insights")
_HEAVY_RUN = ("task_ids", "metrics", "strategy_config", "error_log")


@dataclass(frozen=True)
class ExperimentRow:
    """An experiment as lists show it."""

    experiment: Experiment
    run: ExperimentRun | None
    progress: Progress | None
    totals: Totals | None

    @property
    def macro(self) -> float | None:
        """Mean share of test outputs solved; null where nothing is scored."""
        return self.totals.macro if self.totals else None

    @property
    def macro_low(self) -> float | None:
        """The lower end of its interval."""
        return self.totals.macro_low if self.totals else None

    @property
    def macro_high(self) -> float | None:
        """The upper end of its interval."""
        return self.totals.macro_high if self.totals else None

    @property
    def dollars(self) -> float | None:
        """What it has cost so far."""
        return self.totals.dollars if self.totals else None

    @property
    def state(self) -> str:
        """The state a person is shown: a run of which no cell can run yet is queued, or prepares."""
        waiting = self.progress.waiting_for if self.progress else None
        return waiting.state if waiting else self.experiment.status

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
    order = SORTS.get(sort, SORTS["-created"])
    return found.order_by(*(order() if callable(order) else order))


def experiments_matching(found: QuerySet[Experiment], text: str) -> QuerySet[Experiment]:
    """Those with the text in their name or hypothesis, or as their id."""
    return found.filter(Q(name__icontains=text) | Q(hypothesis__icontains=text) | Q(experiment_id=text))


def rows_of(experiments: Sequence[Experiment]) -> list[ExperimentRow]:
    """Each with its latest run, progress and figures: three statements more, however many, and a few while some wait."""
    runs = {
        run.experiment_id: run
        for run in ExperimentRun.objects.filter(experiment__in=[e.pk for e in experiments])
        .defer(*_HEAVY_RUN)
        .order_by("number")
    }
    kept = {e.pk: _kept(e, runs.get(e.pk)) for e in experiments}
    moving = [run for pk, run in runs.items() if kept[pk] is None]
    sums = sums_of(moving)
    progress, computed = progress_of(moving, sums), results_computed(moving, sums)
    return [_row(e, runs.get(e.pk), kept[e.pk], progress, computed) for e in experiments]


def _kept(experiment: Experiment, run: ExperimentRun | None) -> RunResults | None:
    stored = results_stored(experiment.results)
    return stored if stored and run and stored.run_id == run.run_id else None


def _row(
    experiment: Experiment,
    run: ExperimentRun | None,
    kept: RunResults | None,
    progress: dict[str, Progress],
    computed: dict[str, RunResults],
) -> ExperimentRow:
    results = kept or (computed.get(run.run_id) if run else None)
    return ExperimentRow(
        experiment=experiment,
        run=run,
        progress=progress.get(run.run_id) if run and run.status in ACTIVE else None,
        totals=results.totals if results else None,
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
