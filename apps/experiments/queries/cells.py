"""One cell, with its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.core.errors import NotFound
from apps.experiments.documents import Attempt
from apps.experiments.models import ExperimentRun, Solve, TaskSubmission
from apps.experiments.queries.truths import TaskContent, task_content


@dataclass(frozen=True)
class TestView:
    """One test of a cell: its input, the attempts at it and whether they hit. Never its truth."""

    number: int
    input: list[list[int]]
    attempts: Sequence[Attempt]
    hit: bool | None


@dataclass(frozen=True)
class CellDetail:
    """A cell with what was answered; the truth stays in the database until somebody asks for it."""

    solve: Solve
    submission: TaskSubmission | None
    content: TaskContent

    @property
    def tests(self) -> list[TestView]:
        """Each test with its attempts."""
        hits = self.submission.hits if self.submission else []
        answers = attempts_of(self.submission)
        return [
            TestView(
                number=number,
                input=grid,
                attempts=answers[number - 1] if number <= len(answers) else [],
                hit=hits[number - 1] if number <= len(hits) else None,
            )
            for number, grid in enumerate(self.content.test_inputs, start=1)
        ]


def attempts_of(submission: TaskSubmission | None) -> list[list[Attempt]]:
    """The stored attempts, parsed."""
    if submission is None:
        return []
    stored: list[list[dict[str, Any]]] = submission.predictions
    return [[Attempt.model_validate(attempt) for attempt in per_test] for per_test in stored]


def solve_get(*, run: ExperimentRun, position: int) -> Solve:
    """The cell at a position of a run, with its job."""
    found = (
        Solve.objects.filter(run=run, position=position)
        .select_related("job", "run__experiment")
        .defer("run__task_ids", "run__metrics", "run__experiment__task_selection", "job__payload")
        .first()
    )
    if found is None:
        raise NotFound(f"This run has no cell {position}.")
    return found


def cell_detail(*, run: ExperimentRun, position: int) -> CellDetail:
    """A cell with its answer and the content of its task at that version; three statements."""
    solve = solve_get(run=run, position=position)
    submission = TaskSubmission.objects.filter(pk=solve.submission_id).first() if solve.submission_id else None
    return CellDetail(
        solve=solve, submission=submission, content=task_content(task_id=solve.task_id, version=solve.task_version)
    )


@dataclass(frozen=True)
class AnswerView:
    """One test of a submission, with its truth where that was asked for."""

    number: int
    attempts: Sequence[Attempt]
    truth: list[list[int]] | None


def tests_of(submission: TaskSubmission, tests: Sequence[dict[str, Any]], *, with_truth: bool) -> list[AnswerView]:
    """A submission's attempts, test by test."""
    answers = attempts_of(submission)
    return [
        AnswerView(
            number=number,
            attempts=answers[number - 1] if number <= len(answers) else [],
            truth=test.get("output") if with_truth else None,
        )
        for number, test in enumerate(tests, start=1)
    ]
