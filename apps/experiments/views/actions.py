"""What the buttons of an experiment do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.core.access import member, page_role
from apps.core.errors import Conflict, Invalid
from apps.core.models import User
from apps.core.returning import back
from apps.experiments import queries, services
from apps.experiments.models import Experiment


@dataclass(frozen=True)
class Action:
    """A service and what to say when it is done; `{}` stands for what it answers."""

    do: Callable[..., object]
    said: str


ACTIONS = {
    "start": Action(services.experiment_start, "Started."),
    "pause": Action(services.experiment_pause, "Paused: what runs stops within two seconds."),
    "resume": Action(services.experiment_resume, "Going on."),
    "cancel": Action(services.experiment_cancel, "Cancelled. What was solved stays."),
    "retry": Action(services.experiment_retry_failed, "{} cells are queued again."),
    "rerun": Action(services.experiment_rerun, "A new run has started."),
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
        messages.success(request, chosen.said.format(answer))
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
