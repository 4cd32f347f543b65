"""What nobody measured is null in API rows, exports and sorts: never 0, which is a result."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.test import Client

from apps.core.models import User
from apps.experiments.models import Experiment
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import GRID, cells, end, make_task

Make = Callable[..., Experiment]
ROOT = "/api/v1/experiments"
SHARES = ("macro", "macro_low", "macro_high", "strict")


@pytest.fixture
def client(viewer: User) -> Client:
    """A viewer's browser."""
    client = Client()
    client.force_login(viewer)
    return client


@pytest.fixture
def blind(db: None) -> list[ArcTask]:
    """Two tasks whose truth is not known."""
    withheld = [{"input": GRID, "output": None}]
    return [make_task(name, tests=withheld, dataset="blind") for name in ("x", "y")]


def over_blind(make: Make, **changes: Any) -> Experiment:
    """A finished experiment over tasks without truths."""
    made = make(task_selection_criteria={"datasets": ["blind"]}, **changes)
    for cell in cells(made):
        end(cell)
    made.refresh_from_db()
    return made


def test_an_experiment_without_truths_has_costs_and_no_score(make: Make, blind: list[ArcTask], client: Client) -> None:
    made = over_blind(make)
    told = client.get(f"{ROOT}/{made.pk}").json()
    (row,), totals = told["results"]["rows"], told["results"]["totals"]
    assert {name: totals[name] for name in SHARES} == dict.fromkeys(SHARES)
    assert {row[name] for name in (*SHARES, "micro", "micro_low", "strict_share", "strict_low")} == {None}
    assert totals["core_seconds"] == pytest.approx(4.0)
    assert totals["dollars_per_task"] > 0
    (item,) = client.get(ROOT).json()["items"]
    assert item["macro"] is None
    assert item["dollars"] > 0


def test_a_run_that_has_not_answered_yet_has_spent_nothing_known(
    make: Make, tasks: list[ArcTask], client: Client
) -> None:
    made = make()
    totals = client.get(f"{ROOT}/{made.pk}").json()["results"]["totals"]
    assert [totals[name] for name in ("macro", "strict", "core_seconds", "dollars", "joules")] == [None] * 5
    end(cells(made)[0])
    first, *rest = client.get(f"{ROOT}/{made.pk}/cells").json()["items"]
    assert first["core_seconds"] == pytest.approx(2.0)
    assert [cell[name] for cell in rest for name in ("core_seconds", "dollars", "joules")] == [None] * 6


def test_a_score_of_zero_stays_zero(make: Make, db: None, client: Client) -> None:
    make_task("wrong", tests=[{"input": GRID, "output": [[9]]}])
    made = make()
    end(cells(made)[0])
    totals = client.get(f"{ROOT}/{made.pk}").json()["results"]["totals"]
    assert (totals["macro"], totals["strict"], totals["macro_low"]) == (0.0, 0, 0.0)


def test_sorting_sets_the_unmeasured_apart_at_either_end(
    make: Make, tasks: list[ArcTask], blind: list[ArcTask], client: Client
) -> None:
    over_blind(make, name="blind")
    for name, wanted in (("good", "a"), ("bad", "c")):
        made = make(name=name, task_selection_criteria={"task_ids": [f"lab:{wanted}"]})
        end(cells(made)[0])
    make(name="waiting", start=False)

    def names(sort: str) -> list[str]:
        return [item["name"] for item in client.get(f"{ROOT}?sort={sort}").json()["items"]]

    assert names("-score")[:2] == ["good", "bad"]
    assert names("score")[:2] == ["bad", "good"]
    assert set(names("score")[2:]) == set(names("-score")[2:]) == {"blind", "waiting"}
    assert names("cost")[-1] == names("-cost")[-1] == "waiting"


def test_cells_sort_by_effort_only_where_it_is_known(make: Make, tasks: list[ArcTask], client: Client) -> None:
    made = make()
    end(cells(made)[2])
    for sort in ("effort", "-effort", "cost", "-cost"):
        body = client.get(f"/experiments/{made.pk}/tasks/?sort={sort}").content.decode()
        order = sorted("abc", key=lambda name: body.index(f">lab:{name}<"))
        assert order[0] == "c", sort


def test_the_export_leaves_unmeasured_columns_empty(make: Make, tasks: list[ArcTask], client: Client) -> None:
    made = make()
    end(cells(made)[0])
    text = client.get(f"{ROOT}/{made.pk}/export?format=csv").getvalue().decode()
    first, second, _ = csv.DictReader(io.StringIO(text))
    columns = ("score", "outputs_hit", "outputs", "confidence_score", "core_seconds", "wall_seconds", "dollars")
    assert all(first[column] for column in columns)
    assert {second[column] for column in columns} == {""}


def test_the_command_says_that_nothing_was_scored(
    make: Make, blind: list[ArcTask], capsys: pytest.CaptureFixture[str]
) -> None:
    from apps.experiments.management.commands.run_experiment import Command

    made = over_blind(make)
    run = made.runs.get()
    Command()._results(run)
    said = capsys.readouterr().out
    assert "not scored" in said
    assert "0.00 %" not in said


def test_figures_stored_as_zero_by_an_older_version_become_null() -> None:
    unmeasured = import_module("apps.experiments.migrations.0004_unmeasured_is_null").unmeasured
    empty = {"scored": 0, "outputs": 0, "done": 2, "macro": 0.0, "micro": 0.0, "strict": 0, "dollars": 0.3}
    good = {"scored": 2, "outputs": 2, "done": 2, "macro": 0.0, "micro": 0.0, "strict": 0, "dollars": 0.3}
    stored = {
        "version": 1,
        "rows": [empty, good],
        "totals": {"scored_tasks": 0, "done": 0, "macro": 0.0, "dollars": 0.0},
    }
    known = unmeasured(stored)
    assert known["rows"][0] == {**empty, "macro": None, "micro": None, "strict": None}
    assert known["rows"][1] == good
    assert known["totals"] == {"scored_tasks": 0, "done": 0, "macro": None, "dollars": None}
    assert unmeasured(known) == known
