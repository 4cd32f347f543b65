"""Real experiments as the work: ARC tasks solved by program synthesis, started as the web page starts them.

Cells whose jobs were given up are retried in peace afterwards, as a person would, so that every cell ends with an
answer; and answers are compared with those of an undisturbed solver.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from statistics import fmean
from typing import TYPE_CHECKING, Any

from tests.chaos.reference import answers
from tests.chaos.work import patiently

if TYPE_CHECKING:
    from apps.core.models import Job, User
    from apps.experiments.models import ExperimentRun, Solve, TaskSubmission
    from tests.chaos.lab import Lab

STRATEGY = "program_synthesis"
TASKS = "arc1/training"
MORE_TASKS = 20


class Solves:
    """An experiment over real tasks, and smaller ones after it if the harms outlast it."""

    worker = ("manage.py", "worker")

    def __init__(self, *, cells: int, seeds: int, seconds: float, references: int, owner: User) -> None:
        self._tasks = max(1, cells // seeds)
        self._seeds, self._seconds, self._references, self._owner = seeds, seconds, references, owner
        self._offset = 0
        self._ended_by_itself: dict[str, str] = {}
        self._retried: Counter[str] = Counter()
        self.topics: list[str] = []
        """The ids of the runs."""

    def begin(self) -> None:
        """The experiment."""
        self._start(self._tasks, list(range(self._seeds)))

    def more(self) -> None:
        """A smaller one, over other tasks."""
        self._start(MORE_TASKS, [0])

    def _start(self, tasks: int, seeds: list[int]) -> None:
        from apps.experiments.documents import ExperimentSpec
        from apps.experiments.services import experiment_create, experiment_start
        from apps.tasks.criteria import TaskCriteria

        dataset, _, source = TASKS.partition("/")
        spec = ExperimentSpec(
            name=f"Chaos {len(self.topics) + 1}",
            strategy_configs={STRATEGY: {}},
            task_selection_criteria=TaskCriteria.model_validate(
                {"datasets": [dataset], "sources": [source], "offset": self._offset, "limit": tasks}
            ),
            seeds=seeds,
            seconds_per_task=self._seconds,
        )
        self._offset += tasks
        made = patiently(lambda: experiment_create(spec=spec, by=self._owner))
        self.topics.append(patiently(lambda: experiment_start(experiment=made, by=self._owner)).run_id)

    def after(self, lab: Lab, *, patience: float) -> None:
        """Note how the runs ended, then retry the cells that were given up and wait for their ends."""
        from apps.experiments.models import Experiment
        from apps.experiments.services import experiment_retry_failed

        for run in self._runs():
            self._ended_by_itself[run.run_id] = run.status
            failed = run.solves.filter(status="failed").count()
            if failed:
                experiment = Experiment.objects.get(runs=run)
                self._retried[run.run_id] = experiment_retry_failed(experiment=experiment, by=self._owner)
        until = time.monotonic() + patience
        while any(run.status == "in_progress" for run in self._runs()) and time.monotonic() < until:
            lab.keep()
            time.sleep(0.3)
        print(f"{self._retried.total()} cells were given up after several kills; retried in peace, as a person would")

    def _runs(self) -> list[ExperimentRun]:
        from apps.experiments.models import ExperimentRun

        return list(ExperimentRun.objects.filter(run_id__in=self.topics).order_by("run_id"))

    def job_ids(self) -> list[str]:
        """One a cell, and one more for each that was retried."""
        from apps.core.models import Job

        return list(Job.objects.filter(topic__in=self.topics).values_list("pk", flat=True))

    def result_complaint(self, job: Job, results: list[tuple[str, dict[str, Any]]]) -> str:
        """The solver's answer once if it completed, said while it ran; then the cell's own end, once, however it ended."""
        said = [status for status, payload in results if "solve_id" not in payload]
        closed = [(status, payload["solve_id"]) for status, payload in results if "solve_id" in payload]
        if said != (["running"] if job.status == "completed" else []):
            return "wanted one answer of a completed job and none of another"
        if closed != [(job.status, job.payload["solve_id"])]:
            return "wanted one end of the cell, after the end of its job"
        return ""

    # --- what must hold ---------------------------------------------------------------------------------------------

    def complaints(self) -> list[str]:
        """Everything about cells, submissions, figures and answers."""
        found: list[str] = []
        for run in self._runs():
            found += self._run_complaints(run)
        return [*found, *self._metric_complaints(), *self._answer_complaints()]

    def _run_complaints(self, run: ExperimentRun) -> list[str]:
        cells = list(run.solves.select_related("task", "submission", "job").order_by("position"))
        found = [f"{run.run_id} had not ended by itself: {self._ended_by_itself.get(run.run_id)}"]
        found = found if self._ended_by_itself.get(run.run_id) != "completed" else []
        if len(cells) != run.cells_total:
            found.append(f"{run.run_id} has {len(cells)} cells, not {run.cells_total}")
        submissions = run.submissions.count()
        if submissions != len(cells):
            found.append(f"{run.run_id} has {submissions} submissions for {len(cells)} cells")
        jobs = len(cells) + self._retried[run.run_id]
        if (made := self._jobs_of(run)) != jobs:
            found.append(f"{run.run_id} has {made} jobs, not {jobs}")
        for cell in cells:
            found += [f"cell {cell.position} of {run.run_id}: {wrong}" for wrong in _cell_complaints(cell)]
        return [*found, *self._life_complaints(run), *_figure_complaints(run, cells)]

    @staticmethod
    def _jobs_of(run: ExperimentRun) -> int:
        from apps.core.models import Job

        return Job.objects.filter(topic=run.run_id).count()

    def _life_complaints(self, run: ExperimentRun) -> list[str]:
        """The run's own events: begun once, ended once (and once more after the retry)."""
        from apps.core.models import JobEvent

        rows = JobEvent.objects.filter(topic=run.run_id, job__isnull=True, type="status_change").order_by("xid", "id")
        changes = [(payload["old_status"], payload["new_status"]) for payload in rows.values_list("payload", flat=True)]
        wanted = [("created", "in_progress"), ("in_progress", "completed")]
        if self._retried[run.run_id]:
            wanted += [("completed", "in_progress"), ("in_progress", "completed")]
        found = [f"{run.run_id} went through {changes}"] if changes != wanted else []
        if run.status != "completed" or run.completed_at is None or run.experiment.status != "completed":
            found.append(f"{run.run_id} is {run.status}, its experiment {run.experiment.status}")
        return found

    def _metric_complaints(self) -> list[str]:
        """One strategy metric for each end that was scored: what the log says of ends is what the table holds."""
        from apps.core.models import JobEvent
        from apps.experiments.models import StrategyMetric

        ends = JobEvent.objects.filter(topic__in=self.topics, type="cell")
        told = Counter(
            (payload["task_id"], payload["score"] == 1.0)
            for payload in ends.values_list("payload", flat=True)
            if payload["score"] is not None
        )
        kept = Counter(StrategyMetric.objects.values_list("task_id", "success"))
        return [] if kept == told else [f"strategy metrics differ from the ends told: {(kept - told) + (told - kept)}"]

    def _answer_complaints(self) -> list[str]:
        """Answers equal those of a solver nobody disturbed: first of all those of cells that were disturbed."""
        from apps.experiments.documents import Answer
        from apps.experiments.models import Solve
        from workers.experiments import prepare

        cells = list(
            Solve.objects.filter(run_id__in=self.topics, status="completed").select_related("submission", "job")
        )
        random.Random(0).shuffle(cells)
        cells.sort(key=lambda cell: not _again(cell))
        chosen = [cell for cell in cells if cell.submission and cell.job][: self._references]
        again = sum(_again(cell) for cell in chosen)
        cut = [cell for cell in chosen if cell.submission and cell.submission.metadata["hard_stopped"]]
        print(
            f"{len(chosen)} of {len(cells)} answers are compared with those of an undisturbed solver, "
            f"{again} of them from cells that ran more than once; {len(cut)} were cut short by the clock",
            flush=True,
        )
        cases = [(cell.pk, prepare(cell.job).arguments) for cell in chosen if cell.job]
        given = {cell.pk: cell.submission for cell in chosen if cell.submission}
        found = []
        for name, result in answers(cases):
            submission, answer = given[name], Answer.model_validate(result).model_dump(mode="json")
            if submission.metadata["hard_stopped"]:
                continue
            if submission.predictions != answer["predictions"] or any(
                submission.metadata[told] != answer[told] for told in ("steps_used", "details")
            ):
                found.append(f"the answer of {name} differs from an undisturbed one")
        return found


