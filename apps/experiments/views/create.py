"""Putting an experiment together, with a live count of what it would be; editing and copying."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST
from pydantic import ValidationError

from apps.core.access import member, page_role, require_owner
from apps.core.errors import Conflict, Invalid, NotFound
from apps.core.returning import back
from apps.core.words import plural
from apps.experiments import queries, services
from apps.experiments.documents import ExperimentSpec
from apps.experiments.forms import Draft
from apps.experiments.models import Experiment, ExperimentStatus
from apps.tasks.criteria import MAX_LISTED
from apps.tasks.lists import GALLERY
from apps.tasks.queries import family_choices, splits

_STARTED = "It has started since you opened this form, so what it asks is fixed. The words can be saved."


def _datasets() -> list[str]:
    return sorted({split.dataset for split in splits()})


def _estimate(draft: Draft) -> queries.Estimate | None:
    checked, spec = draft.checked, draft.spec
    if checked is None or spec is None:
        return None
    return queries.estimate(
        tasks=checked.tasks,
        seeds=len(spec.seeds),
        strategies=spec.strategy_configs,
        budget=spec.seconds_per_task,
        slots=queries.slots(),
    )


@page_role("researcher")
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """A new experiment: empty, copied from `?copy=`, of the tasks in `?task=` or of a `?family=`."""
    if request.method == "POST":
        return _made(request)
    source = request.GET.get("copy")
    spec = None
    if source:
        spec = services.spec_of(services.experiment_get(experiment_id=source))
        spec = spec.model_copy(update={"name": f"{spec.name[:190]} (copy)"})
    return _form(request, Draft(datasets=_datasets(), spec=spec, preset=_preset(request)))


def _preset(request: HttpRequest) -> dict[str, Any]:
    """What the address asks for."""
    tasks = [name[:120] for name in request.GET.getlist("task") if name.strip()]
    if tasks:
        return _of_tasks(tasks)
    families = [(key, name) for key, name in family_choices() if key == request.GET.get("family")]
    if families:
        key, name = families[0]
        return {"name": f"Family {name}"[:200], "how": "criteria", "families": [key], "datasets": [], "sources": []}
    return {}


def _of_tasks(task_ids: Sequence[str]) -> dict[str, Any]:
    first = task_ids[0].partition(":")[2] or task_ids[0]
    name = f"Task {first}" if len(task_ids) == 1 else f"{plural(len(task_ids), 'chosen task')}"
    return {"name": name[:200], "how": "list", "task_ids": "\n".join(task_ids)}


@page_role("researcher")
@require_POST
def new_from_tasks(request: HttpRequest) -> HttpResponse:
    """A new experiment of the tasks chosen in the gallery: the form, filled in; nothing is made yet."""
    try:
        chosen = GALLERY.chosen(request)
        if len(chosen) > MAX_LISTED:
            raise Invalid(
                f"An experiment lists {MAX_LISTED:,} tasks at most. Choose fewer, or choose them by what they are."
            )
    except (Invalid, NotFound) as refusal:
        messages.error(request, refusal.message)
        return back(request, reverse("tasks:gallery"))
    return _form(request, Draft(datasets=_datasets(), preset=_of_tasks(chosen)))


def _made(request: HttpRequest) -> HttpResponse:
    draft = Draft(datasets=_datasets(), data=request.POST)
    if not draft.check() or draft.spec is None:
        return _form(request, draft, status=422)
    by = member(request)
    made = services.experiment_create(spec=draft.spec, by=by)
    if request.POST.get("then") == "start":
        services.experiment_start(experiment=made, by=by)
    return HttpResponseRedirect(reverse("experiments:detail", args=[made.pk]))


@page_role("researcher")
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, experiment_id: str) -> HttpResponse:
    """Change an experiment: everything before it starts, the words after."""
    experiment = services.experiment_get(experiment_id=experiment_id)
    require_owner(request.user, experiment.created_by_id)
    spec = services.spec_of(experiment)
    if request.method != "POST":
        return _form(request, Draft(datasets=_datasets(), spec=spec), experiment)
    data = request.POST
    if experiment.status != ExperimentStatus.CREATED:
        return _reworded(request, experiment, spec)
    draft = Draft(datasets=_datasets(), data=data)
    if not draft.check() or draft.spec is None:
        return _form(request, draft, experiment, status=422)
    changes = services.ExperimentChanges(spec=draft.spec.model_copy(update={"insights": spec.insights}))
    return _changed(request, experiment, changes, draft)


def _reworded(request: HttpRequest, experiment: Experiment, spec: ExperimentSpec) -> HttpResponse:
    typed: dict[str, Any] = {name: request.POST.get(name, "") for name in ("name", "hypothesis", "description")}
    draft = Draft(datasets=_datasets(), spec=spec.model_copy(update=typed))
    if "insights" not in request.POST:  # the form of before the start
        return _form(request, draft, experiment, status=409, problem=_STARTED)
    insights = [line.strip() for line in request.POST["insights"].splitlines() if line.strip()]
    try:
        changes = services.ExperimentChanges(**typed, insights=insights)
    except ValidationError as error:
        experiment.insights = insights  # what was typed is shown again, as typed
        return _form(request, draft, experiment, status=422, problem=_unusable(error))
    return _changed(request, experiment, changes, draft)


def _unusable(error: ValidationError) -> str:
    """What is too long or missing, in the words of the page."""
    told = error.errors(include_url=False, include_context=True, include_input=True)
    return " ".join(_too_much(str(one["loc"][0]), one) for one in told)


def _too_much(field: str, problem: Mapping[str, Any]) -> str:
    most = problem.get("ctx", {}).get("max_length")
    if problem["type"] == "string_too_long" and most is not None:
        what = "An insight" if field == "insights" else f"The {field}"
        return f"{what} has {len(problem['input']):,} characters; at most {most:,} are kept."
    if field == "insights":
        return f"Keep to {most} insights."
    return "Give it a name of 1 to 200 characters."


def _changed(
    request: HttpRequest, experiment: Experiment, changes: services.ExperimentChanges, draft: Draft
) -> HttpResponse:
    try:
        services.experiment_update(experiment=experiment, changes=changes, by=member(request))
    except Conflict as conflict:  # started since the form was opened: what was typed is shown again
        experiment.refresh_from_db()
        return _form(request, draft, experiment, status=conflict.status, problem=conflict.message)
    messages.success(request, "Saved.")
    return HttpResponseRedirect(reverse("experiments:detail", args=[experiment.pk]))


def _form(
    request: HttpRequest,
    draft: Draft,
    experiment: Experiment | None = None,
    *,
    status: int = 200,
    problem: str = "",
) -> HttpResponse:
    context = {
        "draft": draft,
        "form": draft.form,
        "experiment": experiment,
        "words_only": experiment is not None and experiment.status != ExperimentStatus.CREATED,
        "problem": problem,
        "estimate": _estimate(draft),
    }
    return render(request, "experiments/form.html", context, status=status)


@page_role("researcher")
@require_POST
def estimate(request: HttpRequest) -> HttpResponse:
    """The count for what is typed now, before it has a name, and what is wrong with it by field: a fragment."""
    data = request.POST.copy()
    unnamed = not data.get("name", "").strip()
    if unnamed:
        data["name"] = "unnamed"
    draft = Draft(datasets=_datasets(), data=data)
    draft.check()
    problems = draft.problems
    context = {"estimate": _estimate(draft), "problems": list(problems.values())[:3]}
    # That it has no name yet is told where it was complained of before, and nowhere else.
    said = {**problems, **({"name": "Give it a name."} if unnamed else {})}
    return render(request, "experiments/_estimate.html", {**context, "by_field": json.dumps(said)})
