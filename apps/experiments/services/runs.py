"""Starting, stopping and repeating: what a person does to an experiment under way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from apps.core.access import require_owner
from apps.core.errors import Conflict, NotFound
from apps.core.ids import new_solve_id
from apps.core.jobs import JobSpec, jobs_enqueue, topic_cancel, topic_pause, topic_resume
from apps.core.models import ACTIVE_STATUSES, Job, JobStatus, User
from apps.core.sql import finish_time
from apps.experiments.engine.hardstop import WALL_FACTOR
from apps.experiments.kind import KIND
from apps.experiments.models import (
    ACTIVE,
    TERMINAL_SOLVES,
    Experiment,
    ExperimentRun,
    ExperimentStatus,
    Solve,
    SolveStatus,
)
from apps.experiments.services.ending import run_settle, status_emit
from apps.experiments.services.experiments import experiment_check, refuse, selection_of, spec_of
from apps.experiments.services.lost import lost_cells_close
from apps.experiments.strategies import versioned
from apps.tasks.criteria import tasks_matching
from apps.tasks.models import ArcTask

BATCH = 500
RETRIABLE = (SolveStatus.FAILED, SolveStatus.TIMEOUT, SolveStatus.CANCELLED)


def hard_seconds(core_seconds: float) -> float:
    """When a solver stops by itself, in seconds of the processor: generous, since effort is counted in steps."""
    return 10 * core_seconds + 30


def job_timeout(core_seconds: float) -> float:
    """When a solving process is killed, on the wall clock: past its own hard stop on the busiest machine."""
    return WALL_FACTOR * hard_seconds(core_seconds) + 60


@transaction.atomic
def experiment_start(*, experiment: Experiment, by: User) -> ExperimentRun:
    """Freeze the tasks, make a cell and a job for each of them, strategy and seed."""
    require_owner(by, experiment.created_by_id)
    standing = _claim(experiment, frm=(ExperimentStatus.CREATED,), verb="started")
    checked = experiment_check(spec=spec_of(standing))
    refuse(checked.problems)
    tasks = list(tasks_matching(selection_of(standing).criteria).values_list("task_id", "version"))
    return _run_create(standing, tasks)


@transaction.atomic
def experiment_rerun(*, experiment: Experiment, by: User) -> ExperimentRun:
    """A further run over the same tasks (in their present versions), strategies and seeds."""
    require_owner(by, experiment.created_by_id)
    ended = (ExperimentStatus.COMPLETED, ExperimentStatus.FAILED, ExperimentStatus.CANCELLED)
    standing = _claim(experiment, frm=ended, verb="run again")
    frozen = selection_of(standing).task_ids or []
    versions = dict(ArcTask.objects.filter(task_id__in=frozen).values_list("task_id", "version"))
    return _run_create(standing, [(task_id, versions[task_id]) for task_id in frozen if task_id in versions])


def _claim(experiment: Experiment, *, frm: Iterable[str], verb: str) -> Experiment:
    """Move the experiment to `in_progress` if it is where it must be; the row is ours until we commit."""
    moved = Experiment.objects.filter(pk=experiment.pk, status__in=frm).update(
        status=ExperimentStatus.IN_PROGRESS, started_at=Now(), completed_at=None
    )
    standing = Experiment.objects.filter(pk=experiment.pk).first()
    if standing is None:
        raise NotFound("This experiment is gone.")
    if not moved:
        raise Conflict(f"This experiment is {standing.get_status_display().lower()}; it cannot be {verb} now.")
    return standing


def _run_create(experiment: Experiment, tasks: Sequence[tuple[str, int]]) -> ExperimentRun:
    """The run, its cells and their jobs. Jobs belong to the experiment's owner, whoever started it."""
    rows = [(strategy, seed) for strategy in sorted(experiment.strategy_configs) for seed in experiment.seeds]
    number = experiment.runs.count() + 1
    run = ExperimentRun.objects.create(
        experiment=experiment,
        number=number,
        experiment_name=experiment.name,
        task_ids=[task_id for task_id, _ in tasks],
        strategy_config=versioned(experiment.strategy_configs),
        seeds=experiment.seeds,
        cells_total=len(tasks) * len(rows),
        started_at=Now(),
    )
    run.refresh_from_db(fields=["started_at"])
    cells = [
        Solve(run=run, task_id=task_id, task_version=version, strategy=strategy, seed=seed, solve_id=new_solve_id())
        for task_id, version in tasks
        for strategy, seed in rows
    ]
    for position, cell in enumerate(cells):
        cell.position = position
    jobs = jobs_enqueue(specs=_specs(cells, experiment.seconds_per_task), owner=experiment.created_by)
    for cell, job in zip(cells, jobs, strict=True):
        cell.job = job
    Solve.objects.bulk_create(cells, batch_size=BATCH)
    selection = selection_of(experiment).model_copy(update={"task_ids": run.task_ids})
    Experiment.objects.filter(pk=experiment.pk).update(task_selection=selection.stored(), results={})
    status_emit(run_id=run.run_id, old=ExperimentStatus.CREATED, new=ExperimentStatus.IN_PROGRESS)
    return run