def _again(cell: Solve) -> bool:
    """Whether more than one execution worked on it."""
    return cell.tries > 1 or (cell.job is not None and cell.job.attempt > 1)


def _cell_complaints(cell: Solve) -> list[str]:
    """A cell that ended has one submission, one result, the truth's score and its own cost."""
    from apps.experiments.models import TaskSubmission

    found = [] if cell.status == "completed" else [f"is {cell.status}"]
    mine = list(
        TaskSubmission.objects.filter(
            run_id=cell.run_id, task_id=cell.task_id, strategy_used=cell.strategy, seed=cell.seed
        )
    )
    submission = cell.submission
    if submission is None or [one.pk for one in mine] != [submission.pk]:
        return [*found, f"points at {cell.submission_id}, has {[one.pk for one in mine]}"]
    hits = _hits(submission, cell.task.tests)
    score = fmean(hits) if hits else None
    if submission.hits != hits or submission.score != score or cell.score != score:
        found.append(f"scored {submission.score} {submission.hits}, is worth {score} {hits}")
    if (cell.outputs, cell.outputs_hit) != (len(hits), sum(hits)) or submission.is_correct != all(hits):
        found.append(f"counts {cell.outputs_hit} of {cell.outputs} outputs, {sum(hits)} of {len(hits)} are right")
    if submission.metadata["job_id"] != cell.job_id:
        found.append(f"was answered by {submission.metadata['job_id']}, its job is {cell.job_id}")
    result = getattr(submission, "experiment_result", None)
    if result is None or result.metrics["score"] != score or result.metrics["hits"] != sum(hits):
        found.append("has no result of its own, or a wrong one")
    return found + _cost_complaints(cell, submission)


