"""Import from the page: look at what it would do, decide, then do it."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import closing
from typing import IO, Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from apps.core.access import member, page_role
from apps.core.errors import Conflict, Invalid, TerrariumError, TooLarge
from apps.core.models import Role
from apps.core.uploads import MAX_BYTES, MAX_FILES, Part, upload_problem
from apps.tasks import queries
from apps.tasks.engine.intake.archives import Source
from apps.tasks.forms import UploadForm
from apps.tasks.import_page import gallery_url, import_context
from apps.tasks.models import ImportState, TaskSource
from apps.tasks.plans import CHANGED, FILLED, NOTED
from apps.tasks.previews import preview
from apps.tasks.services import ImportReport, imports

_GROUPS = 100


@page_role(Role.CURATOR)
def start(request: HttpRequest) -> HttpResponse:
    """Choose canonical sets, or upload or paste your own."""
    form = UploadForm(request.POST or None, request.FILES or None)
    status = 200
    if request.method == "POST":
        status = 422
        if problem := upload_problem(request):
            form.add_error("uploads", problem)
            status = 413
        if form.is_valid():
            try:
                record = imports.import_begin(
                    files=_files(form),
                    dataset=form.cleaned_data["dataset"],
                    source=form.cleaned_data["task_source"],
                    dataset_version=form.cleaned_data["dataset_version"],
                    by=member(request),
                )
            except (Invalid, TooLarge) as error:
                form.add_error(error.details["field"] if _is_field(error, form) else None, error.message)  # type: ignore[index]
            else:
                return redirect("tasks:import_one", import_id=record.pk)
    context = {
        "form": form,
        "sets": queries.canonical_state(),
        "megabytes": MAX_BYTES // 10**6,
        "bytes": MAX_BYTES,
        "files": MAX_FILES,
    }
    return render(request, "tasks/import.html", context, status=status)


def _is_field(error: TerrariumError, form: UploadForm) -> bool:
    return bool(error.details) and error.details is not None and error.details.get("field") in form.fields


def _files(form: UploadForm) -> list[tuple[str, int, Source]]:
    """Name, size and source of everything that was sent."""
    found = [_sent(file.name or "file", file) for file in form.cleaned_data["uploads"]]
    paths = form.cleaned_data["paths"]
    folder = form.cleaned_data["folder"]
    names = paths if len(paths) == len(folder) else [file.name or "file" for file in folder]
    found += [_sent(name, file) for name, file in zip(names, folder, strict=True)]
    if text := form.cleaned_data["pasted"].strip():
        data = text.encode("utf-8", "replace")
        name = f"{form.cleaned_data['pasted_id'] or 'pasted'}.json"
        found.append((name, len(data), Source(name, lambda: io.BytesIO(data))))
    return found


def _sent(name: str, file: Part) -> tuple[str, int, Source]:
    opened: Callable[[], IO[bytes]] = file.stream
    return name, file.size or 0, Source(name, opened)


@require_POST
@page_role(Role.CURATOR)
def canonical(request: HttpRequest) -> HttpResponseBase:
    """Import the chosen canonical sets."""
    names = request.POST.getlist("sets")
    if not names:
        messages.warning(request, "Choose at least one set.")
        return redirect("tasks:import")
    try:
        done = imports.sets_import(names=names, by=member(request))
    except (Invalid, Conflict) as error:
        messages.error(request, error.message)
        return redirect("tasks:import")
    if not isinstance(done, ImportReport):
        return redirect("tasks:import_one", import_id=done.pk)
    messages.success(request, done.sentence())
    return redirect(gallery_url(names[0]))


@require_GET
@page_role(Role.CURATOR)
def one(request: HttpRequest, import_id: str) -> HttpResponse:
    """An import as it stands: being read, to be looked at, being written, done, or failed."""
    record = imports.import_get(import_id=import_id, by=member(request))
    if record.state != ImportState.READY:
        return render(request, "tasks/import_state.html", import_context(record))
    with closing(imports.shelf_of(record)) as shelf:
        found = preview(record, shelf, imports.terms_of(record))
    context = {
        "found": found,
        "record": record,
        "groups": found.groups[:_GROUPS],
        "more_groups": max(0, len(found.groups) - _GROUPS),
        "splits": TaskSource.choices,
        "changed": sum(found.counts[effect] for effect in (CHANGED, FILLED, NOTED)),
        "more_troubles": found.trouble_count - len(found.troubles),
    }
    return render(request, "tasks/import_preview.html", context)


@require_POST
@page_role(Role.CURATOR)
def confirm(request: HttpRequest, import_id: str) -> HttpResponseBase:
    """Look with other choices or after a failure, import all but what was left out, or drop the upload."""
    by = member(request)
    action = request.POST.get("action")
    if action == "discard":
        imports.import_discard(import_id=import_id, by=by)
        messages.info(request, "The upload is dropped; nothing was imported.")
        return redirect("tasks:import")
    try:
        if action == "reopen":
            imports.import_reopen(import_id=import_id, by=by)
            return redirect("tasks:import_one", import_id=import_id)
        imports.import_choose(import_id=import_id, by=by, choices=_choices(request))
        done = None if action == "look" else imports.import_confirm(import_id=import_id, by=by)
    except (Invalid, Conflict) as error:
        messages.error(request, error.message)
        return redirect("tasks:import_one", import_id=import_id)
    if isinstance(done, ImportReport):
        messages.success(request, done.sentence())
    return redirect("tasks:import_one", import_id=import_id)


def _choices(request: HttpRequest) -> dict[str, Any]:
    """What was decided on the page."""
    prefix = "split-"
    return {
        "splits": {
            name.removeprefix(prefix): value
            for name, value in request.POST.items()
            if name.startswith(prefix) and name.removeprefix(prefix).isdigit()
        },
        "by_name": request.POST.get("by_name") == "1",
        "propose": request.POST.get("propose") == "1",
        "without": [raw_id for raw_id in request.POST.getlist("without") if raw_id],
    }
