"""One place computes each figure: what the page of an experiment shows is what lists, the API and the command say."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command

from apps.core import words
from apps.core.jobs import upkeep
from apps.core.models import User
from apps.experiments.models import Experiment, ExperimentRun
from apps.experiments.services import experiment_cancel, experiment_retry_failed
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import begin, cells, end
from tests.apps.experiments.test_the_pages import client_of, text

pytestmark = pytest.mark.django_db
Make = Callable[..., Experiment]


def plain(markup: str) -> str:
    """What a person reads: without tags, in one line."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", markup))).replace(words.THIN, " ").strip()


def headline(user: User, made: Experiment) -> str:
    """The strip of key figures on the page of an experiment."""
    body = text(client_of(user).get(f"/experiments/{made.pk}/"))
    return plain(body.split('id="exp-figures"')[1].split('class="row between tabs-row"')[0])


def row(user: User, made: Experiment) -> str:
    """Its line in the list."""
    body = text(client_of(user).get("/experiments/"))
    return plain(body.split(f'id="row-{made.pk}"')[1].split("</tr>")[0])


def told(user: User, made: Experiment) -> dict[str, Any]:
    """What the API says of it."""
    return dict(client_of(user).get(f"/api/v1/experiments/{made.pk}").json())


def item(user: User, made: Experiment) -> dict[str, Any]:
    """What the API says of it in a list."""
    listed = client_of(user).get("/api/v1/experiments").json()["items"]
    return next(one for one in listed if one["experiment_id"] == made.pk)


def shown(figures: dict[str, Any]) -> tuple[str, str, str]:
    """Score, interval and cost as pages write them."""
    written = (
        words.pct(figures["macro"]),
        words.interval(figures["macro_low"], figures["macro_high"]),
        words.money(figures["dollars"]),
    )
    return tuple(one.replace(words.THIN, " ") for one in written)  # type: ignore[return-value]


@pytest.fixture
def uneven(make: Make, tasks: list[ArcTask]) -> Experiment:
    """Under way, with one task done by both seeds and another by one: the mean over cells is not the mean over tasks."""
    made = make(seeds=[0, 1])
    first, second, third, *_ = cells(made)
    end(first, cpu=2.0)
    end(second, cpu=4.0)
    end(third, cpu=6.0)
    return made


def test_while_it_runs(uneven: Experiment, viewer: User) -> None:
    totals = told(viewer, uneven)["results"]["totals"]
    assert totals["macro"] == pytest.approx(0.75)
    assert totals["dollars"] == pytest.approx(12 * 0.05 / 3600)
    score, interval, cost = shown(totals)
    page, line, listed = headline(viewer, uneven), row(viewer, uneven), item(viewer, uneven)
    assert f"{score} {interval}" in page
    assert f"{cost} so far" in page
    assert f"{score} {interval}" in line
    assert cost in line
    assert (listed["macro"], listed["macro_low"], listed["dollars"]) == (
        totals["macro"],
        totals["macro_low"],
        totals["dollars"],
    )


def test_when_it_has_ended(uneven: Experiment, viewer: User) -> None:
    for cell in cells(uneven)[3:]:
        end(cell, cpu=1.0)
    totals = told(viewer, uneven)["results"]["totals"]
    score, interval, cost = shown(totals)
    assert f"{score} {interval}" in headline(viewer, uneven)
    assert f"{cost} in all" in headline(viewer, uneven)
    assert f"{score} {interval}" in row(viewer, uneven)
    assert cost in row(viewer, uneven)
    assert item(viewer, uneven)["macro"] == totals["macro"] == pytest.approx(0.5)


