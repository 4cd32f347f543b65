"""This app's part of the observatory: what runs, what ended, which strategy solves how much at what cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from apps.core import observatory
from apps.core.models import Role
from apps.core.observatory import Look, Panel
from apps.core.plots import Dot, Plot, scatter
from apps.core.words import digits, effort, interval, money, pct, plural
from apps.experiments.models import Experiment
from apps.experiments.queries import observatory as queries
from apps.experiments.queries.experiments import ExperimentRow
from apps.experiments.queries.observatory import LEAST_TASKS, Comparison, Outcome
from apps.experiments.strategies import title_of

SHOWN = 8
EARLIER_SHOWN = 3
COMPARED = 40
"""The latest so many experiments are compared: more points than that hide each other."""

CHOICE = "tasks"
"""The parameter that chooses which tasks to compare over."""


def register() -> None:
    """Make the panels known."""
    for panel in (
        Panel("welcome", "experiments/observatory/welcome.html", _welcome, place="top", order=10),
        Panel("running", "experiments/observatory/running.html", _running, order=10),
        Panel("finished", "experiments/observatory/finished.html", _finished, order=20),
        Panel("score-cost", "experiments/observatory/score_cost.html", _score_cost, order=30),
        Panel("best", "experiments/observatory/best.html", _best, place="side", order=20),
    ):
        observatory.panel_register(panel)


@dataclass(frozen=True)
class RunningRow:
    """An experiment under way, with what it draws."""

    row: ExperimentRow
    watts: float


def _welcome(look: Look) -> Mapping[str, Any] | None:
    if Experiment.objects.exists():
        return None
    return {"may_start": look.user.has_role(Role.RESEARCHER)}


def _running(_look: Look) -> Mapping[str, Any]:
    """A running solve keeps one core busy, which is what the watts are estimated from."""
    each = settings.CONFIG.watts_per_core
    rows = queries.running(limit=SHOWN)
    return {"running": [RunningRow(row, (row.progress.running if row.progress else 0) * each) for row in rows]}


def _finished(look: Look) -> Mapping[str, Any]:
    """What ended since the last look; the latest few where nothing has, so that the place is never bare."""
    finished = queries.recently_finished(since=look.since, limit=SHOWN)
    earlier = queries.recently_finished(limit=EARLIER_SHOWN) if look.since and not finished else []
    return {"since": look.since, "finished": finished, "earlier": earlier}


def _comparisons(_look: Look) -> list[Comparison]:
    return queries.comparisons(limit=COMPARED)


def _compared(look: Look) -> Comparison | None:
    """The comparison the address chooses, or the one most experiments are in."""
    found = look.once(_comparisons)
    chosen = look.chosen.get(CHOICE, "")
    return next((one for one in found if one.key == chosen), found[0] if found else None)


def _best(look: Look) -> Mapping[str, Any] | None:
    compared = _compared(look)
    if compared is None or compared.tasks < LEAST_TASKS:
        return None
    return {"best": compared.best(), "compared": compared, "others": _others(look, compared)}


def _score_cost(look: Look) -> Mapping[str, Any] | None:
    compared = _compared(look)
    if compared is None:
        return None
    return {"plot": score_against_cost(compared), "compared": compared, "others": _others(look, compared)}


def _others(look: Look, shown: Comparison) -> list[dict[str, str]]:
    """The other sets of tasks that could be compared over."""
    return [
        {
            "url": f"/?{CHOICE}={one.key}",
            "label": f"{plural(one.tasks, 'task')}, {plural(one.experiments, 'experiment')}",
        }
        for one in look.once(_comparisons)
        if one.key != shown.key
    ]


def score_against_cost(compared: Comparison) -> Plot:
    """Share of tasks solved against dollars an answer, a series a strategy, seeds pooled, over the same tasks."""
    names = sorted({outcome.strategy for outcome in compared.outcomes}, key=title_of)
    series = [[_dot(one) for one in compared.outcomes if one.strategy == name] for name in names]
    return Plot(
        id="score-cost",
        title="Score against cost",
        reading=f"{_reading(compared)} Over the same {plural(compared.tasks, 'task')}, seeds pooled.",
        svg=scatter(series, x_label="dollars an answer, log scale", y_label="solved, %"),
        head=[
            "Strategy",
            "Experiment",
            "Seeds",
            "Tasks",
            "Solved",
            "Low",
            "High",
            "Dollars an answer",
            "Core-s an answer",
        ],
        rows=[_data(one) for one in compared.outcomes],
        series=[title_of(name) for name in names],
    )


def _dot(outcome: Outcome) -> Dot:
    figures = outcome.figures
    words = (
        f"{title_of(outcome.strategy)}, {outcome.experiment}: {pct(figures.macro)} solved "
        f"({interval(figures.macro_low, figures.macro_high)}), {money(figures.dollars_per_task)} and "
        f"{effort(figures.core_seconds_per_task)} an answer"
    )
    return Dot(outcome.dollars, outcome.macro, figures.macro_low or 0.0, figures.macro_high or 0.0, words)


def _data(outcome: Outcome) -> list[Any]:
    f = outcome.figures
    return [
        title_of(outcome.strategy),
        outcome.experiment,
        f.seeds,
        f.tasks,
        f.macro,
        f.macro_low,
        f.macro_high,
        f.dollars_per_task,
        f.core_seconds_per_task,
    ]


def _reading(compared: Comparison) -> str:
    """The best, and whether something far cheaper cannot be told from it."""
    best = compared.best()[0]
    said = f"Best: {title_of(best.strategy)}, {pct(best.macro)} at {money(best.figures.dollars_per_task)} an answer"
    rivals = [
        one
        for one in compared.outcomes
        if (one.figures.macro_high or 0.0) >= (best.figures.macro_low or 0.0) and 0 < one.dollars < best.dollars / 2
    ]
    if not rivals:
        return f"{said}."
    cheapest = min(rivals, key=lambda one: one.dollars)
    return (
        f"{said}; {title_of(cheapest.strategy)} ({pct(cheapest.macro)}) lies within its interval for "
        f"{digits(best.dollars / cheapest.dollars, 2)} times less money."
    )