def _specs(cells: Iterable[Solve], seconds_per_task: float) -> list[JobSpec]:
    return [
        JobSpec(
            kind=KIND,
            payload=_payload(cell),
            topic=cell.run_id,
            timeout_seconds=job_timeout(seconds_per_task),
            retry_of=cell.job_id,
        )
        for cell in cells
    ]


def _payload(cell: Solve) -> dict[str, Any]:
    """What a job carries: enough to find the cell and to book its cost, nothing of the puzzle."""
    return {"solve_id": cell.solve_id, "task_id": cell.task_id, "strategy": cell.strategy}


def latest_run(experiment: Experiment) -> ExperimentRun:
    """The run a person means when they say the experiment's."""
    run = experiment.runs.order_by("-number").first()
    if run is None:
        raise Conflict("This experiment has not been started.")
    return run


@transaction.atomic
def experiment_pause(*, experiment: Experiment, by: User) -> int:
    """Hold what waits; what runs is stopped and waits too, to begin afresh. How many cells that are."""
    require_owner(by, experiment.created_by_id)
    _jobs_hold(experiment)
    run = _move(experiment, frm=(ExperimentStatus.IN_PROGRESS,), to=ExperimentStatus.PAUSED, verb="paused")
    topic_pause(topic=run.run_id, by=by)
    return _running(run)


@transaction.atomic
def experiment_resume(*, experiment: Experiment, by: User) -> None:
    """Go on after a pause, be it the experiment's or only that of cells, which a spent budget pauses."""
    require_owner(by, experiment.created_by_id)
    _jobs_hold(experiment)
    run = latest_run(experiment)
    if run.status == ExperimentStatus.IN_PROGRESS and topic_resume(topic=run.run_id, by=by):
        return
    run = _move(experiment, frm=(ExperimentStatus.PAUSED,), to=ExperimentStatus.IN_PROGRESS, verb="resumed")
    topic_resume(topic=run.run_id, by=by)


@transaction.atomic
def experiment_cancel(*, experiment: Experiment, by: User) -> int:
    """Stop for good: what waits ends now, what was solved stays, what runs is stopped. How many cells that are."""
    require_owner(by, experiment.created_by_id)
    _jobs_hold(experiment)
    _rows_hold(Solve.objects.filter(run=latest_run(experiment), finished_at__isnull=True))
    run = _move(experiment, frm=ACTIVE, to=ExperimentStatus.CANCELLED, verb="cancelled")
    topic_cancel(topic=run.run_id, by=by)
    lost_cells_close(run_id=run.run_id)
    run_settle(run_id=run.run_id)
    return _running(run)


def _running(run: ExperimentRun) -> int:
    return Job.objects.filter(topic=run.run_id, status=JobStatus.RUNNING).count()


def _jobs_hold(experiment: Experiment) -> None:
    """Take the jobs before the run: a worker that ends a job holds them in that order too, so nobody waits in a ring."""
    _rows_hold(Job.objects.filter(topic=latest_run(experiment).run_id, status__in=ACTIVE_STATUSES))


def _rows_hold(rows: QuerySet[Any]) -> None:
    list(rows.select_for_update().order_by("pk").values_list("pk"))


def _move(experiment: Experiment, *, frm: Iterable[str], to: str, verb: str) -> ExperimentRun:
    """Compare-and-set the state of the latest run and of its experiment."""
    run = latest_run(experiment)
    ended = {"completed_at": finish_time()} if to == ExperimentStatus.CANCELLED else {}
    moved = ExperimentRun.objects.filter(pk=run.pk, status__in=frm).update(status=to, **ended)
    if not moved:
        raise Conflict(f"This experiment is {run.get_status_display().lower()}; it cannot be {verb} now.")
    Experiment.objects.filter(pk=experiment.pk).update(status=to, **ended)
    status_emit(run_id=run.run_id, old=run.status, new=to)
    return run


