"""From creation to completion, one cell at a time: claimed and settled as workers do, without processes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apps.carbon.models import ResourceUsage
from apps.core.errors import Conflict
from apps.core.jobs import job_cancel, job_retry
from apps.core.jobs.verdict import Outcome
from apps.core.models import Job, JobEvent, User
from apps.experiments.models import Experiment, ExperimentResult, Solve, SolveStatus, StrategyMetric, TaskSubmission
from apps.experiments.services import (
    cell_retry,
    experiment_cancel,
    experiment_delete,
    experiment_pause,
    experiment_rerun,
    experiment_resume,
    experiment_retry_failed,
    experiment_start,
)
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import begin, cells, end

pytestmark = pytest.mark.django_db
Make = Callable[..., Experiment]


def test_starting_freezes_tasks_and_versions_and_makes_one_job_a_cell(make: Make, tasks: list[ArcTask]) -> None:
    made = make(strategy_configs={"echo": {}, "other": {"depth": 3}}, seeds=[0, 5])
    run = made.runs.get()
    assert run.task_ids == [task.task_id for task in tasks] == made.task_selection["task_ids"]
    assert run.cells_total == 12 == run.solves.count()
    assert run.strategy_config["other"]["version"] == "1.2"
    assert run.strategy_config["other"]["config"]["depth"] == 3
    solves = cells(made)
    assert [(s.position, s.task_id, s.strategy, s.seed) for s in solves[:5]] == [
        (0, "lab:a", "echo", 0),
        (1, "lab:a", "echo", 5),
        (2, "lab:a", "other", 0),
        (3, "lab:a", "other", 5),
        (4, "lab:b", "echo", 0),
    ]
    assert len({s.job_id for s in solves}) == 12
    assert Job.objects.filter(topic=run.run_id, kind="solve", status="queued").count() == 12


def test_an_experiment_starts_once(make: Make, tasks: list[ArcTask], owner: User) -> None:
    made = make()
    with pytest.raises(Conflict, match="cannot be started"):
        experiment_start(experiment=made, by=owner)
    assert made.runs.count() == 1


def test_a_finished_cell_is_scored_kept_metered_and_told(make: Make, tasks: list[ArcTask]) -> None:
    made = make()
    first, second, third = cells(made)
    end(first)
    end(second)
    end(third)
    answers = list(TaskSubmission.objects.order_by("task_id"))
    assert [a.hits for a in answers] == [[True], [True, False], [False]]
    assert [a.score for a in answers] == [1.0, 0.5, 0.0]
    assert [a.is_correct for a in answers] == [True, False, False]
    assert answers[0].predicted_output == [[1, 0], [0, 1]]
    assert answers[0].confidence_score == 0.5
    assert answers[0].processing_time_ms == 3000
    assert answers[0].resource_usage["cpu_seconds"] == 2.0
    assert ExperimentResult.objects.filter(experiment=made).count() == 3
    assert list(StrategyMetric.objects.order_by("task_id").values_list("success", flat=True)) == [True, False, False]
    usage = ResourceUsage.objects.get(task_id="lab:a")
    assert (usage.strategy_type, usage.cpu_seconds, usage.energy_method) == ("echo", 2.0, "constant")
    assert usage.estimated_cost == pytest.approx(2.0 * 0.05 / 3600)
    assert JobEvent.objects.filter(topic=first.run_id, type="cell").count() == 3


def test_the_last_cell_completes_run_and_experiment_with_results(make: Make, tasks: list[ArcTask]) -> None:
    made = make()
    *others, last = cells(made)
    for cell in others:
        end(cell)
    made.refresh_from_db()
    assert (made.status, made.completed_at) == ("in_progress", None)
    end(last)
    made.refresh_from_db()
    run = made.runs.get()
    assert made.status == run.status == "completed"
    assert made.completed_at is not None
    assert made.results == run.metrics
    row = made.results["rows"][0]
    assert row["macro"] == pytest.approx(0.5)
    assert row["micro"] == pytest.approx(2 / 4)
    assert (row["strict"], row["tasks"], row["outputs"], row["failures"]) == (1, 3, 4, 0)
    assert row["macro_low"] < 0.5 < row["macro_high"]
    totals = made.results["totals"]
    assert totals["core_seconds"] == pytest.approx(6.0)
    assert totals["joules_per_correct"] == pytest.approx(6.0 * 8)


@pytest.mark.parametrize(
    ("outcome", "error", "expected"),
    [
        ("failed", "crashed", ("failed", "crashed", 0.0, False)),
        ("timeout", "", ("timeout", "timeout", 0.0, False)),
        ("cancelled", "cancelled", ("cancelled", "cancelled", None, None)),
    ],
)
def test_a_cell_that_ends_badly_still_has_its_submission(
    make: Make, tasks: list[ArcTask], outcome: Outcome, error: str, expected: tuple[object, ...]
) -> None:
    made = make()
    cell = cells(made)[0]
    end(cell, outcome, error_code=error, error_message="It fell over.")
    cell.refresh_from_db()
    answer = TaskSubmission.objects.get()
    assert (cell.status, answer.error_type, answer.score, answer.is_correct) == expected
    assert (answer.predictions, answer.predicted_output) == ([], [])
    assert cell.submission_id == answer.pk
    assert answer.experiment_result.experiment_id == made.pk
    assert StrategyMetric.objects.count() == (0 if outcome == "cancelled" else 1)


def test_nothing_found_is_an_answer_not_a_failure(make: Make, tasks: list[ArcTask]) -> None:
    made = make()
    cell = cells(made)[0]
    end(cell, result={"predictions": [[]]})
    answer = TaskSubmission.objects.get()
    assert (answer.error_type, answer.score, answer.is_correct) == ("nothing_found", 0.0, False)
    assert answer.solve.status == SolveStatus.COMPLETED


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"predictions": [[{"grid": [[11]]}]]},
        {"predictions": [[{"grid": [[1], [1, 2]]}]]},
        {"predictions": [[{"grid": [[1]]}] * 3]},
        {"predictions": [[], []]},
    ],
)
def test_an_answer_that_cannot_be_used_fails_the_cell(make: Make, tasks: list[ArcTask], result: object) -> None:
    cell = cells(make())[0]
    end(cell, result=result)
    answer = TaskSubmission.objects.get()
    assert (answer.error_type, answer.predictions, answer.score) == ("invalid_answer", [], 0.0)
    assert answer.solve.status == SolveStatus.FAILED


def test_a_task_whose_truth_is_unknown_is_answered_but_not_scored(make: Make, tasks: list[ArcTask]) -> None:
    tests = [{"input": [[1]], "output": None}]
    ArcTask.objects.filter(pk="lab:a").update(tests=tests, test_input=[[1]], test_output=None)
    made = make()
    for cell in cells(made):
        end(cell)
    answer = TaskSubmission.objects.get(task_id="lab:a")
    assert (answer.hits, answer.score, answer.is_correct) == ([None], None, None)
    made.refresh_from_db()
    assert made.results["rows"][0]["scored"] == 2
    assert made.results["rows"][0]["macro"] == pytest.approx(0.25)


def test_a_run_where_every_cell_failed_has_failed_and_says_why(make: Make, tasks: list[ArcTask]) -> None:
    made = make()
    for cell in cells(made):
        end(cell, "failed", error_code="crashed", error_message="Segmentation fault.")
    made.refresh_from_db()
    assert made.status == "failed"
    assert made.runs.get().error_log == "3 × crashed: Segmentation fault."


def test_scoring_uses_the_version_the_cell_was_made_for(make: Make, tasks: list[ArcTask]) -> None:
    made = make()
    task = tasks[0]
    task.versions.create(
        version=1, train_examples=task.train_examples, tests=task.tests, content_hash=task.content_hash
    )
    ArcTask.objects.filter(pk=task.pk).update(
        version=2, tests=[{"input": [[1]], "output": [[9]]}], test_input=[[1]], test_output=[[9]]
    )
    cell = cells(made)[0]
    end(cell, result={"predictions": [[{"grid": [[1, 0], [0, 1]], "confidence": 1}]]})
    assert TaskSubmission.objects.get().is_correct is True


def test_pause_and_resume_hold_and_release_every_waiting_job(make: Make, tasks: list[ArcTask], owner: User) -> None:
    made = make()
    experiment_pause(experiment=made, by=owner)
    made.refresh_from_db()
    assert made.status == made.runs.get().status == "paused"
    assert set(Job.objects.values_list("status", flat=True)) == {"paused"}
    with pytest.raises(Conflict, match="cannot be paused"):
        experiment_pause(experiment=made, by=owner)
    experiment_resume(experiment=made, by=owner)
    made.refresh_from_db()
    assert made.status == "in_progress"
    assert set(Job.objects.values_list("status", flat=True)) == {"queued"}


def test_cancel_ends_what_waits_and_keeps_what_was_solved(make: Make, tasks: list[ArcTask], owner: User) -> None:
    made = make()
    end(cells(made)[0])
    experiment_cancel(experiment=made, by=owner)
    made.refresh_from_db()
    assert made.status == made.runs.get().status == "cancelled"
    assert [c.status for c in cells(made)] == ["completed", "cancelled", "cancelled"]
    assert TaskSubmission.objects.filter(error_type="cancelled").count() == 2
    assert ExperimentResult.objects.count() == 3
    assert set(Job.objects.values_list("status", flat=True)) == {"completed", "cancelled"}
    assert made.results["rows"][0]["scored"] == 1
    with pytest.raises(Conflict, match="cannot be cancelled"):
        experiment_cancel(experiment=made, by=owner)


def test_a_cancel_waits_for_what_runs_and_then_settles(make: Make, tasks: list[ArcTask], owner: User) -> None:
    made = make()
    running = cells(made)[0]
    begin(running)
    assert cells(made)[0].status == "running"
    experiment_cancel(experiment=made, by=owner)
    made.refresh_from_db()
    assert made.status == "cancelled"
    assert made.results == {}
    assert Job.objects.get(pk=running.job_id).cancel_requested_at is not None
    end(running, "cancelled", error_code="cancelled")
    made.refresh_from_db()
    assert made.status == "cancelled"
    assert (made.results["totals"]["done"], made.results["totals"]["cancelled"]) == (0, 3)


def test_retrying_the_failed_makes_new_jobs_and_renews_their_submissions(
    make: Make, tasks: list[ArcTask], owner: User
) -> None:
    made = make()
    bad, *good = cells(made)
    end(bad, "failed", error_code="crashed")
    for cell in good:
        end(cell)
    made.refresh_from_db()
    assert made.status == "completed"
    assert experiment_retry_failed(experiment=made, by=owner) == 1
    made.refresh_from_db()
    assert (made.status, made.completed_at) == ("in_progress", None)
    again = cells(made)[0]
    assert (again.status, again.tries) == ("pending", 2)
    assert again.job_id != bad.job_id
    end(again)
    made.refresh_from_db()
    assert made.status == "completed"
    assert TaskSubmission.objects.count() == 3 == ExperimentResult.objects.count()
    assert TaskSubmission.objects.get(task_id="lab:a").error_type == ""
    with pytest.raises(Conflict, match="nothing to retry"):
        experiment_retry_failed(experiment=made, by=owner)


def test_a_job_that_lost_its_cell_to_another_changes_nothing(make: Make, tasks: list[ArcTask]) -> None:
    made = make()
    cell, other, _ = cells(made)
    begin(cell)
    taken = Solve.objects.get(pk=cell.pk)
    Solve.objects.filter(pk=other.pk).update(job=None)
    Solve.objects.filter(pk=cell.pk).update(job=other.job_id)
    assert end(taken).status == "completed"
    assert cells(made)[0].status == "running"
    assert not TaskSubmission.objects.exists()


def test_a_job_whose_experiment_was_deleted_ends_without_it(make: Make, tasks: list[ArcTask], owner: User) -> None:
    made = make()
    cell = cells(made)[0]
    begin(cell)
    experiment_cancel(experiment=made, by=owner)
    experiment_delete(experiment=made, by=owner)
    assert end(cell, "cancelled").status == "cancelled"
    assert not TaskSubmission.objects.exists()
    assert ResourceUsage.objects.get().cpu_seconds == 2.0


def test_a_cell_is_charged_all_executions_of_its_job(make: Make, tasks: list[ArcTask], owner: User) -> None:
    made = make()
    cell = cells(made)[0]
    end(cell, "lost", cpu=3.0)
    assert cells(made)[0].status == "pending"
    end(cell, cpu=2.0)
    done = cells(made)[0]
    assert (done.core_seconds, done.wall_seconds) == (5.0, 7.5)
    assert TaskSubmission.objects.get().resource_usage["cpu_seconds"] == 5.0


def test_a_cell_cancelled_while_it_waits_is_charged_what_it_used_before(
    make: Make, tasks: list[ArcTask], owner: User
) -> None:
    made = make()
    end(cells(made)[0], "lost", cpu=3.0)
    experiment_cancel(experiment=made, by=owner)
    assert [(cell.status, cell.core_seconds) for cell in cells(made)] == [
        ("cancelled", 3.0),
        ("cancelled", 0.0),
        ("cancelled", 0.0),
    ]


def test_a_cancelled_run_that_settles_late_leaves_the_next_ones_figures_alone(
    make: Make, tasks: list[ArcTask], owner: User
) -> None:
    made = make()
    running = cells(made)[0]
    begin(running)
    experiment_cancel(experiment=made, by=owner)
    experiment_rerun(experiment=made, by=owner)
    end(running, "cancelled")
    made.refresh_from_db()
    assert (made.status, made.results) == ("in_progress", {})
    assert made.runs.get(number=1).metrics["totals"]["cancelled"] == 3


def test_retrying_the_job_itself_reopens_its_cell(make: Make, tasks: list[ArcTask], owner: User) -> None:
    made = make()
    cell = cells(made)[0]
    job_cancel(job=Job.objects.get(pk=cell.job_id), by=owner)
    assert cells(made)[0].status == "cancelled"
    fresh = job_retry(job=Job.objects.get(pk=cell.job_id), by=owner)
    again = cells(made)[0]
    assert (again.status, again.job_id, again.tries) == ("pending", fresh.pk, 2)


def test_a_rerun_is_a_new_run_over_the_same_tasks(make: Make, tasks: list[ArcTask], owner: User) -> None:
    made = make()
    for cell in cells(made):
        end(cell)
    first = made.runs.get()
    experiment_rerun(experiment=made, by=owner)
    assert [run.number for run in made.runs.order_by("number")] == [1, 2]
    assert made.runs.get(number=2).task_ids == first.task_ids
    assert TaskSubmission.objects.filter(run=first).count() == 3
    made.refresh_from_db()
    assert made.status == "in_progress"
    with pytest.raises(Conflict, match="earlier run"):
        cell_retry(solve=first.solves.select_related("run__experiment").get(position=0), by=owner)


def test_deleting_removes_runs_and_answers_but_not_the_statistics(
    make: Make, tasks: list[ArcTask], owner: User
) -> None:
    made = make()
    with pytest.raises(Conflict, match="Cancel it first"):
        experiment_delete(experiment=made, by=owner)
    for cell in cells(made):
        end(cell)
    experiment_delete(experiment=made, by=owner)
    assert not TaskSubmission.objects.exists()
    assert StrategyMetric.objects.count() == 3 == ResourceUsage.objects.count()
