"""Before the start: the budget of steps, and beside it what earlier runs of the strategies measured on cores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.core.models import User
from apps.experiments import queries
from apps.experiments.models import Experiment
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import cells, end
from tests.apps.experiments.strategies import Echo
from tests.apps.experiments.test_figures_are_the_same_everywhere import plain
from tests.apps.experiments.test_putting_one_together import NEW, TYPED
from tests.apps.experiments.test_the_pages import client_of, text

pytestmark = pytest.mark.django_db
Make = Callable[..., Experiment]


@pytest.fixture
def client(tasks: list[ArcTask], owner: User) -> Client:
    return client_of(owner)


@pytest.fixture
def run_before(make: Make, tasks: list[ArcTask]) -> Callable[..., Experiment]:
    """Run an experiment over the three tasks to its end, each cell in so many core-seconds."""

    def run(cpu: float, **changes: Any) -> Experiment:
        made = make(**changes)
        for cell in cells(made):
            end(cell, cpu=cpu)
        return made

    return run


def said(client: Client, **changes: Any) -> str:
    return plain(text(client.post(f"{NEW}estimate/", {**TYPED, "seeds": "0", "seconds_per_task": "4", **changes})))


def test_before_anything_was_measured_only_the_budget_is_told(client: Client) -> None:
    body = said(client)
    assert "budget 12 s of search steps in all" in body
    assert "measured in" not in body


def test_what_earlier_runs_measured_stands_beside_the_budget(
    client: Client, run_before: Callable[..., Experiment]
) -> None:
    run_before(5.0, seconds_per_task=4.0)
    body = said(client)
    assert "budget 12 s of search steps in all" in body
    assert "about 15 s of cores, as measured in 3 cells of earlier runs" in body
    assert "at another budget" not in body


def test_the_nearest_budget_is_what_counts_and_is_said_to_be_another(
    client: Client, run_before: Callable[..., Experiment]
) -> None:
    run_before(100.0, seconds_per_task=60.0)
    run_before(3.0, seconds_per_task=2.0)
    body = said(client)
    assert "about 18 s of cores, as measured in 3 cells of earlier runs at another budget" in body


def test_of_several_runs_each_cell_counts_once(client: Client, run_before: Callable[..., Experiment]) -> None:
    run_before(1.0, seconds_per_task=4.0)
    run_before(4.0, seconds_per_task=4.0, seeds=[0, 1])
    assert "about 9.0 s of cores, as measured in 9 cells" in said(client)


def test_a_strategy_not_measured_leaves_the_whole_unmeasured(
    client: Client, run_before: Callable[..., Experiment]
) -> None:
    run_before(5.0, seconds_per_task=4.0)
    assert "measured in" not in said(client, strategies=["echo", "other"])


def test_another_version_of_a_strategy_says_nothing(
    client: Client, run_before: Callable[..., Experiment], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_before(5.0, seconds_per_task=4.0)
    monkeypatch.setattr(Echo, "version", "2")
    assert "measured in" not in said(client)


def test_it_takes_one_statement_however_many_runs_there_were(run_before: Callable[..., Experiment]) -> None:
    def statements() -> int:
        with CaptureQueriesContext(
            connection,
        ) as taken:
            queries.estimate(tasks=3, seeds=1, strategies=["echo"], budget=4.0, slots=2)
        return len(taken)

    run_before(5.0)
    first = statements()
    run_before(5.0)
    assert (first, statements()) == (1, 1)
