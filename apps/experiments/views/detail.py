"""One experiment: the matrix, the curves, the table of tasks, the configuration, the log."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.core.access import member, page_role
from apps.experiments import charts, queries, services
from apps.experiments.cell_list import CELLS
from apps.experiments.cell_page import Looking, looking_of
from apps.experiments.models import Solve
from apps.experiments.page import RunPage, run_page, tabs
from apps.experiments.queries.matrix import ORDERS
from apps.experiments.strategies import title_of


def read_page(request: HttpRequest, experiment_id: str) -> RunPage:
    """The experiment at this address, in the run chosen by `?run=`."""
    experiment = services.experiment_get(experiment_id=experiment_id)
    text = request.GET.get("run", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None
    return run_page(experiment=experiment, number=number, user=member(request))


def _around(page: RunPage, tab: str) -> dict[str, Any]:
    """What the page shows around one of its tabs."""
    return {
        "page": page,
        "experiment": page.experiment,
        "run": page.run,
        "tab": tab,
        "tabs": tabs(page),
        "live_key": f"{page.key}:{tab}",
    }


def show(request: HttpRequest, page: RunPage, tab: str, more: dict[str, Any]) -> HttpResponse:
    """The page around one tab."""
    return render(request, f"experiments/{tab}.html", {**_around(page, tab), **more})


def _orders(looking: Looking) -> list[dict[str, Any]]:
    """The orders of tasks to choose from; the one chosen runs the other way when chosen again."""
    said = {
        "solved": ("most solved first", "least solved first"),
        "difficulty": ("easy first", "hard first"),
        "effort": ("least effort first", "most effort first"),
    }
    chosen, down = looking.order.removeprefix("-"), looking.order.startswith("-")
    found = [{"label": "As listed", "url": looking.query(order="") or "?", "current": not chosen}]
    for name, label in ORDERS.items():
        again = f"-{name}" if name == chosen and not down else name
        found.append(
            {
                "label": label,
                "url": looking.query(order=again),
                "current": name == chosen,
                "down": name == chosen and down,
                "title": said[name][1 if name == chosen and down else 0],
            }
        )
    return found


@page_role("viewer")
@require_GET
def standing(request: HttpRequest, experiment_id: str) -> HttpResponse:
    """State, buttons and figures as fragments, for a page whose run waits: what it waits for happens outside its own log."""
    page = read_page(request, experiment_id)
    context = {"page": page, "experiment": page.experiment, "run": page.run, "oob": True}
    return render(request, "experiments/_standing.html", context)


@page_role("viewer")
@require_GET
def matrix(request: HttpRequest, experiment_id: str) -> HttpResponse:
    """A row a strategy and seed, a column a task."""
    page = read_page(request, experiment_id)
    looking = looking_of(page, request.GET)
    found = queries.matrix(run_id=page.run.run_id, order=looking.order) if page.run else None
    more = {
        "matrix": found,
        "symbols": queries.SYMBOLS,
        "orders": _orders(looking),
        "cell_query": looking.query(truth=None, unsolved=None),
    }
    return show(request, page, "detail", more)


@page_role("viewer")
@require_GET
def curves(request: HttpRequest, experiment_id: str) -> HttpResponse:
    """Score against effort."""
    page = read_page(request, experiment_id)
    found = queries.curves(run_id=page.run.run_id) if page.run else []
    shown = page.is_active or any(curve.points for curve in found)
    return show(request, page, "curves", {"plot": charts.solve_curve(found) if shown else None})


@page_role("viewer")
@require_GET
def tasks(request: HttpRequest, experiment_id: str) -> HttpResponse:
    """Every cell as a line of a table."""
    page = read_page(request, experiment_id)
    run = page.run
    listing = CELLS.read(
        request,
        rows=Solve.objects.filter(run=run) if run else Solve.objects.none(),
        options={"strategy": [(name, title_of(name)) for name in sorted(run.strategy_config)] if run else []},
        more={"base": f"/experiments/{page.experiment.pk}/", "query": page.query},
    )
    return CELLS.respond(request, "experiments/tasks.html", listing, **_around(page, "tasks"))


@page_role("viewer")
@require_GET
def config(request: HttpRequest, experiment_id: str) -> HttpResponse:
    """What was asked: strategies in their versions, options, tasks, seeds."""
    page = read_page(request, experiment_id)
    chosen = page.run.strategy_config if page.run else None
    stored = chosen or {name: {"config": config} for name, config in page.experiment.strategy_configs.items()}
    selection = services.selection_of(page.experiment)
    more = {
        "strategies": [
            {"name": name, "title": title_of(name), "version": part.get("version", ""), "config": part["config"]}
            for name, part in sorted(stored.items())
        ],
        "criteria": selection.criteria.model_dump(mode="json", exclude_defaults=True, exclude={"task_ids"}),
        "listed": selection.criteria.task_ids is not None,
        "task_ids": selection.task_ids or selection.criteria.task_ids or [],
    }
    return show(request, page, "config", more)


@page_role("viewer")
@require_GET
def log(request: HttpRequest, experiment_id: str) -> HttpResponse:
    """What happened, line by line."""
    page = read_page(request, experiment_id)
    lines = queries.log_lines(run_id=page.run.run_id) if page.run else []
    return show(request, page, "log", {"lines": lines})
