"""What the jobs of this app are about, for pages and ledgers that know nothing of cells and runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from apps.core.jobs.kinds import Subject
from apps.core.models import Job
from apps.experiments.models import ExperimentRun, Solve
from apps.experiments.strategies import title_of
from apps.tasks.models import ArcTask

MAX_TASKS = 200
"""More tasks of one name than this are not looked for."""


def solve_subjects(jobs: Sequence[Job]) -> Mapping[str, Subject]:
    """Each solve's task, strategy and seed, with its cell; one statement. A cell that is gone leaves what the job knows."""
    wanted = {job.payload.get("solve_id"): job.pk for job in jobs}
    rows = Solve.objects.filter(pk__in=[pk for pk in wanted if pk]).values_list(
        "pk", "seed", "position", "run__experiment_id", "run__number"
    )
    cells = {pk: rest for pk, *rest in rows}
    return {job.pk: _subject(job, cells.get(job.payload.get("solve_id"))) for job in jobs}


def _subject(job: Job, cell: Sequence[Any] | None) -> Subject:
    task_id, strategy = job.payload.get("task_id"), job.payload.get("strategy")
    words = [str(part) for part in (task_id, strategy and title_of(strategy)) if part]
    url = ""
    if cell is not None:
        seed, position, experiment_id, number = cell
        words.append(f"seed {seed}")
        url = f"{reverse('experiments:cell', args=[experiment_id, position])}?run={number}"
    return Subject(" · ".join(words), url, task_id, strategy)


def run_subjects(topics: Sequence[str]) -> Mapping[str, Subject]:
    """The experiments whose runs these topics name; one statement."""
    rows = ExperimentRun.objects.filter(pk__in=topics).values_list("pk", "experiment_name", "experiment_id", "number")
    return {
        pk: Subject(name, f"{reverse('experiments:detail', args=[experiment_id])}?run={number}")
        for pk, name, experiment_id, number in rows
    }


def jobs_matching(text: str) -> QuerySet[Any]:
    """The ids of jobs that solve tasks of such a name: looked up in the small table first, then by an index."""
    tasks = list(ArcTask.objects.filter(task_id__icontains=text).values_list("pk", flat=True)[:MAX_TASKS])
    return Solve.objects.filter(task__in=tasks, job__isnull=False).values("job")
