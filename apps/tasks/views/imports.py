"""Import from the page, in two steps: look at what it would do, then do it."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apps.core.access import member, page_role
from apps.core.errors import Conflict, Invalid, TerrariumError, TooLarge
from apps.core.models import Role
from apps.tasks import drafts, queries, services
from apps.tasks.forms import UploadForm
from apps.tasks.models import TaskSource
from apps.tasks.uploads import MAX_BYTES

_SHOWN = 300


@page_role(Role.CURATOR)
def start(request: HttpRequest) -> HttpResponse:
    """Choose canonical sets, or upload or paste your own."""
    form = UploadForm(request.POST or None, request.FILES or None)
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                draft = drafts.draft_create(
                    files=_files(request, form),
                    dataset=form.cleaned_data["dataset"],
                    source=TaskSource(form.cleaned_data["task_source"]),
                    dataset_version=form.cleaned_data["dataset_version"],
                    by=member(request),
                )
            except (Invalid, TooLarge) as error:
                form.add_error(error.details["field"] if _is_field(error, form) else None, error.message)  # type: ignore[index]
            else:
                return redirect("tasks:import_draft", draft_id=draft.pk)
        status = 422
    context = {"form": form, "sets": queries.canonical_state(), "megabytes": MAX_BYTES // 2**20}
    return render(request, "tasks/import.html", context, status=status)


def _is_field(error: TerrariumError, form: UploadForm) -> bool:
    return bool(error.details) and error.details is not None and error.details.get("field") in form.fields


def _files(request: HttpRequest, form: UploadForm) -> Iterator[tuple[str, bytes]]:
    for file in request.FILES.getlist("uploads"):
        if file.size is not None and file.size > MAX_BYTES:
            raise TooLarge(f"{file.name} is larger than {MAX_BYTES // 2**20} MB. Import it in parts.")
        yield file.name or "file", file.read()
    if text := form.cleaned_data["pasted"].strip():
        yield f"{form.cleaned_data['pasted_id'] or 'pasted'}.json", text.encode("utf-8", "replace")


@require_POST
@page_role(Role.CURATOR)
def canonical(request: HttpRequest) -> HttpResponseBase:
    """Import the chosen canonical sets."""
    names = request.POST.getlist("sets")
    if not names:
        messages.warning(request, "Choose at least one set.")
        return redirect("tasks:import")
    try:
        report = services.canonical_import(names=names, by=member(request))
    except (Invalid, Conflict) as error:
        messages.error(request, error.message)
        return redirect("tasks:import")
    messages.success(request, report.sentence())
    return redirect("tasks:gallery" if len(names) != 1 else f"/tasks/?split={names[0]}")


@page_role(Role.CURATOR)
def preview(request: HttpRequest, draft_id: str) -> HttpResponse:
    """What would be imported, and what is wrong with the rest."""
    found = drafts.draft_preview(draft_id=draft_id, by=member(request))
    order = {"changed": 0, "new": 1, "same": 2}
    tasks = sorted(found.tasks, key=lambda task: (order[found.states[task.raw_id]], task.raw_id))
    context = {
        "found": found,
        "draft": found.draft,
        "rows": [{"task": task, "state": found.states[task.raw_id]} for task in tasks[:_SHOWN]],
        "more": max(0, len(tasks) - _SHOWN),
        "counts": {state: found.count(state) for state in order},
        "problems": len(found.broken) + len(found.problems),
        "broken": found.broken[:_SHOWN],
    }
    return render(request, "tasks/import_preview.html", context)


@require_POST
@page_role(Role.CURATOR)
def confirm(request: HttpRequest, draft_id: str) -> HttpResponseBase:
    """Import all but what was left out; or drop the upload."""
    by = member(request)
    if request.POST.get("action") == "discard":
        drafts.draft_discard(draft_id=draft_id, by=by)
        messages.info(request, "The upload is dropped; nothing was imported.")
        return redirect("tasks:import")
    without = {raw_id for raw_id in request.POST.getlist("without") if raw_id}
    try:
        report = drafts.draft_import(draft_id=draft_id, by=by, without=without)
    except (Invalid, Conflict) as error:
        messages.error(request, error.message)
        return redirect("tasks:import_draft", draft_id=draft_id)
    messages.success(request, report.sentence())
    return redirect(f"/tasks/?split={report.dataset()}")