def _cost_complaints(cell: Solve, submission: TaskSubmission) -> list[str]:
    """What a cell says it cost is what the ledger holds for all executions of its job."""
    from apps.carbon.models import ResourceUsage

    booked = sum(ResourceUsage.objects.filter(job_id=cell.job_id).values_list("cpu_seconds", flat=True))
    if abs(cell.core_seconds - booked) > 1e-6 or abs(submission.resource_usage["cpu_seconds"] - booked) > 1e-6:
        return [f"cost {cell.core_seconds} core-seconds, {booked} are booked"]
    return []


def _hits(submission: TaskSubmission, tests: list[dict[str, Any]]) -> list[bool]:
    attempts = [[attempt["grid"] for attempt in per_test] for per_test in submission.predictions]
    return [test["output"] in (attempts[number] if number < len(attempts) else []) for number, test in enumerate(tests)]


def _figure_complaints(run: ExperimentRun, cells: list[Solve]) -> list[str]:
    """The run's figures, computed anew from its submissions alone."""
    stored = run.metrics
    if run.experiment.results != stored or not stored:
        return [f"{run.run_id} and its experiment tell different results"]
    answered = [cell.submission for cell in cells if cell.submission is not None]
    found = []
    by_task: dict[str, list[float]] = {}
    for row in stored["rows"]:
        mine = [one for one in answered if (one.strategy_used, one.seed) == (row["strategy"], row["seed"])]
        scores = [one.score for one in mine if one.score is not None]
        hits = [hit for one in mine for hit in one.hits]
        wanted = {
            "tasks": len(mine),
            "done": len(mine),
            "scored": len(scores),
            "outputs": len(hits),
            "macro": fmean(scores),
            "micro": sum(hits) / len(hits),
            "strict": sum(score == 1.0 for score in scores),
            "failures": 0,
            "nothing_found": sum(one.error_type == "nothing_found" for one in mine),
            "core_seconds": sum(one.resource_usage["cpu_seconds"] for one in mine),
            "dollars": sum(one.resource_usage["estimated_cost"] for one in mine),
        }
        found += _differences(f"{run.run_id} seed {row['seed']}", row, wanted)
    for one in answered:
        by_task.setdefault(one.task_id, []).append(one.score or 0.0)
    totals = {
        "cells": len(cells),
        "done": len(answered),
        "tasks": len(by_task),
        "macro": fmean(fmean(scores) for scores in by_task.values()),
        "strict": sum(one.score == 1.0 for one in answered),
        "core_seconds": sum(one.resource_usage["cpu_seconds"] for one in answered),
    }
    return found + _differences(f"{run.run_id} in all", stored["totals"], totals)


def _differences(where: str, stored: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    return [
        f"{where}: {name} is {stored[name]}, should be {value}"
        for name, value in wanted.items()
        if abs(stored[name] - value) > 1e-6
    ]
