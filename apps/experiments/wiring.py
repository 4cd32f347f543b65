"""What this app tells the apps below it, once, when Django is ready."""

from __future__ import annotations

from typing import Any

from apps.carbon import attribution
from apps.carbon.attribution import Attribution
from apps.core.jobs import kinds
from apps.core.jobs.kinds import Kind
from apps.core.models import Job
from apps.experiments import live, task_tab
from apps.experiments.engine import registry
from apps.experiments.models import TaskSubmission
from apps.experiments.services.cells import on_finish, on_status
from apps.experiments.services.runs import KIND, on_retry
from apps.tasks.registry import TaskTab, solved_tasks_register, task_tab_register


def register() -> None:
    """Make the kind of job, its attribution in the ledger and the solved tasks known."""
    kinds.register(
        Kind(name=KIND, title="Solve a task", queue="cpu", on_finish=on_finish, on_status=on_status, on_retry=on_retry)
    )
    attribution.register(KIND, _attribute)
    solved_tasks_register(_solved_tasks, registry.names)
    task_tab_register(
        TaskTab(name="submissions", title="Submissions", order=10, render=task_tab.render, count=task_tab.count)
    )
    live.register()


def _attribute(job: Job) -> Attribution:
    return Attribution(task_id=job.payload.get("task_id"), strategy_type=job.payload.get("strategy"))


def _solved_tasks(strategy: str) -> Any:
    solved = TaskSubmission.objects.filter(is_correct=True)
    return (solved.filter(strategy_used=strategy) if strategy else solved).values("task_id")
