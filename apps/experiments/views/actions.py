"""What the buttons of an experiment do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.core.access import member, page_role
from apps.core.errors import Conflict, Invalid
from apps.core.models import User
from apps.core.returning import back
from apps.core.words import plural
from apps.experiments import queries, services
from apps.experiments.models import Experiment


@dataclass(frozen=True)
class Action:
    """A service, and what to say when it is done, given its answer."""

    do: Callable[..., Any]
    said: Callable[[Any], str]


def _are(number: int, words: str) -> str:
    return f"{plural(number, words)} {'is' if number == 1 else 'are'}"


def _paused(running: int) -> str:
    if not running:
        return "Paused. No cell was running; what waits stays where it is."
    again = "begins" if running == 1 else "begin"
    return f"Paused. {_are(running, 'running cell')} stopped and {again} afresh when you resume."


def _cancelled(running: int) -> str:
    stopped = f" {_are(running, 'running cell')} being stopped." if running else ""
    return f"Cancelled. What was solved stays.{stopped}"


ACTIONS = {
    "start": Action(services.experiment_start, lambda _: "Started."),
    "pause": Action(services.experiment_pause, _paused),
    "resume": Action(services.experiment_resume, lambda _: "Going on."),
    "cancel": Action(services.experiment_cancel, _cancelled),
    "retry": Action(services.experiment_retry_failed, lambda number: f"{_are(number, 'cell')} queued again."),
    "rerun": Action(services.experiment_rerun, lambda _: "A new run has started."),
}


@page_role("researcher")
@require_POST
def act(request: HttpRequest, experiment_id: str, action: str) -> HttpResponse:
    """Do it, say so, and show the experiment again."""
    experiment = services.experiment_get(experiment_id=experiment_id)
    by = member(request)
    if action == "delete":
        return _delete(request, experiment, by)
    if action not in ACTIONS:
        raise Http404("There is no such action.")
    chosen = ACTIONS[action]
    try:
        answer = chosen.do(experiment=experiment, by=by)
    except (Conflict, Invalid) as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, chosen.said(answer))
    return _back(request, experiment)


def _delete(request: HttpRequest, experiment: Experiment, by: User) -> HttpResponse:
    if request.POST.get("phrase", "").strip() != experiment.name.strip():
        messages.error(request, "Not deleted: the name typed is another one.")
        return _back(request, experiment)
    try:
        services.experiment_delete(experiment=experiment, by=by)
    except Conflict as refusal:
        messages.error(request, refusal.message)
        return _back(request, experiment)
    messages.success(request, f"{experiment.name} is deleted.")
    return HttpResponseRedirect(reverse("experiments:list"))


@page_role("researcher")
@require_POST
def retry_cell(request: HttpRequest, experiment_id: str, position: int) -> HttpResponse:
    """Do one cell of the latest run again."""
    experiment = services.experiment_get(experiment_id=experiment_id)
    run = queries.run_of(experiment)
    try:
        if run is None:
            raise Conflict("This experiment has not been started.")
        services.cell_retry(solve=queries.solve_get(run=run, position=position), by=member(request))
    except Conflict as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "The cell is queued again.")
    return _back(request, experiment)


def _back(request: HttpRequest, experiment: Experiment) -> HttpResponse:
    return back(request, reverse("experiments:detail", args=[experiment.pk]))
