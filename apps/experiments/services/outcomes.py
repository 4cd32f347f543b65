"""What the end of a cell comes to: its answer judged, and what it used. Nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from pydantic import ValidationError

from apps.carbon.engine.estimates import core_joules
from apps.carbon.engine.prices import Use, cost
from apps.carbon.models import ResourceUsage
from apps.carbon.queries import rates_now
from apps.core.jobs.reports import Usage
from apps.experiments.documents import Answer
from apps.experiments.engine import scoring
from apps.experiments.engine.strategy import ATTEMPTS_PER_TEST
from apps.experiments.models import SolveStatus
from apps.experiments.queries.figures import NOTHING_FOUND
from apps.tasks.engine.grids import InvalidGrid, parse_grid


@dataclass(frozen=True)
class Spent:
    """What a cell's job used over all its executions."""

    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    memory_mb: float = 0.0

    @property
    def dollars(self) -> float:
        """Its price by the list that holds now."""
        return cost(Use(core_seconds=self.cpu_seconds), rates_now().prices)

    @property
    def joules(self) -> float:
        """Its energy, estimated from core-seconds."""
        return core_joules(self.cpu_seconds, settings.CONFIG.watts_per_core)

    def stored(self) -> dict[str, float]:
        """The form kept with a submission."""
        return {
            "cpu_seconds": self.cpu_seconds,
            "wall_seconds": self.wall_seconds,
            "memory_mb": self.memory_mb,
            "estimated_cost": self.dollars,
            "energy_joules": self.joules,
        }


@dataclass(frozen=True)
class Outcome:
    """A cell's end, judged: its status, the answer if there is one, and the score where the truth is known."""

    status: str
    answer: Answer | None
    error_type: str
    error_message: str
    hits: list[bool | None] = field(default_factory=list)
    score: float | None = None
    is_correct: bool | None = None

    @property
    def confidence(self) -> float:
        """As sure as of the least sure test."""
        answers = self.answer.predictions if self.answer else []
        return min((per_test[0].confidence if per_test else 0.0 for per_test in answers), default=0.0)

    @property
    def predictions(self) -> list[list[dict[str, Any]]]:
        """The stored form of the attempts."""
        if self.answer is None:
            return []
        return [[attempt.model_dump(mode="json") for attempt in per_test] for per_test in self.answer.predictions]

    @property
    def judged(self) -> list[bool]:
        """Whether each test with a known truth was hit."""
        return [hit for hit in self.hits if hit is not None]


def judge(
    *, status: str, result: Mapping[str, Any] | None, error_code: str, error_message: str, truths: Sequence[Any]
) -> Outcome:
    """Check and score what a solving process answered; a solve that did not complete has no answer, but is scored."""
    if status != SolveStatus.COMPLETED:
        return _scored(status, None, error_code or str(status), error_message, truths)
    try:
        answer = _checked(result or {}, tests=len(truths))
    except (ValidationError, InvalidGrid, ValueError) as error:
        return _scored(
            SolveStatus.FAILED, None, "invalid_answer", f"The solver's answer cannot be used: {error}", truths
        )
    nothing = not any(answer.predictions)
    return _scored(status, answer, NOTHING_FOUND if nothing else "", "", truths)


def _checked(result: Mapping[str, Any], *, tests: int) -> Answer:
    answer = Answer.model_validate(result)
    if len(answer.predictions) > tests:
        raise ValueError(f"{len(answer.predictions)} tests were answered, the task has {tests}.")
    for number, per_test in enumerate(answer.predictions, start=1):
        if len(per_test) > ATTEMPTS_PER_TEST:
            raise ValueError(f"test {number} got {len(per_test)} attempts, {ATTEMPTS_PER_TEST} are allowed.")
        for attempt in per_test:
            parse_grid(attempt.grid, f"test {number}")
    return answer


def _scored(status: str, answer: Answer | None, error_type: str, message: str, truths: Sequence[Any]) -> Outcome:
    if status == SolveStatus.CANCELLED:
        return Outcome(status, None, error_type, message, hits=[None] * len(truths))
    attempts = [[parse_grid(a.grid) for a in per_test] for per_test in answer.predictions] if answer else []
    known = [None if truth is None else parse_grid(truth) for truth in truths]
    hits = [None if truth is None else hit for truth, hit in zip(known, scoring.hits(attempts, known), strict=True)]
    judged = [hit for hit in hits if hit is not None]
    score = scoring.score(judged) if judged else None
    correct = None if None in hits and all(judged) else all(judged)
    return Outcome(status, answer, error_type, message, hits=hits, score=score, is_correct=correct)


def spent_in_all(last: Mapping[str, tuple[int, Usage]]) -> dict[str, Spent]:
    """What jobs used over all their executions, from the ledger; one statement.

    `last` holds the number and the usage of each job's latest execution, for where the ledger does not know it.
    """
    booked: dict[str, dict[int, Usage]] = {job_id: {number: usage} for job_id, (number, usage) in last.items()}
    rows = ResourceUsage.objects.filter(job_id__in=list(last))
    for job_id, number, cpu, wall, memory in rows.values_list(
        "job_id", "attempt", "cpu_seconds", "wall_seconds", "memory_mb"
    ):
        booked[job_id][number] = Usage(cpu_seconds=cpu, wall_seconds=wall, peak_memory_mb=memory)
    return {
        job_id: Spent(
            cpu_seconds=sum(usage.cpu_seconds for usage in executions.values()),
            wall_seconds=sum(usage.wall_seconds for usage in executions.values()),
            memory_mb=max(usage.peak_memory_mb for usage in executions.values()),
        )
        for job_id, executions in booked.items()
    }
