"""One task: its pairs, its truths when asked for, its tabs, its file, and a curator's judgement."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from apps.core.access import member, page_role
from apps.core.errors import NotFound
from apps.core.models import Role
from apps.tasks import queries, services
from apps.tasks.downloads import arc_file
from apps.tasks.models import ArcTask, Difficulty, TaskSource
from apps.tasks.registry import TaskTab, task_tabs

_CELL_PIXELS = ((6, 26), (10, 20), (14, 14), (20, 10), (30, 8))


_DIGIT_PIXELS = 14
"""A cell needs this much for its number to be read."""


def _scale(task: ArcTask, *, digits: bool) -> int:
    """Pixels a cell, one scale for all grids of a task."""
    sides = [
        max(len(grid), len(grid[0])) for pair in (*task.train_examples, *task.tests) for grid in pair.values() if grid
    ]
    largest = max(sides)
    pixels = next(pixels for limit, pixels in _CELL_PIXELS if largest <= limit)
    return max(pixels, _DIGIT_PIXELS) if digits else pixels


@page_role()
def detail(request: HttpRequest, task_id: str, tab: str = "") -> HttpResponse:
    """The page; only the tabs and what they show where htmx asks for that."""
    task = queries.task_get(task_id)
    shown = _chosen(task_tabs(), tab)
    context: dict[str, Any] = {
        "task": task,
        "tabs": [
            {
                "key": item.name,
                "label": item.title,
                "url": f"/tasks/{task.pk}/{item.name}/",
                "count": item.count(task) if item.count else None,
            }
            for item in task_tabs()
        ],
        "active": shown.name,
        "panel": shown.render(request, task),
    }
    if request.htmx.target == "task-tabs":  # type: ignore[attr-defined]
        return render(request, "tasks/_tabs.html", context | {"swapped": True})
    before, after = queries.neighbours(task)
    user = member(request)
    may_curate = user.has_role(Role.CURATOR)
    digits = request.GET.get("digits") == "1"
    context |= {
        "cell": _scale(task, digits=digits),
        "digits": digits,
        "reveal": request.GET.get("truth") == "1",
        "before": before,
        "after": after,
        "may_curate": may_curate,
        "difficulties": Difficulty.choices,
        "families": list(queries.family_choices()) if may_curate else [],
    }
    return render(request, "tasks/task.html", context)


def _chosen(tabs: list[TaskTab], name: str) -> TaskTab:
    if not name:
        return tabs[0]
    for tab in tabs:
        if tab.name == name:
            return tab
    raise NotFound(f"A task has no part named {name[:40]}.")


@page_role()
def truth(request: HttpRequest, task_id: str, number: int) -> HttpResponse:
    """The output of one test (from 1), for the place its veil was in."""
    task = queries.task_get(task_id)
    if not 1 <= number <= len(task.tests):
        raise NotFound(f"Task {task.pk} has {len(task.tests)} tests.")
    digits = request.GET.get("digits") == "1"
    context = {
        "cells": task.tests[number - 1]["output"],
        "cell": _scale(task, digits=digits),
        "digits": digits,
        "asked": True,
    }
    return render(request, "tasks/_truth.html", context)


@page_role()
def download(request: HttpRequest, task_id: str) -> HttpResponse:
    """The task as ARC's JSON, truths and all: asking for the file is asking for them."""
    return arc_file(services.current_data(queries.task_get(task_id)), include_truth=request.GET.get("truth") != "0")


@require_GET
@page_role()
def export(request: HttpRequest) -> HttpResponse:
    """Many tasks as a zip: which ones, and whether with their truths."""
    found = queries.splits()
    context = {"datasets": sorted({split.dataset for split in found}), "sources": TaskSource.choices, "splits": found}
    return render(request, "tasks/export.html", context)


@require_POST
@page_role(Role.CURATOR)
def judge(request: HttpRequest, task_id: str) -> HttpResponseBase:
    """A curator sets difficulty and family."""
    level, family = request.POST.get("difficulty_level", ""), request.POST.get("family_id", "")
    task = services.task_update(
        task_id=task_id,
        by=member(request),
        difficulty=Difficulty(level) if level in Difficulty.values else None,
        family_id=family or None,
    )
    messages.success(request, f"{task.raw_id}: {task.get_difficulty_level_display().lower()}{_in_family(task)}.")
    return redirect("tasks:task", task_id=task.pk)


def _in_family(task: ArcTask) -> str:
    return f", in {task.family.family_name}" if task.family else ", in no family"
