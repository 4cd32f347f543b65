"""The list of experiments, declared."""

from __future__ import annotations

from collections.abc import Sequence

from apps.core.lists import Choice, Column, Empty, Listing, ListPage, Search, Sort
from apps.core.models import Role, User
from apps.experiments import queries
from apps.experiments.engine import registry
from apps.experiments.models import ACTIVE, Experiment, ExperimentStatus
from apps.experiments.queries.experiments import SORTS, ExperimentRow, experiments_matching
from apps.experiments.strategies import title_of


def _states() -> list[tuple[str, str]]:
    said = {ExperimentStatus.IN_PROGRESS: "Running"}
    return [(status.value, said.get(status, str(status.label))) for status in ExperimentStatus]


def _nothing(user: User) -> Empty:
    if not user.has_role(Role.RESEARCHER):
        return Empty(
            "No experiment yet", "Researchers of the lab create them; what they find appears here.", icon="experiments"
        )
    return Empty(
        "No experiment yet",
        "Choose strategies and tasks; each task, strategy and seed becomes a job, and the answers fill a matrix as they come.",
        icon="experiments",
        action_url="/experiments/new/",
        action_label="New experiment",
    )


def _present(found: Sequence[Experiment], _user: User) -> list[ExperimentRow]:
    return queries.rows_of(found)


def _moving(listing: Listing) -> str | None:
    """The runs on this page that may still change."""
    return ",".join(row.run.run_id for row in listing.items if row.run and row.run.status in ACTIVE) or None


EXPERIMENTS = ListPage(
    name="experiments",
    title="Experiments",
    noun="experiment",
    url="experiments:list",
    rows=lambda _user: queries.experiments_filtered(),
    search=Search("Name or hypothesis", experiments_matching),
    filters=(
        Choice("status", "State", _states, "status"),
        Choice(
            "strategy",
            "Strategy",
            lambda: [(name, title_of(name)) for name in registry.names()],
            lambda rows, name: rows.filter(strategy_configs__has_key=name),
            open=True,
        ),
        Choice(
            "owner",
            "Owner",
            lambda: [(name, name) for name in queries.owners()],
            "created_by__username",
            open=True,
        ),
    ),
    sorts={name: Sort(order) for name, order in SORTS.items()},
    first_sort="-created",
    columns=(
        Column("Experiment", sort="name"),
        Column("State", sort="status"),
        Column("Progress", wide=True),
        Column("Solved", sort="score", first="desc", num=True),
        Column("Cost", sort="cost", first="desc", num=True, wide=True),
        Column("Owner", wide=True),
        Column("Created", sort="created", first="desc", num=True, wide=True),
    ),
    body="experiments/_list.html",
    present=_present,
    page_size=25,
    nothing=_nothing,
    loosen="Loosen the filter: another state, another owner, or fewer words.",
    live="experiments",
    live_key=_moving,
)
