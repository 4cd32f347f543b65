"""The gallery of tasks, and what splits give away about each other."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apps.core.access import member, page_role
from apps.core.errors import Invalid, NotFound
from apps.core.models import Role
from apps.core.pagination import page_number, paginate
from apps.core.returning import back
from apps.core.words import plural
from apps.tasks import queries, services
from apps.tasks.lists import GALLERY

_LEAKS_SHOWN = 100


@page_role()
def index(request: HttpRequest) -> HttpResponse:
    """Thumbnails, filtered, sorted and paged."""
    may_curate = member(request).has_role(Role.CURATOR)
    families = [name for _, name in queries.family_choices()] if may_curate else []
    return GALLERY.respond(request, "tasks/gallery.html", may_curate=may_curate, families=families)


@require_POST
@page_role(Role.CURATOR)
def family_fill(request: HttpRequest) -> HttpResponse:
    """Put the chosen tasks in a family, made now if there is none of that name; then back to the gallery."""
    try:
        filled = services.family_fill(
            task_ids=GALLERY.chosen(request), family_name=request.POST.get("family", ""), by=member(request)
        )
    except (Invalid, NotFound) as error:
        messages.error(request, error.message)
    else:
        messages.success(request, filled.sentence())
    return back(request, reverse("tasks:gallery"))


@require_POST
@page_role(Role.CURATOR)
def family_clear(request: HttpRequest) -> HttpResponse:
    """Take the chosen tasks out of their families; then back to the gallery."""
    try:
        moved = services.family_assign(task_ids=GALLERY.chosen(request), family_id=None, by=member(request))
    except (Invalid, NotFound) as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"{plural(moved, 'task')} taken out of a family.")
    return back(request, reverse("tasks:gallery"))


@page_role()
def leaks(request: HttpRequest) -> HttpResponse:
    """Which splits share puzzles; with two chosen, which puzzles."""
    training, evaluation = request.GET.get("training", ""), request.GET.get("evaluation", "")
    splits = queries.splits()
    context: dict[str, Any] = {"splits": splits, "training": training, "evaluation": evaluation}
    if training and evaluation:
        try:
            report = queries.leak_report(training=training, evaluation=evaluation)
        except (Invalid, NotFound) as error:
            context["problem"] = error.message
        else:
            found = paginate(
                report.rows(),
                page=page_number(request.GET.get("page", "")) or 1,
                page_size=_LEAKS_SHOWN,
                serialize=lambda row: row,
            )
            context |= {"report": report, "rows": found["items"], "result": found}
    else:
        first = {split.source: split.name for split in reversed(splits)}
        context |= {
            "matrix": queries.shared_puzzles(),
            "training": training or first.get("training", ""),
            "evaluation": evaluation or first.get("evaluation", ""),
        }
    return render(request, "tasks/leaks.html", context)
