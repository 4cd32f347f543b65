"""The observatory shows what the API says: seeds pooled, intervals with both ends, equal tasks on one scale."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.core.jobs import upkeep
from apps.core.models import User
from apps.core.words import interval, money, pct
from apps.experiments import observatory
from apps.experiments.models import Experiment, Solve
from apps.experiments.queries.observatory import comparisons
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import answer_of, cells, end, make_task

Make = Callable[..., Experiment]


@pytest.fixture(autouse=True)
def _few_tasks_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observatory, "LEAST_TASKS", 1)


def page_of(viewer: User, query: str = "") -> str:
    """The observatory as somebody sees it."""
    client = Client()
    client.force_login(viewer)
    return html.unescape(client.get(f"/{query}").content.decode())


def part(page: str, name: str) -> str:
    """One panel's words."""
    found = re.search(rf'<section[^>]*id="obs-{name}".*?</section>', page, re.S)
    return re.sub(r"[ \n]+", " ", re.sub(r"<[^>]+>", " ", found.group())) if found else ""


def api(viewer: User, experiment: Experiment) -> dict[str, Any]:
    """The results as a program is told them."""
    client = Client()
    client.force_login(viewer)
    found: dict[str, Any] = client.get(f"/api/v1/experiments/{experiment.pk}").json()["results"]
    return found


def wrong(solve: Solve) -> dict[str, Any]:
    """An answer that misses every test."""
    answer = answer_of(solve)
    for attempts in answer["predictions"]:
        attempts[0]["grid"] = [[9]]
    return answer


def run_to_its_end(experiment: Experiment, *, lucky: int = 0) -> None:
    """Every cell answered: right where echo is, with the lucky seed; wrong with all others."""
    for cell in cells(experiment):
        end(cell, result=answer_of(cell) if cell.seed == lucky else wrong(cell))
    experiment.refresh_from_db()


def test_no_lucky_seed_stands_for_the_others(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    experiment = make(seeds=[0, 1])
    run_to_its_end(experiment)
    results = api(viewer, experiment)
    (row,) = results["strategies"]
    assert [one["macro"] for one in results["rows"]] == [0.5, 0.0]
    assert (row["macro"], row["seeds"], row["tasks"]) == (0.25, 2, 3)
    assert (row["macro"], row["macro_low"], row["macro_high"]) == tuple(
        results["totals"][name] for name in ("macro", "macro_low", "macro_high")
    )
    page = page_of(viewer)
    for name in ("best", "score-cost"):
        said = part(page, name)
        assert pct(row["macro"]) in said
        assert money(row["dollars_per_task"]) in said
        assert pct(0.5) not in said
    best = part(page, "best")
    assert interval(row["macro_low"], row["macro_high"]) in best
    assert "2 seeds" in best


def test_every_place_says_the_same_of_an_experiment(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    experiment = make(seeds=[0, 1], name="One figure")
    run_to_its_end(experiment)
    totals = api(viewer, experiment)["totals"]
    client = Client()
    client.force_login(viewer)
    score, ends = pct(totals["macro"]), interval(totals["macro_low"], totals["macro_high"])
    for place in (page_of(viewer), *(html.unescape(client.get(url).content.decode()) for url in ("/experiments/",))):
        assert score in place
        assert ends in place
        assert "±" not in place
    assert score in html.unescape(client.get(f"/experiments/{experiment.pk}/").content.decode())


def test_experiments_over_other_tasks_are_not_on_the_same_scale(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    first, second = make(name="Common one"), make(name="Common two")
    make_task("z", dataset="elsewhere")
    other = make(name="Apart", task_selection_criteria={"datasets": ["elsewhere"]})
    for experiment in (first, second, other):
        run_to_its_end(experiment)
    common, apart = comparisons(limit=40)
    assert [(one.tasks, one.experiments) for one in (common, apart)] == [(3, 2), (1, 1)]
    page = page_of(viewer)
    scale = part(page, "score-cost")
    assert "Common one" in scale
    assert "Apart" not in scale
    assert "Over the same 3 tasks, seeds pooled." in scale
    assert "1 task, 1 experiment" in scale
    assert f'href="/?tasks={apart.key}"' in page
    chosen = part(page_of(viewer, f"?tasks={apart.key}"), "score-cost")
    assert "Apart" in chosen
    assert "Common" not in chosen
    assert part(page_of(viewer, "?tasks=nonsense"), "score-cost") == scale


def test_what_is_cheaper_and_cannot_be_told_from_the_best_is_said(
    make: Make, tasks: list[ArcTask], viewer: User
) -> None:
    dear = make(strategy_configs={"echo": {}})
    cheap = make(strategy_configs={"other": {}})
    for experiment, seconds in ((dear, 40.0), (cheap, 2.0)):
        for cell in cells(experiment):
            end(cell, cpu=seconds, result=answer_of(cell))
    said = part(page_of(viewer), "score-cost")
    assert "Best: Other" in said
    Experiment.objects.filter(pk=dear.pk).update(results=_better(dear))
    said = part(page_of(viewer), "score-cost")
    assert "Best: Echo" in said
    assert "Other (50.0\u202f%) lies within its interval for 20 times less money." in said


def _better(experiment: Experiment) -> dict[str, Any]:
    """Its results, a little better."""
    experiment.refresh_from_db()
    results: dict[str, Any] = experiment.results
    for row in results["strategies"]:
        row["macro"] = 0.6
    return results


def test_results_of_an_earlier_version_are_compared_again_once_they_are_renewed(
    make: Make, tasks: list[ArcTask], viewer: User
) -> None:
    experiment = make(seeds=[0, 1])
    run_to_its_end(experiment)
    old = {**experiment.results, "version": 1}
    Experiment.objects.filter(pk=experiment.pk).update(results=old)
    experiment.runs.update(metrics=old)
    assert comparisons(limit=40) == []
    upkeep.look_after_all()
    (comparison,) = comparisons(limit=40)
    assert [one.macro for one in comparison.outcomes] == [0.25]


def test_a_welcome_stands_until_the_first_experiment(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    assert "Nothing has run yet" in page_of(viewer)
    make(start=False)
    assert "Nothing has run yet" not in page_of(viewer)
