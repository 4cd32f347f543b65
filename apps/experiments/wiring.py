"""What this app tells the apps below it, once, when Django is ready."""

from __future__ import annotations

from typing import Any

from apps.core.jobs import kinds, reports, upkeep
from apps.core.jobs.kinds import Kind
from apps.core.lists import Bulk
from apps.core.models import Role
from apps.experiments import live, observatory, search, task_tab
from apps.experiments.engine import registry
from apps.experiments.kind import KIND, QUEUE
from apps.experiments.models import TaskSubmission
from apps.experiments.queries.subjects import jobs_matching, run_subjects, solve_subjects
from apps.experiments.reports import CellEnd
from apps.experiments.services.cells import on_finish, on_status
from apps.experiments.services.ending import figures_renew
from apps.experiments.services.lost import lost_cells_close
from apps.experiments.services.runs import on_retry
from apps.experiments.strategies import title_of
from apps.tasks.registry import TaskTab, selection_action_register, solved_tasks_register, task_tab_register


def register() -> None:
    """Make the kind of job, its upkeep, what runs say, the solved tasks and the tab on a task's page known."""
    kinds.register(
        Kind(
            name=KIND,
            title="Solve a task",
            queue=QUEUE,
            runner="workers.experiments",
            subjects=solve_subjects,
            groups=run_subjects,
            search=jobs_matching,
            on_finish=on_finish,
            on_status=on_status,
            on_retry=on_retry,
        )
    )
    reports.register(CellEnd)
    upkeep.register("cells whose job has ended", lost_cells_close)
    upkeep.register("figures of an earlier version", figures_renew)
    solved_tasks_register(_solved_tasks, lambda: [(name, title_of(name)) for name in registry.names()])
    task_tab_register(
        TaskTab(name="submissions", title="Submissions", order=10, render=task_tab.render, count=task_tab.count)
    )
    selection_action_register(Bulk("experiments:new-from-tasks", "New experiment", icon="plus", role=Role.RESEARCHER))
    live.register()
    observatory.register()
    search.register()


def _solved_tasks(strategy: str) -> Any:
    solved = TaskSubmission.objects.filter(is_correct=True)
    return (solved.filter(strategy_used=strategy) if strategy else solved).values("task_id")
