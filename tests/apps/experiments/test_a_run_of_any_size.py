"""What ends a cell does not look at the others: not by rows read, not by statements."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.core.jobs.kinds import Finished
from apps.core.jobs.lease import claim
from apps.core.jobs.reports import Usage
from apps.core.jobs.settle import settle
from apps.core.jobs.verdict import Verdict
from apps.core.models import Job
from apps.experiments.models import Experiment, Solve, TaskSubmission
from apps.experiments.services import on_finish
from apps.experiments.services.ending import cell_is_open
from apps.tasks.models import ArcTask
from tests.apps.experiments.conftest import answer_of, cells, end, make_task

pytestmark = pytest.mark.django_db
Make = Callable[..., Experiment]


def _plan(act: Callable[[], object]) -> str:
    """How the database reads what `act` asks for in its one statement."""
    with CaptureQueriesContext(connection) as caught:
        act()
    (query,) = (one["sql"] for one in caught)
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # a table this small is else read as a whole
        cursor.execute(f"{explain} {query}")
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


def test_an_open_cell_is_found_in_the_index_of_open_cells_without_sorting(make: Make, tasks: list[ArcTask]) -> None:
    run = make().runs.get()
    plan = _plan(lambda: cell_is_open(run_id=run.run_id))
    assert "experiments_solve_open" in plan
    assert "sort" not in plan.lower()
    assert "b-tree" not in plan.lower()


def test_a_run_is_open_until_its_last_cell_ends(make: Make, tasks: list[ArcTask]) -> None:
    made, other = make(), make()
    run_id = made.runs.get().run_id
    for cell in cells(made):
        assert cell_is_open(run_id=run_id)
        end(cell)
    assert not cell_is_open(run_id=run_id)
    assert cell_is_open(run_id=other.runs.get().run_id)


def test_ending_a_cell_takes_the_same_statements_whatever_the_size_of_the_run(make: Make) -> None:
    def statements(tasks: int, dataset: str) -> int:
        for number in range(tasks):
            make_task(f"t{number}", dataset=dataset)
        made = make(task_selection_criteria={"datasets": [dataset]})
        end(cells(made)[0])
        (job,) = claim(queue="cpu", worker="w", host="h", lease_seconds=60, limit=1)
        verdict = Verdict("completed", Usage(), result=answer_of(Solve.objects.get(job=job)))
        with CaptureQueriesContext(connection) as caught:
            settle(job.pk, job.attempt, verdict)
        Job.objects.filter(status="queued").delete()
        return len(caught)

    assert statements(3, "few") == statements(40, "many")


def test_cells_that_end_together_take_the_statements_of_one(make: Make) -> None:
    """Fresh ones and ones that are done again alike."""
    for number in range(30):
        make_task(f"t{number}")
    made = make()
    job_ids = [cell.job_id for cell in cells(made)]
    Job.objects.filter(pk=job_ids[-1]).update(attempt=2)

    def finished(some: list[str | None]) -> int:
        answers = {cell.job_id: answer_of(cell) for cell in cells(made)}
        ends = [
            Finished(job, "completed", Usage(cpu_seconds=1.0), answers[job.pk])
            for job in Job.objects.filter(pk__in=some)
        ]
        with transaction.atomic(), CaptureQueriesContext(connection) as caught:
            on_finish(ends)
        return len(caught)

    one = finished(job_ids[:1])
    assert finished(job_ids[1:8]) == one
    Solve.objects.filter(job__in=job_ids[1:4]).update(status="pending", finished_at=None)
    assert finished(job_ids[1:4] + job_ids[8:20]) == one
    assert TaskSubmission.objects.count() == 20 == Solve.objects.filter(submission__is_correct=True).count()
