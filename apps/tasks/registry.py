"""What apps above tell this one: tabs of the task page, what to do with chosen tasks, and which were solved by whom.

Tasks know nothing of experiments. An app above registers in its `AppConfig.ready`:

    task_tab_register(TaskTab(name="submissions", title="Submissions", order=10, count=..., render=...))
    solved_tasks_register(lambda strategy: TaskSubmission.objects.filter(...).values("task_id"))
    selection_action_register(Bulk("experiments:new-from-tasks", "New experiment", icon="plus"))
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from apps.core.lists import Bulk
from apps.tasks.models import ArcTask

SolvedTasks = Callable[[str], Any]
"""From a strategy's name ("" for any) to the tasks it solved, as a queryset `.values("task_id")`."""


@dataclass(frozen=True)
class TaskTab:
    """One tab of the task page, at `/tasks/<task_id>/<name>/`.

    `render` answers the tab's HTML (a rendered fragment, also served alone to htmx); `count`, where given, is shown
    beside the title and must be one cheap query.
    """

    name: str
    title: str
    render: Callable[[HttpRequest, ArcTask], str]
    count: Callable[[ArcTask], int] | None = None
    order: int = 50


_tabs: dict[str, TaskTab] = {}
_selection_actions: dict[str, Bulk] = {}
_solved: dict[SolvedTasks, Callable[[], Sequence[tuple[str, str]]] | None] = {}


def task_tab_register(tab: TaskTab) -> None:
    """Add a tab to every task's page; the same name again replaces it."""
    _tabs[tab.name] = tab


def task_tabs() -> list[TaskTab]:
    """The tabs in their order."""
    return sorted(_tabs.values(), key=lambda tab: (tab.order, tab.name))


def selection_action_register(action: Bulk) -> None:
    """Offer something to do with tasks chosen in the gallery; its view asks `apps.tasks.lists.GALLERY.chosen` for them."""
    _selection_actions[action.url] = action


def selection_actions() -> list[Bulk]:
    """What apps above do with chosen tasks."""
    return list(_selection_actions.values())


def solved_tasks_register(
    solved: SolvedTasks, strategies: Callable[[], Sequence[tuple[str, str]]] | None = None
) -> None:
    """Say which tasks are solved, and by which strategies (name and title) they can be; several answers are joined."""
    _solved[solved] = strategies


def solved_condition(strategy: str) -> Q:
    """The condition "solved by `strategy`" ("" for any); nothing is solved while nobody says otherwise."""
    condition = Q(pk__in=[])
    for solved in _solved:
        condition |= Q(task_id__in=solved(strategy))
    return condition


def solved_among(task_ids: Collection[str]) -> set[str]:
    """Those of a page's tasks that some strategy solved."""
    found: set[str] = set()
    for solved in _solved:
        found.update(row["task_id"] for row in solved("").filter(task_id__in=task_ids).distinct())
    return found


def solving_strategies() -> list[tuple[str, str]]:
    """The strategies one can ask for in "solved by": name and title."""
    return sorted({pair for strategies in _solved.values() if strategies for pair in strategies()})
