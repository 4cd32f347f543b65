"""What every page of an experiment shows around its work: state, figures, actions, tabs. Shared with its live parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.core.access import is_owner
from apps.core.models import Role, User
from apps.experiments import queries
from apps.experiments.documents import RowFigures, RunResults, StrategyFigures, Totals
from apps.experiments.models import ACTIVE, ENDED, Experiment, ExperimentRun, ExperimentStatus
from apps.experiments.queries.figures import total_of
from apps.experiments.queries.progress import Progress
from apps.experiments.strategies import title_of

TABS = (
    ("detail", "Matrix"),
    ("curves", "Curves"),
    ("tasks", "Tasks"),
    ("config", "Config"),
    ("log", "Log"),
)


@dataclass(frozen=True)
class FigureGroup:
    """The rows of one strategy, a seed each, and its figures over all of them."""

    title: str
    figures: StrategyFigures
    rows: Sequence[RowFigures]

    @property
    def tasks(self) -> int:
        """Its cells."""
        return sum(row.tasks for row in self.rows)

    @property
    def dollars(self) -> float | None:
        """What they cost."""
        return total_of(row.dollars for row in self.rows)

    @property
    def joules(self) -> float | None:
        """The energy they took."""
        return total_of(row.joules for row in self.rows)


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
        """The state of the run, where there is one."""
        return self.run.status if self.run else self.experiment.status

    @property
    def totals(self) -> Totals | None:
        """The figures of the whole run."""
        return self.results.totals if self.results else None

    @property
    def state(self) -> str:
        """The state shown: a run of which no cell can run yet is queued, or prepares."""
        waiting = self.progress.waiting_for if self.progress else None
        return waiting.state if waiting else self.status

    @property
    def groups(self) -> list[FigureGroup]:
        """The figures of each strategy, seed by seed."""
        if self.results is None:
            return []
        rows = self.results.rows
        return [
            FigureGroup(title_of(one.strategy), one, [row for row in rows if row.strategy == one.strategy])
            for one in self.results.strategies
        ]

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
        return self.progress is None or self.progress.settled

    @property
    def stopping(self) -> int:
        """How many cells still run although they should not: they stop within seconds."""
        stops = self.status in (ExperimentStatus.PAUSED, ExperimentStatus.CANCELLED)
        return self.progress.running if self.progress and stops else 0

    @property
    def can_write(self) -> bool:
        """Whether this member may act on it."""
        return is_owner(self.user, self.experiment.created_by_id)

    @property
    def can_copy(self) -> bool:
        """Whether this member may make experiments."""
        return self.user.has_role(Role.RESEARCHER)

    @property
    def retriable(self) -> str:
        """What can be done again, in words: "3 failed", "8 cancelled"; empty where nothing can."""
        totals = self.totals
        if not self.is_latest or totals is None or self.status == ExperimentStatus.PAUSED:
            return ""
        counted = ((totals.failures, "failed"), (totals.cancelled, "cancelled"))
        return ", ".join(f"{number:,} {word}" for number, word in counted if number)

    @property
    def retry_label(self) -> str:
        """What the button that does so says."""
        return f"Retry {self.retriable}"

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
    """Read what the head of the page needs: three statements for a run that has ended, some more while it moves."""
    numbers = list(experiment.runs.order_by("-number").values_list("number", flat=True))
    run = queries.run_of(experiment, number)
    if run is None:
        return RunPage(experiment, None, [], None, None, user)
    return RunPage(experiment, run, numbers, *queries.standings_of([run])[run.run_id], user)


def tabs(page: RunPage) -> list[dict[str, Any]]:
    """The tabs with their addresses."""
    base = f"/experiments/{page.experiment.pk}/"
    return [
        {"key": key, "label": label, "url": base + ("" if key == "detail" else f"{key}/") + page.query}
        for key, label in TABS
    ]
