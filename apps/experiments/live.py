"""What moves on the pages of an experiment while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.template.loader import render_to_string

from apps.core import live
from apps.core.errors import NotFound
from apps.core.live import Event, Grouping, LivePage, SharedState, groups
from apps.core.models import User
from apps.experiments import charts, queries
from apps.experiments.documents import RunResults
from apps.experiments.models import ExperimentRun, Solve
from apps.experiments.page import TABS, RunPage
from apps.experiments.queries.log import line_of
from apps.experiments.queries.progress import Progress
from apps.experiments.rows import moving_html
from apps.experiments.templatetags.experiments import cells_html, live_cell_rows

MAX_LISTED_RUNS = 100
_TAB_NAMES = {key for key, _ in TABS}


def register() -> None:
    """Make the live pages known."""
    live.register(LivePage(name="experiment", topics=_topics, render=_render))
    groups.register(Grouping("experiments", members=_runs_of, owners=_experiments_of))
    live.register(LivePage(name="experiments", topics=_list_topics, render=_list_render, shared=True))


def _runs_of(group: str) -> QuerySet[Any]:
    return ExperimentRun.objects.filter(experiment_id=group).values("run_id")


def _experiments_of(topics: Sequence[str]) -> dict[str, str]:
    return dict(ExperimentRun.objects.filter(run_id__in=topics).values_list("run_id", "experiment_id"))


def _split(key: str) -> tuple[str, str]:
    run_id, _, tab = key.partition(":")
    if tab not in _TAB_NAMES:
        raise NotFound(f"There is no such page: {key[:80]!r}.")
    return run_id, tab


def _topics(_user: User, key: str) -> list[str]:
    run_id, _ = _split(key)
    if not ExperimentRun.objects.filter(run_id=run_id).exists():
        raise NotFound(f"There is no run {run_id[:60]!r}.")
    return [run_id]


@dataclass(frozen=True)
class _Standing:
    """How a run stands, the same for whoever watches it."""

    run: ExperimentRun
    progress: Progress
    results: RunResults

    def page(self, user: User) -> RunPage:
        """The head of the page as this member sees it."""
        return RunPage(self.run.experiment, self.run, [self.run.number], self.progress, self.results, user)


_standings: SharedState[_Standing] = SharedState()
_shown: SharedState[str] = SharedState()


def _standing(run_id: str) -> _Standing:
    run = (
        ExperimentRun.objects.select_related("experiment__created_by")
        .defer("task_ids", "strategy_config", "experiment__task_selection")
        .get(run_id=run_id)
    )
    return _Standing(run, *queries.standings_of([run])[run_id])


def _render(user: User, key: str, events: Sequence[Event]) -> str:
    """The head of the page always; of the tab only what changed. A fixed number of statements, whatever the run's size.

    Figures and what shows them are the same for everybody: made once an event, however many watch.
    """
    run_id, tab = _split(key)
    if events:
        last = events[-1].position
        standing = _standings.at(run_id, last, lambda: _standing(run_id))
        alike = _shown.at((run_id, tab), last, lambda: _alike(standing, tab, user))
    else:
        standing = _standing(run_id)
        alike = _alike(standing, tab, user)
    page = standing.page(user)
    parts = [alike, render_to_string("experiments/_actions.html", _context(page, tab))]
    if tab in ("detail", "tasks"):
        parts.append(_cells(standing.run, tab, events))
    elif tab == "log":
        parts.append(_lines(events))
    return "".join(parts)


def _context(page: RunPage, tab: str) -> dict[str, Any]:
    return {"page": page, "experiment": page.experiment, "run": page.run, "tab": tab, "oob": True}


def _alike(standing: _Standing, tab: str, user: User) -> str:
    """What depends neither on who watches nor on what was heard since when."""
    context = _context(standing.page(user), tab)
    names = ["_state", "_figures", *(["_rows"] if tab == "detail" else [])]
    shown = "".join(render_to_string(f"experiments/{name}.html", context) for name in names)
    return shown + _curves(standing.run.run_id) if tab == "curves" else shown


def _cells(run: ExperimentRun, tab: str, events: Sequence[Event]) -> str:
    """The cells that changed: in the matrix, or as rows of the table."""
    jobs = list(dict.fromkeys(event.job_id for event in events if event.job_id))
    if not jobs:
        return ""
    base = f"/experiments/{run.experiment_id}/"
    if tab == "tasks":
        return live_cell_rows(Solve.objects.filter(run=run, job_id__in=jobs).order_by("position"), base)
    return cells_html(queries.cells_of_jobs(run_id=run.run_id, job_ids=jobs), base)


def _curves(run_id: str) -> str:
    plot = charts.solve_curve(queries.curves(run_id=run_id))
    return render_to_string("experiments/_curve_live.html", {"plot": plot, "oob": True})


def _lines(events: Sequence[Event]) -> str:
    lines = [
        line_of(key=event.position.cursor, type=event.type, payload=event.payload, at=event.at, job_id=event.job_id)
        for event in events
    ]
    return render_to_string("experiments/_log_live.html", {"lines": [line for line in lines if line is not None]})


def _list_topics(_user: User, key: str) -> list[str]:
    names = [name for name in key.split(",") if name][:MAX_LISTED_RUNS]
    return list(ExperimentRun.objects.filter(run_id__in=names).values_list("run_id", flat=True)) or ["-"]


def _list_render(_user: User, key: str, events: Sequence[Event]) -> str:
    """The rows whose runs moved."""
    names = {event.topic for event in events} & set(key.split(","))
    found = queries.experiments_filtered().filter(runs__run_id__in=names).distinct()
    rows = queries.rows_of(list(found[:MAX_LISTED_RUNS]))
    return "".join(map(moving_html, rows))
