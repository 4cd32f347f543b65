"""Answers as other people's tools take them: Kaggle's submission, the CSV of 2020, the official harness's folder."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Cells = list[list[int]]
FILLER: Cells = [[0, 0], [0, 0]]
"""Stands where there is no answer: Kaggle wants two attempts at every test input of every task."""

ATTEMPTS = 2


@dataclass(frozen=True)
class Attempt:
    """A grid, who gave it, and what that cost."""

    grid: Cells
    model: str
    config: Mapping[str, Any] = field(default_factory=dict)
    began: datetime | None = None
    ended: datetime | None = None
    dollars: float = 0.0


@dataclass(frozen=True)
class TaskAnswer:
    """The attempts at each test input of a task, at most two each, best first."""

    raw_id: str
    attempts: Sequence[Sequence[Attempt]]

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was answered."""
        return not any(self.attempts)

    @property
    def unanswered(self) -> int:
        """Test inputs without an attempt."""
        return sum(1 for attempts in self.attempts if not attempts)


def kaggle(answers: Iterable[TaskAnswer]) -> Iterator[str]:
    """`submission.json`: `{id: [{"attempt_1": grid, "attempt_2": grid}, ...]}`, a task a line."""
    before = "{"
    for answer in answers:
        tests = [
            {f"attempt_{number + 1}": _grid_of(attempts, number) for number in range(ATTEMPTS)}
            for attempts in answer.attempts
        ]
        yield f"{before}\n{json.dumps(answer.raw_id)}: {json.dumps(tests, separators=(',', ':'))}"
        before = ","
    yield "{}\n" if before == "{" else "\n}\n"


def _grid_of(attempts: Sequence[Attempt], number: int) -> Cells:
    return attempts[number].grid if number < len(attempts) else FILLER


def csv_2020(answers: Iterable[TaskAnswer]) -> Iterator[str]:
    """`output_id,output` with a line a test input: `007bbfb7_0,|012|345| |210|543| `."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("output_id", "output"))
    for answer in answers:
        for number, attempts in enumerate(answer.attempts):
            grids = [attempt.grid for attempt in attempts[:ATTEMPTS]] or [FILLER]
            writer.writerow((f"{answer.raw_id}_{number}", " ".join(map(_bars, grids))))
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _bars(grid: Cells) -> str:
    return f"|{'|'.join(''.join(map(str, row)) for row in grid)}|"


def harness(answers: Iterable[TaskAnswer], *, run_id: str, began: datetime) -> Iterator[tuple[str, bytes]]:
    """The harness's folder: a file a task, a list with the attempts at each test input.

    Every task gets a file, since its scorer divides by the number of files; and never more than two attempts, since it
    counts as many as there are. What was not answered is an empty list, which it knows.
    """
    for answer in answers:
        tests = []
        for index, attempts in enumerate(answer.attempts):
            given = list(attempts[:ATTEMPTS]) or [Attempt([], "none")]
            tests.append(
                {
                    f"attempt_{number}": _harness_attempt(one, answer.raw_id, index, run_id, began)
                    for number, one in enumerate(given, start=1)
                }
            )
        yield f"{answer.raw_id}.json", json.dumps(tests, indent=1).encode()


def _harness_attempt(attempt: Attempt, raw_id: str, index: int, run_id: str, began: datetime) -> dict[str, Any]:
    message = {"role": "assistant", "content": json.dumps(attempt.grid)}
    usage = {
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "total_tokens": 0,
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
    cost = {
        "prompt_cost": 0.0,
        "completion_cost": attempt.dollars,
        "reasoning_cost": 0.0,
        "total_cost": attempt.dollars,
    }
    metadata = {
        "model": attempt.model,
        "provider": "terrarium",
        "start_timestamp": (attempt.began or began).isoformat(),
        "end_timestamp": (attempt.ended or began).isoformat(),
        "choices": [{"index": 0, "message": message}],
        "reasoning_summary": None,
        "kwargs": dict(attempt.config),
        "usage": usage,
        "cost": cost,
        "task_id": raw_id,
        "pair_index": index,
        "test_id": run_id,
    }
    return {"answer": attempt.grid, "metadata": metadata, "correct": None}
