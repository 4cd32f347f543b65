"""One cell: its answer beside the question, its program step by step, its truth when asked for."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.core.access import page_role
from apps.experiments import queries
from apps.experiments.cell_page import cell_context, looking_of
from apps.experiments.models import ExperimentRun
from apps.experiments.page import RunPage
from apps.experiments.queries.matrix import symbol_of, words_of
from apps.experiments.replay import replay_program
from apps.experiments.strategies import title_of
from apps.experiments.views.detail import read_page


def _run(page: RunPage) -> ExperimentRun:
    if page.run is None:
        raise Http404("This experiment has not been started.")
    return page.run


@page_role("viewer")
@require_GET
def cell(request: HttpRequest, experiment_id: str, position: int) -> HttpResponse:
    """Demonstrations, input, attempts and, when asked for, difference and truth in one row; the program whole."""
    page = read_page(request, experiment_id)
    context = cell_context(page, _run(page), position, looking_of(page, request.GET))
    return render(request, "experiments/cell.html", context)


@page_role("viewer")
@require_GET
def hint(request: HttpRequest, experiment_id: str, position: int) -> HttpResponse:
    """The task as a thumbnail, and what became of the cell."""
    page = read_page(request, experiment_id)
    solve = queries.solve_get(run=_run(page), position=position)
    content = queries.task_content(task_id=solve.task_id, version=solve.task_version)
    context = {
        "solve": solve,
        "pair": content.train[0],
        "strategy_title": title_of(solve.strategy),
        "symbol": symbol_of(solve),
        "said": words_of(solve),
    }
    return render(request, "experiments/_hint.html", context)


@page_role("viewer")
@require_GET
def replay(request: HttpRequest, experiment_id: str, position: int, test: int, attempt: int) -> HttpResponse:
    """The program of one attempt, stage by stage, on every demonstration and test input."""
    page = read_page(request, experiment_id)
    detail = queries.cell_detail(run=_run(page), position=position)
    answers = queries.attempts_of(detail.submission)
    if not 1 <= test <= len(answers) or not 1 <= attempt <= len(answers[test - 1]):
        raise Http404("There is no such attempt.")
    chosen = answers[test - 1][attempt - 1]
    played = replay_program(strategy=detail.solve.strategy, program_data=chosen.program_data, content=detail.content)
    return render(request, "experiments/_replay.html", {"played": played})
