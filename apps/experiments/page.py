"""What every page of an experiment shows around its work: state, figures, actions, tabs. Shared with its live parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.core.access import is_owner
from apps.core.models import Role, User
from apps.experiments import queries
from apps.experiments.models import Experiment, ExperimentRun, ExperimentStatus
from apps.experiments.queries.experiments import ACTIVE
from apps.experiments.queries.figures import Progress
from apps.experiments.schemas import RowFigures, RunResults, Totals
from apps.experiments.strategies import title_of

TABS = (
    ("detail", "Matrix"),
    ("curves", "Curves"),
    ("tasks", "Tasks"),
    ("config", "Config"),
    ("log", "Log"),
)
ENDED = (ExperimentStatus.COMPLETED, ExperimentStatus.FAILED, ExperimentStatus.CANCELLED)


def _half(figures: RowFigures | Totals) -> float | None:
    if figures.macro_low is None or figures.macro_high is None:
        return None
    return (figures.macro_high - figures.macro_low) / 2


@dataclass(frozen=True)
class FigureRow:
    """A row's figures with its strategy's title."""

    title: str
    figures: RowFigures

    @property
    def macro_half(self) -> float | None:
        """Half the width of the macro interval."""
        return _half(self.figures)


@dataclass(frozen=True)
class RunPage:
    """One run of an experiment as its pages show it. `run` is null before the start."""

    experiment: Experiment
    run: ExperimentRun | None
    runs: Sequence[int]
    progress: Progress | None
    results: RunResults | None
    user: User

    @property
    def status(self) -> str:
        """The state shown: of the run, where there is one."""
        return self.run.status if self.run else self.experiment.status

    @property
    def totals(self) -> Totals | None:
        """The figures of the whole run."""
        return self.results.totals if self.results else None

    @property
    def macro_half(self) -> float | None:
        """Half the width of the interval of the headline figure."""
        return _half(self.totals) if self.totals else None

    @property
    def rows(self) -> list[FigureRow]:
        """The figures of each row."""
        return [FigureRow(title_of(row.strategy), row) for row in self.results.rows] if self.results else []

    @property
    def is_latest(self) -> bool:
        """Whether this is the latest run; earlier ones are only looked at."""
        return self.run is None or not self.runs or self.run.number == self.runs[0]

    @property
    def is_active(self) -> bool:
        """Whether more will come."""
        return self.run is not None and (self.run.status in ACTIVE or not self.is_settled)

    @property
    def is_settled(self) -> bool:
        """Whether every cell has ended (a cancelled run settles a moment after the cancel)."""
        return self.progress is None or self.progress.done >= self.progress.total

    @property
    def can_write(self) -> bool:
        """Whether this member may act on it."""
        return is_owner(self.user, self.experiment.created_by_id)

    @property
    def can_copy(self) -> bool:
        """Whether this member may make experiments."""
        return self.user.has_role(Role.RESEARCHER)

    @property
    def retriable(self) -> bool:
        """Whether some cells failed, timed out or were cancelled and nothing forbids to do them again."""
        if not self.is_latest or self.results is None or self.status == ExperimentStatus.PAUSED:
            return False
        return self.results.totals.failures > 0 or self.status == ExperimentStatus.CANCELLED

    @property
    def ended(self) -> bool:
        """Whether the experiment is over."""
        return self.experiment.status in ENDED

    @property
    def key(self) -> str:
        """The run as live pages name it."""
        return self.run.run_id if self.run else ""

    @property
    def query(self) -> str:
        """What keeps an earlier run chosen in links."""
        return "" if self.is_latest or self.run is None else f"?run={self.run.number}"


def run_page(*, experiment: Experiment, number: int | None, user: User) -> RunPage:
    """Read what the head of the page needs: five statements."""
    numbers = list(experiment.runs.order_by("-number").values_list("number", flat=True))
    run = queries.run_of(experiment, number)
    if run is None:
        return RunPage(experiment, None, [], None, None, user)
    progress = queries.progress_of([run])[run.run_id]
    return RunPage(experiment, run, numbers, progress, results_of(run, progress), user)


def results_of(run: ExperimentRun, progress: Progress) -> RunResults:
    """Stored when the run has ended, computed while it has not."""
    if run.status in ENDED and run.metrics and progress.done >= progress.total:
        return RunResults.model_validate(run.metrics)
    return queries.run_figures(run_id=run.run_id, number=run.number)


def tabs(page: RunPage) -> list[dict[str, Any]]:
    """The tabs with their addresses."""
    base = f"/experiments/{page.experiment.pk}/"
    return [
        {"key": key, "label": label, "url": base + ("" if key == "detail" else f"{key}/") + page.query}
        for key, label in TABS
    ]
