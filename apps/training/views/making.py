"""The page that makes a dataset: of a file, of ARC tasks, of right answers."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html

from apps.core.access import member, page_role
from apps.core.artefacts import artefact_store
from apps.core.errors import Conflict, Invalid, TerrariumError
from apps.core.models import User
from apps.core.uploads import MAX_BYTES, upload_problem
from apps.training.forms import AnswersForm, TasksForm, UploadForm
from apps.training.models import Dataset
from apps.training.services import building, datasets

_FORMS: dict[str, Any] = {"upload": UploadForm, "tasks": TasksForm, "answers": AnswersForm}
_TITLES = {"upload": "A file", "tasks": "ARC tasks", "answers": "Right answers"}


@page_role("researcher")
def new(request: HttpRequest) -> HttpResponse:
    """One of three ways."""
    way = request.GET.get("from", "upload")
    way = way if way in _FORMS else "upload"
    posted = request.method == "POST"
    form = _FORMS[way](request.POST if posted else None, request.FILES if posted else None)
    status = 200
    if posted:
        status = 422
        if problem := upload_problem(request):
            form.add_error("file", problem)
            status = 413
        if form.is_valid():
            try:
                made = _made(way, form, member(request))
            except (Invalid, Conflict) as error:
                form.add_error(_field(error, form), error.message)
            else:
                return redirect("training:dataset", dataset_id=made.pk)
    here = reverse("training:new")
    context = {
        "form": form,
        "way": way,
        "tabs": [{"key": key, "label": title, "url": f"{here}?from={key}"} for key, title in _TITLES.items()],
        "megabytes": MAX_BYTES // 10**6,
    }
    return render(request, "training/new.html", context, status=status)


def _field(error: TerrariumError, form: Any) -> str | None:
    field = (error.details or {}).get("field")
    name = {"tasks": "splits"}.get(str(field), str(field))
    return name if name in form.fields else None


def _made(way: str, form: Any, by: User) -> Dataset:
    about = {name: form.cleaned_data[name] for name in ("name", "description")}
    if way == "tasks":
        return building.tasks_build(spec=building.spec_from(building.TasksSpec, form.recipe()), by=by, **about)
    if way == "answers":
        return building.answers_build(spec=building.spec_from(building.AnswersSpec, form.recipe()), by=by, **about)
    datasets.checked_name(about["name"])
    file = form.cleaned_data["file"]
    stored = artefact_store(source=file.chunks())
    return datasets.dataset_begin(
        stored=stored,
        file_name=file.name or "file",
        format=form.cleaned_data["format"],
        look_first=True,
        by=by,
        **about,
    )


@page_role("researcher")
def estimate(request: HttpRequest) -> HttpResponse:
    """How many examples the chosen tasks would make."""
    form = TasksForm(request.POST or None)
    words = ""
    if form.is_bound and (
        form.is_valid() or not {"splits", "orientations", "recolourings", "orders"} & set(form.errors)
    ):
        try:
            tasks, examples = building.estimate(building.spec_from(building.TasksSpec, form.recipe()))
            words = format_html("{} tasks, at most {} examples", f"{tasks:,}", f"{examples:,}")
        except (Invalid, KeyError):
            words = ""
    return render(request, "training/_estimate.html", {"words": words})
