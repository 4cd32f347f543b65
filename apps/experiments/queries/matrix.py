"""The matrix of a run: a row a strategy and seed, a column a task; one narrow scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import QuerySet

from apps.experiments.models import Solve, SolveStatus
from apps.experiments.queries.figures import NOTHING_FOUND

SYMBOLS = {
    "exact": "every test solved",
    "partial": "some tests solved",
    "wrong": "no test solved",
    "error": "failed",
    "answered": "answered, truth unknown",
    "running": "running",
    "waiting": "waiting",
    "cancelled": "cancelled",
}
"""The symbols a cell can show, and what each says."""

_COLUMNS = (
    "position",
    "task_id",
    "strategy",
    "seed",
    "status",
    "score",
    "error_type",
    "core_seconds",
    "outputs",
    "outputs_hit",
    "solve_id",
)


class Cell(NamedTuple):
    """One cell as the matrix shows it; a tuple, made several times faster than a frozen dataclass."""

    position: int
    task_id: str
    strategy: str
    seed: int
    status: str
    score: float | None
    error_type: str
    core_seconds: float
    outputs: int
    outputs_hit: int
    solve_id: str

    @property
    def symbol(self) -> str:
        """Which of `SYMBOLS` it shows."""
        return symbol_of(self.status, self.score)

    @property
    def words(self) -> str:
        """What happened, in a few words."""
        return words_of(self)

    @property
    def title(self) -> str:
        """The cell in one line: for the tooltip and for screen readers."""
        spent = f" · {self.core_seconds:.3g} core-s" if self.core_seconds else ""
        return f"{raw_id(self.task_id)} · {self.strategy} · {self.words}{spent}"


def raw_id(task_id: str) -> str:
    """A task's id without its dataset."""
    return task_id.partition(":")[2] or task_id


def symbol_of(status: str, score: float | None) -> str:
    """The symbol of a cell in this state with this score."""
    if status == SolveStatus.COMPLETED:
        if score is None:
            return "answered"
        return "exact" if score >= 1 else "partial" if score > 0 else "wrong"
    known: dict[str, str] = {
        SolveStatus.FAILED: "error",
        SolveStatus.TIMEOUT: "error",
        SolveStatus.CANCELLED: "cancelled",
        SolveStatus.RUNNING: "running",
    }
    return known.get(status, "waiting")


def words_of(cell: Any) -> str:
    """What happened to a cell (or a `Solve`), in a few words."""
    symbol = symbol_of(cell.status, cell.score)
    if symbol == "exact":
        return "solved"
    if symbol == "partial":
        return f"{cell.outputs_hit} of {cell.outputs} tests solved"
    if symbol == "wrong":
        return "found nothing" if cell.error_type == NOTHING_FOUND else "wrong"
    if symbol == "error":
        return f"{'timed out' if cell.status == SolveStatus.TIMEOUT else 'failed'}" + (
            f": {cell.error_type.replace('_', ' ')}" if cell.error_type not in ("", "timeout") else ""
        )
    return SYMBOLS[symbol]


@dataclass(frozen=True)
class MatrixRow:
    """One strategy with one seed, its cells in the order of the columns."""

    strategy: str
    seed: int
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Matrix:
    """Rows of cells over the same tasks."""

    task_ids: Sequence[str]
    rows: Sequence[MatrixRow]


def _cells(rows: QuerySet[Solve]) -> list[Cell]:
    return [Cell(*values) for values in rows.values_list(*_COLUMNS)]


def matrix(*, run_id: str) -> Matrix:
    """The whole matrix."""
    by_row: dict[tuple[str, int], list[Cell]] = {}
    for cell in _cells(Solve.objects.filter(run_id=run_id).order_by("position")):
        by_row.setdefault((cell.strategy, cell.seed), []).append(cell)
    first = next(iter(by_row.values()), [])
    return Matrix(
        task_ids=[cell.task_id for cell in first],
        rows=[MatrixRow(strategy, seed, cells) for (strategy, seed), cells in by_row.items()],
    )


def cells_of_jobs(*, run_id: str, job_ids: Sequence[str]) -> list[Cell]:
    """The cells these jobs work on: what a live page sends after their events."""
    return _cells(Solve.objects.filter(run_id=run_id, job_id__in=list(job_ids)).order_by("position"))