def test_an_uneven_interval_is_shown_by_its_two_ends(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    made = make()
    end(cells(made)[0])
    assert "100.0 % 21–100 %" in headline(viewer, made)
    assert "±" not in headline(viewer, made) + row(viewer, made)


def test_effort_is_what_was_measured_beside_the_budget_of_steps(uneven: Experiment, viewer: User) -> None:
    assert "Effort a task, measured 4.00 core-s most 6.00 · budget 1.00 s of steps" in headline(viewer, uneven)


def test_what_was_cancelled_is_not_done(make: Make, tasks: list[ArcTask], owner: User, viewer: User) -> None:
    made = make()
    first, second, _ = cells(made)
    end(first, cpu=2.0)
    end(second, "failed", cpu=4.0)
    experiment_cancel(experiment=made, by=owner)
    said = told(viewer, made)
    totals, progress = said["results"]["totals"], said["progress"]
    assert (totals["done"], totals["cancelled"], totals["failures"], totals["cells"]) == (2, 1, 1, 3)
    assert (progress["done"], progress["cancelled"], progress["waiting"]) == (2, 1, 0)
    assert totals["core_seconds_per_task"] == 3.0
    page = text(client_of(owner).get(f"/experiments/{made.pk}/"))
    assert "2 of 3 cells done, 1 cancelled" in plain(page)
    assert "Failures 1 of 2 cells done, 1 cancelled" in headline(viewer, made)
    assert "Retry 1 failed, 1 cancelled" in plain(page)
    assert "2 of 3 cells" in row(viewer, made)


def test_what_a_cancelled_cell_had_used_is_in_the_sum_and_in_no_mean(
    make: Make, tasks: list[ArcTask], owner: User, viewer: User
) -> None:
    made = make()
    first, second, _ = cells(made)
    end(first, cpu=2.0)
    begin(second)
    experiment_cancel(experiment=made, by=owner)
    end(second, "cancelled", cpu=10.0)
    totals = told(viewer, made)["results"]["totals"]
    assert (totals["core_seconds"], totals["core_seconds_per_task"], totals["core_seconds_most"]) == (12.0, 2.0, 2.0)


def test_seeds_are_pooled_task_by_task(uneven: Experiment, viewer: User) -> None:
    for cell in cells(uneven)[3:]:
        end(cell)
    results = told(viewer, uneven)["results"]
    (pooled,) = results["strategies"]
    assert (pooled["seeds"], pooled["tasks"], pooled["macro"]) == (2, 3, pytest.approx(0.5))
    assert pooled["macro_low"] == results["totals"]["macro_low"]
    body = plain(text(client_of(viewer).get(f"/experiments/{uneven.pk}/")))
    assert "Echo mean of 2 seeds 6 of 6 50.0 %" in body


def test_a_retry_takes_back_what_was_kept_and_figures_go_on(
    make: Make, tasks: list[ArcTask], owner: User, viewer: User
) -> None:
    made = make()
    first, *others = cells(made)
    end(first, "failed")
    for cell in others:
        end(cell)
    assert "16.7 %" in row(viewer, made)
    experiment_retry_failed(experiment=made, by=owner)
    made.refresh_from_db()
    assert made.results == {}
    assert "25.0 %" in row(viewer, made)  # of the two that stand
    end(cells(made)[0])
    assert "50.0 %" in row(viewer, made)
    assert "50.0 %" in headline(viewer, made)


def test_runs_over_the_same_tasks_can_be_told_from_others(make: Make, tasks: list[ArcTask]) -> None:
    def task_set(**changes: Any) -> str:
        made = make(**changes)
        for cell in cells(made):
            end(cell)
        made.refresh_from_db()
        return str(made.results["task_set"])

    first = task_set()
    assert task_set(seeds=[3, 4]) == first
    assert task_set(task_selection_criteria={"task_ids": ["lab:a", "lab:b"]}) != first
    ArcTask.objects.filter(pk="lab:a").update(version=2)
    assert task_set(strategy_configs={"other": {}}) != first


def test_what_an_earlier_version_kept_is_computed_anew(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    made = make()
    for cell in cells(made):
        end(cell)
    made.refresh_from_db()
    kept = made.results
    old = {"version": 1, "run_id": kept["run_id"], "number": 1, "rows": [], "totals": {"macro": 0.9, "done": 3}}
    Experiment.objects.filter(pk=made.pk).update(results=old)
    ExperimentRun.objects.filter(experiment=made).update(metrics=old)
    assert "50.0 %" in row(viewer, made)
    assert "50.0 %" in headline(viewer, made)
    assert upkeep.look_after_all()["figures of an earlier version"] == 1
    made.refresh_from_db()
    assert made.results == kept == made.runs.get().metrics
    assert upkeep.look_after_all() == {}


def test_the_command_tells_the_same(
    tasks: list[ArcTask], admin: User, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(_seconds: float) -> None:
        for cell in cells(Experiment.objects.get()):
            end(cell)

    monkeypatch.setattr("apps.experiments.management.commands.run_experiment.time.sleep", work)
    call_command("run_experiment", "Told", "--strategy", "echo", "--tasks", "lab:a", "--tasks", "lab:b", "--wait")
    made = Experiment.objects.get()
    said = capsys.readouterr().out
    assert "queued: no worker is up" in said
    totals = told(admin, made)["results"]["totals"]
    assert totals["macro"] == 0.75
    assert f"macro {words.pct(0.75)} ({words.interval(totals['macro_low'], totals['macro_high'])})" in said
    assert words.money(totals["dollars"]) in said
