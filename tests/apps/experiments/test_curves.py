"""Score against effort: the mean over seeds, in its interval, from nothing to all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apps.core.models import User
from apps.experiments.models import Experiment, Solve
from apps.experiments.queries import curves, results_of
from apps.experiments.queries.curves import MAX_POINTS
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import cells, end, make_task
from tests.apps.experiments.test_figures_are_the_same_everywhere import plain
from tests.apps.experiments.test_the_pages import page, text

pytestmark = pytest.mark.django_db
Make = Callable[..., Experiment]


def curve_of(made: Experiment) -> list[tuple[float, float]]:
    (curve,) = curves(run_id=made.runs.get().run_id)
    return [(point.seconds, round(point.share, 4)) for point in curve.points]


def test_it_rises_where_a_task_was_solved_by_as_much_as_was_solved(make: Make, tasks: list[ArcTask]) -> None:
    made = make()
    for cell, cpu in zip(cells(made), (4.0, 1.0, 2.0), strict=True):  # solved, half solved, wrong
        end(cell, cpu=cpu)
    assert curve_of(made) == [(1.0, 0.1667), (4.0, 0.5)]


def test_seeds_are_one_curve_a_task_counting_with_its_mean(make: Make, tasks: list[ArcTask]) -> None:
    made = make(seeds=[0, 1])
    first, again, half, *_ = cells(made)
    end(first, cpu=1.0)
    end(again, "failed", cpu=2.0)
    end(half, cpu=3.0)
    assert curve_of(made) == [(1.0, 0.25), (3.0, 0.5)]
    (curve,) = curves(run_id=made.runs.get().run_id)
    assert (curve.seeds, curve.tasks) == (2, 2)


def test_it_ends_at_the_figure_and_the_interval_of_the_page(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    made = make(seeds=[0, 1, 2])
    for cell in cells(made):
        end(cell)
    run = made.runs.get()
    (curve,) = curves(run_id=run.run_id)
    totals = results_of([run])[run.run_id].totals
    assert curve.final[1:] == pytest.approx((totals.macro, totals.macro_low, totals.macro_high))
    said = plain(text(page(viewer, f"{made.pk}/curves/")))
    assert "Echo (mean of 3 seeds) solves 50.0 % (13–87 %) of 3 tasks; half of that within 2.00 core-s a task." in said


def test_a_strategy_that_solved_nothing_is_there_too(make: Make, tasks: list[ArcTask], viewer: User) -> None:
    made = make(strategy_configs={"echo": {}, "other": {}})
    end(next(cell for cell in cells(made) if cell.strategy == "echo"))
    drawn = text(page(viewer, f"{made.pk}/curves/"))
    assert 'class="s1"' in drawn
    assert 'class="s2"' in drawn
    assert "bokeh" not in drawn


def test_a_long_one_is_thinned_and_keeps_its_end(make: Make) -> None:
    make_task("a")
    made = make()
    (cell,) = cells(made)
    end(cell)
    more = []
    for number in range(300):
        task = make_task(f"t{number}")
        more.append(
            Solve(
                run_id=cell.run_id,
                task=task,
                strategy="echo",
                position=number + 1,
                status="completed",
                finished_at=Solve.objects.get().finished_at,
                score=1.0,
                core_seconds=float(number),
            )
        )
    Solve.objects.bulk_create(more)
    found = curve_of(made)
    assert len(found) == MAX_POINTS
    assert found[-1] == (299.0, 1.0)
