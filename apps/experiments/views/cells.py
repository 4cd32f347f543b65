"""One cell: its answer beside the question, its program step by step, its truth when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.core.access import page_role
from apps.experiments import queries
from apps.experiments.models import ExperimentRun
from apps.experiments.page import RunPage
from apps.experiments.queries.cells import CellDetail
from apps.experiments.queries.matrix import symbol_of, words_of
from apps.experiments.replay import replay_program
from apps.experiments.strategies import title_of
from apps.experiments.views.detail import matrix_context, read_page, show


@dataclass(frozen=True)
class ProgramView:
    """A distinct program of a cell's answer, and the attempts that used it."""

    text: str
    test: int
    attempt: int
    used: list[str]
    replayable: bool

    @property
    def place(self) -> str:
        """Which attempts at which tests."""
        return "; ".join(self.used)

    @property
    def label(self) -> str:
        """Its name for screen readers, unlike any other's on the page."""
        return f"Program of {self.place}"


def _run(page: RunPage) -> ExperimentRun:
    if page.run is None:
        raise Http404("This experiment has not been started.")
    return page.run


def _programs(detail: CellDetail) -> list[ProgramView]:
    found: dict[str, ProgramView] = {}
    for test in detail.tests:
        for number, attempt in enumerate(test.attempts, start=1):
            if not attempt.program:
                continue
            view = found.setdefault(
                attempt.program, ProgramView(attempt.program, test.number, number, [], bool(attempt.program_data))
            )
            view.used.append(f"test {test.number}, attempt {number}")
    return list(found.values())


def panel_context(page: RunPage, position: int) -> dict[str, Any]:
    """What the panel shows; no truth among it."""
    run = _run(page)
    detail = queries.cell_detail(run=run, position=position)
    solve = detail.solve
    base = f"/experiments/{page.experiment.pk}/"
    return {
        "detail": detail,
        "solve": solve,
        "submission": detail.submission,
        "strategy_title": title_of(solve.strategy),
        "symbol": symbol_of(solve.status, solve.score),
        "said": words_of(solve),
        "programs": _programs(detail),
        "cell_url": f"{base}cells/{position}/",
        "close_url": base + page.query,
        "previous": position - 1 if position else None,
        "next": position + 1 if position + 1 < run.cells_total else None,
        "can_retry": page.can_write and page.is_latest and solve.finished_at is not None and page.status != "paused",
    }


@page_role("viewer")
@require_GET
def cell(request: HttpRequest, experiment_id: str, position: int) -> HttpResponse:
    """The panel: alone for htmx, else on the page of the matrix."""
    page = read_page(request, experiment_id)
    context = panel_context(page, position)
    if request.headers.get("HX-Request"):
        return render(request, "experiments/_panel.html", {"page": page, "experiment": page.experiment, **context})
    return show(request, page, "detail", {**matrix_context(page.run), **context, "current": position})


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
        "symbol": symbol_of(solve.status, solve.score),
        "said": words_of(solve),
    }
    return render(request, "experiments/_hint.html", context)


@page_role("viewer")
@require_GET
def truth(request: HttpRequest, experiment_id: str, position: int, test: int) -> HttpResponse:
    """One test's truth and how each attempt differs from it: asked for, so shown."""
    page = read_page(request, experiment_id)
    detail = queries.cell_detail(run=_run(page), position=position)
    if not 1 <= test <= len(detail.tests):
        raise Http404("This task has no such test.")
    context = {"test": detail.tests[test - 1], "truth": detail.content.truths[test - 1]}
    return render(request, "experiments/_truth.html", context)


@page_role("viewer")
@require_GET
def replay(request: HttpRequest, experiment_id: str, position: int, test: int, attempt: int) -> HttpResponse:
    """The program of one attempt, step by step, on every demonstration and test input."""
    page = read_page(request, experiment_id)
    detail = queries.cell_detail(run=_run(page), position=position)
    answers = queries.attempts_of(detail.submission)
    if not 1 <= test <= len(answers) or not 1 <= attempt <= len(answers[test - 1]):
        raise Http404("There is no such attempt.")
    chosen = answers[test - 1][attempt - 1]
    played = replay_program(strategy=detail.solve.strategy, program_data=chosen.program_data, content=detail.content)
    return render(request, "experiments/_replay.html", {"played": played, "program": chosen.program})
