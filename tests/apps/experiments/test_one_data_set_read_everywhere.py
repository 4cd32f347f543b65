"""One lab with several seeds, a task nobody can judge, cancelled cells and a run behind another: every place says the same."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from apps.core import words
from apps.core.models import User
from apps.experiments.models import Experiment
from apps.experiments.services import experiment_cancel
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import GRID, begin, cells, end, make_task
from tests.apps.experiments.test_figures_are_the_same_everywhere import headline, item, plain, row, shown, told
from tests.apps.experiments.test_the_pages import client_of, text
from tests.apps.experiments.test_what_a_run_waits_for import worker

pytestmark = pytest.mark.django_db
Make = Callable[..., Experiment]


@pytest.fixture
def lab(make: Make, tasks: list[ArcTask], teammate: User, owner: User) -> dict[str, Experiment]:
    """`ahead` runs; `ended` was cancelled after 6 of 8 cells, on both seeds; `behind` waits."""
    make_task("d", tests=[{"input": GRID, "output": None}])
    worker(cpu=1)
    ahead = make(name="Ahead", by=teammate)
    begin(cells(ahead)[0])
    ended = make(name="Ended", seeds=[0, 1])
    for cell, seconds in zip(cells(ended)[2:], (1.0, 2.0, 3.0, 4.0, 5.0, 6.0), strict=True):
        end(cell, cpu=seconds)
    experiment_cancel(experiment=ended, by=owner)
    ended.refresh_from_db()
    return {"ahead": ahead, "ended": ended, "behind": make(name="Behind", seeds=[0, 1])}


def observatory(user: User) -> str:
    return plain(text(client_of(user).get("/")).split("<main")[1])


def exported(user: User, made: Experiment, form: str) -> str:
    response = client_of(user).get(f"/api/v1/experiments/{made.pk}/export?format={form}")
    assert response.status_code == 200
    return bytes(response.getvalue()).decode()


def test_what_was_cancelled_half_way_is_the_same_figure_everywhere(lab: dict[str, Experiment], viewer: User) -> None:
    ended = lab["ended"]
    totals, listed = told(viewer, ended)["results"]["totals"], item(viewer, ended)
    assert (totals["cells"], totals["done"], totals["cancelled"], totals["scored_tasks"]) == (8, 6, 2, 2)
    score, interval, cost = shown(totals)
    for place in (headline(viewer, ended), row(viewer, ended), observatory(viewer)):
        assert f"{score} {interval}" in place
        assert cost in place
    for name in ("macro", "macro_low", "macro_high", "dollars"):
        assert listed[name] == totals[name], name
    assert "of 6 cells done, 2 cancelled" in headline(viewer, ended)
    assert "6 of 8 cells" in row(viewer, ended)
    kept = json.loads(exported(viewer, ended, "json"))
    assert kept["experiment"]["results"]["totals"] == totals
    lines = list(csv.DictReader(io.StringIO(exported(viewer, ended, "csv"))))
    spent = sum(float(line["dollars"]) for line in lines if line["dollars"])
    assert spent == pytest.approx(totals["dollars"])
    assert words.effort(totals["core_seconds_per_task"]).replace(words.THIN, " ") in headline(viewer, ended)


def test_the_task_nobody_can_judge_is_null_and_a_dash_and_no_part_of_a_score(
    lab: dict[str, Experiment], viewer: User
) -> None:
    ended = lab["ended"]
    lines = list(csv.DictReader(io.StringIO(exported(viewer, ended, "csv"))))
    unjudged = [line for line in lines if line["task_id"] == "lab:d"]
    assert [line["score"] for line in unjudged] == ["", ""]
    judged = [float(line["score"]) for line in lines if line["score"]]
    assert told(viewer, ended)["results"]["totals"]["macro"] == pytest.approx(sum(judged) / len(judged))
    shown_cells = client_of(viewer).get("/api/v1/experiments/submissions").json()["items"]
    assert {one["score"] for one in shown_cells if one["task_id"] == "lab:d"} == {None}
    assert "not scored" in plain(text(client_of(viewer).get("/tasks/lab:d/submissions/")))


def test_a_run_behind_another_is_queued_everywhere_and_has_no_figures_yet(
    lab: dict[str, Experiment], viewer: User
) -> None:
    behind = lab["behind"]
    detail, listed = told(viewer, behind), item(viewer, behind)
    waits = listed["progress"]["waiting_for"]
    assert waits == detail["progress"]["waiting_for"]
    assert "cell" in waits
    assert waits.endswith(" ahead")
    for place in (text(client_of(viewer).get(f"/experiments/{behind.pk}/")), row(viewer, behind), observatory(viewer)):
        assert "queued" in plain(place)
        assert waits in plain(place)
    nulls: dict[str, Any] = dict.fromkeys(("macro", "macro_low", "macro_high", "dollars"))
    assert {name: listed[name] for name in nulls} == nulls
    assert {name: detail["results"]["totals"][name] for name in nulls} == nulls
    assert row(viewer, behind).count(words.UNKNOWN) >= 2
    assert "$0" not in row(viewer, behind) + headline(viewer, behind)
    assert "0.0 %" not in row(viewer, behind) + headline(viewer, behind)
    assert json.loads(exported(viewer, behind, "json"))["experiment"]["results"]["totals"]["macro"] is None


def test_a_list_sorted_by_score_sets_what_has_none_apart(lab: dict[str, Experiment], viewer: User) -> None:
    client = client_of(viewer)
    for way in ("score", "-score"):
        found = [one["name"] for one in client.get(f"/api/v1/experiments?sort={way}").json()["items"]]
        assert found[0] == "Ended", way