def experiment_retry_failed(*, experiment: Experiment, by: User) -> int:
    """Give the cells that failed, ran out of time, were cancelled or lost their job another job each; how many there are."""
    require_owner(by, experiment.created_by_id)
    run = latest_run(experiment)
    lost_cells_close(run_id=run.run_id)
    with transaction.atomic():
        cells = _to_retry(run, Solve.objects.filter(run=run, status__in=RETRIABLE))
        if not cells:
            raise Conflict("Nothing failed in this run: there is nothing to retry.")
        _renew(experiment, run, cells)
    return len(cells)


def cell_retry(*, solve: Solve, by: User) -> None:
    """Do one finished cell again, or one whose job has ended without it."""
    experiment = solve.run.experiment
    require_owner(by, experiment.created_by_id)
    run = latest_run(experiment)
    if solve.run_id != run.run_id:
        raise Conflict(_EARLIER)
    lost_cells_close(run_id=run.run_id)
    with transaction.atomic():
        cells = _to_retry(run, Solve.objects.filter(pk=solve.pk, status__in=TERMINAL_SOLVES))
        if not cells:
            raise Conflict("This cell has not finished yet; it can be retried when it has.")
        _renew(experiment, run, cells)


def on_retry(old: Job, fresh: Job) -> None:
    """A job was retried on its own page: its cell is open again and points at the new one."""
    solve = Solve.objects.filter(job_id=old.pk).select_related("run__experiment").first()
    if solve is None:
        raise Conflict("The cell this job was made for is gone, or another job has taken it over.")
    experiment = solve.run.experiment
    run = latest_run(experiment)
    if solve.run_id != run.run_id:
        raise Conflict(_EARLIER)
    _reopen(experiment, run, list(_to_retry(run, Solve.objects.filter(pk=solve.pk))), [fresh])


_EARLIER = "This cell belongs to an earlier run, which stays as it is. Retry it in the latest run."


def _to_retry(run: ExperimentRun, cells: QuerySet[Solve]) -> list[Solve]:
    """The cells, in order, held, and then the run; refused while it is paused."""
    held = list(cells.select_for_update().order_by("pk"))
    standing = ExperimentRun.objects.select_for_update().only("status").filter(pk=run.pk).first()
    if standing is None:
        raise NotFound("This experiment is gone.")
    if standing.status == ExperimentStatus.PAUSED:
        raise Conflict("This experiment is paused. Resume it, then retry.")
    return sorted(held, key=lambda cell: cell.position)


def _renew(experiment: Experiment, run: ExperimentRun, cells: list[Solve]) -> None:
    jobs = jobs_enqueue(specs=_specs(cells, experiment.seconds_per_task), owner=experiment.created_by)
    _reopen(experiment, run, cells, jobs)


def _reopen(experiment: Experiment, run: ExperimentRun, cells: Sequence[Solve], jobs: Sequence[Job]) -> None:
    """Cells wait again, each for its new job; their submissions stay until the new answers replace them."""
    for cell, job in zip(cells, jobs, strict=True):
        cell.job = job
    Solve.objects.bulk_update(cells, ["job"], batch_size=BATCH)
    for start in range(0, len(cells), BATCH):
        Solve.objects.filter(pk__in=[cell.pk for cell in cells[start : start + BATCH]]).update(
            tries=F("tries") + 1, **_AS_NEW
        )
    old = ExperimentRun.objects.values_list("status", flat=True).get(pk=run.pk)
    again = {"status": ExperimentStatus.IN_PROGRESS, "completed_at": None}
    # What was kept at the end no longer holds; figures are computed until the next one.
    ExperimentRun.objects.filter(pk=run.pk).update(**again, error_log=None, metrics={})
    Experiment.objects.filter(pk=experiment.pk).update(**again, results={})
    if old != ExperimentStatus.IN_PROGRESS:
        status_emit(run_id=run.run_id, old=old, new=ExperimentStatus.IN_PROGRESS)


_AS_NEW: dict[str, Any] = {
    "status": SolveStatus.PENDING,
    "finished_at": None,
    "score": None,
    "outputs": 0,
    "outputs_hit": 0,
    "error_type": "",
    "core_seconds": 0.0,
    "wall_seconds": 0.0,
    "dollars": 0.0,
    "joules": 0.0,
}
"""What a cell that is done again forgets; its submission stays until the new answer replaces it."""
