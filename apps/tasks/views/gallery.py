"""The gallery of tasks, and what splits give away about each other."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.core.access import member, page_role
from apps.core.errors import Invalid, NotFound
from apps.core.models import Role
from apps.core.pagination import paginate
from apps.tasks import gallery, queries
from apps.tasks.registry import solved_among, solving_strategies
from apps.tasks.thumbnails import thumbnails

_LEAKS_SHOWN = 100


@page_role()
def index(request: HttpRequest) -> HttpResponse:
    """Thumbnails, filtered, sorted and paged; the results alone where htmx asks for them."""
    state = gallery.read_state(request.GET)
    page = queries.task_page(criteria=state.criteria, sort=state.sort, page=state.page, page_size=gallery.PAGE_SIZE)
    pictures = thumbnails(page.items)
    solved = solved_among([task.pk for task in page.items])
    context: dict[str, Any] = {
        "state": state,
        "result": page,
        "cards": [{"task": task, "picture": pictures[task.pk], "solved": task.pk in solved} for task in page.items],
        "by_page_link": request.htmx.boosted,  # type: ignore[attr-defined]
    }
    if request.htmx.target == "gallery":  # type: ignore[attr-defined]
        return render(request, "tasks/_gallery.html", context)
    splits = queries.splits()
    context |= {
        "filters": gallery.filters(
            state,
            splits=splits,
            families=list(queries.family_choices()),
            strategies=solving_strategies(),
        ),
        "sorts": gallery.SORT_WORDS,
        "total": sum(split.count for split in splits),
        "may_curate": member(request).has_role(Role.CURATOR),
    }
    return render(request, "tasks/gallery.html", context)


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
                report.rows(), page=gallery.page_number(request.GET), page_size=_LEAKS_SHOWN, serialize=lambda row: row
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
