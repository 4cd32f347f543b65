"""This app's own tabs of the task page: the same puzzle elsewhere, and what the task was before."""

from __future__ import annotations

from django.http import HttpRequest
from django.template.loader import render_to_string

from apps.tasks import queries
from apps.tasks.models import ArcTask
from apps.tasks.registry import TaskTab, task_tab_register
from apps.tasks.thumbnails import thumbnails

_MOST = 100


def register() -> None:
    """Make the tabs known."""
    task_tab_register(TaskTab(name="same", title="Same puzzle", render=_same, count=_same_count, order=60))
    task_tab_register(TaskTab(name="history", title="History", render=_history, count=_history_count, order=90))


def _same_count(task: ArcTask) -> int:
    return queries.same_puzzle(task).count()


def _same(request: HttpRequest, task: ArcTask) -> str:
    same, named = list(queries.same_puzzle(task)[:_MOST]), list(queries.same_id(task)[:_MOST])
    pictures = thumbnails([*same, *named])
    context = {
        "task": task,
        "same": [{"task": other, "picture": pictures[other.pk]} for other in same],
        "named": [{"task": other, "picture": pictures[other.pk]} for other in named],
    }
    return render_to_string("tasks/_same.html", context, request)


def _history_count(task: ArcTask) -> int:
    return task.version


def _history(request: HttpRequest, task: ArcTask) -> str:
    older = list(queries.older_versions(task)[:_MOST])
    asked = request.GET.get("version", "")
    shown = next((version for version in older if str(version.version) == asked), None)
    return render_to_string("tasks/_history.html", {"task": task, "older": older, "shown": shown}, request)
