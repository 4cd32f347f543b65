"""The matrix of a run: a row a strategy and seed, a column a task; one narrow scan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import Avg, Min, QuerySet

from apps.core.words import effort
from apps.experiments.models import Solve, SolveStatus
from apps.experiments.queries.figures import NOTHING_FOUND, done
from apps.tasks.models import Difficulty

SYMBOLS = {
    "exact": "every test solved",
    "partial": "some tests solved",
    "wrong": "wrong answer",
    "nothing": "found nothing",
    "error": "failed or timed out",
    "answered": "answered, truth unknown",
    "running": "running",
    "waiting": "waiting",
    "cancelled": "cancelled",
}
"""The symbols a cell can show, and what each says."""

UNSOLVED = frozenset({"partial", "wrong", "nothing", "error"})
"""What somebody looks at who asks what went wrong."""

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
        return symbol_of(self)

    @property
    def words(self) -> str:
        """What happened, in a few words."""
        return words_of(self)

    @property
    def title(self) -> str:
        """The cell in one line: for the tooltip and for screen readers."""
        spent = f" · {effort(self.core_seconds)}" if self.core_seconds else ""
        return f"{raw_id(self.task_id)} · {self.strategy} · {self.words}{spent}"


def raw_id(task_id: str) -> str:
    """A task's id without its dataset."""
    return task_id.partition(":")[2] or task_id


def symbol_of(cell: Any) -> str:
    """The symbol of a cell (or a `Solve`): by its state, its score, and whether there was an answer at all."""
    if cell.status == SolveStatus.COMPLETED:
        if cell.error_type == NOTHING_FOUND:
            return "nothing"
        if cell.score is None:
            return "answered"
        return "exact" if cell.score >= 1 else "partial" if cell.score > 0 else "wrong"
    known: dict[str, str] = {
        SolveStatus.FAILED: "error",
        SolveStatus.TIMEOUT: "error",
        SolveStatus.CANCELLED: "cancelled",
        SolveStatus.RUNNING: "running",
    }
    return known.get(cell.status, "waiting")


def words_of(cell: Any) -> str:
    """What happened to a cell (or a `Solve`), in a few words."""
    symbol = symbol_of(cell)
    if symbol == "exact":
        return "solved"
    if symbol == "partial":
        return f"{cell.outputs_hit} of {cell.outputs} tests solved"
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


def matrix(*, run_id: str, order: str = "") -> Matrix:
    """The whole matrix, its columns in the given order of tasks."""
    by_row: dict[tuple[str, int], dict[str, Cell]] = {}
    for cell in _cells(Solve.objects.filter(run_id=run_id).order_by("position")):
        by_row.setdefault((cell.strategy, cell.seed), {})[cell.task_id] = cell
    own = list(next(iter(by_row.values()), {}))
    task_ids = task_order(run_id=run_id, order=order) if order else own
    return Matrix(
        task_ids=task_ids,
        rows=[
            MatrixRow(strategy, seed, [cells[task_id] for task_id in task_ids])
            for (strategy, seed), cells in by_row.items()
        ],
    )


def row_cells(*, run_id: str, strategy: str, seed: int, order: str = "") -> list[Cell]:
    """One row of the matrix."""
    cells = {
        cell.task_id: cell
        for cell in _cells(Solve.objects.filter(run_id=run_id, strategy=strategy, seed=seed).order_by("position"))
    }
    return [cells[task_id] for task_id in (task_order(run_id=run_id, order=order) if order else cells)]


ORDERS = {"solved": "Solved", "difficulty": "Difficulty", "effort": "Effort"}
"""The orders of tasks beside their own: most solved, easiest and cheapest first; with a minus the other way round."""
_DIFFICULTIES = {Difficulty.EASY: 1, Difficulty.MEDIUM: 2, Difficulty.HARD: 3}


def order_known(order: str) -> str:
    """The order if there is such a one, else none."""
    return order if order.removeprefix("-") in ORDERS else ""


def task_order(*, run_id: str, order: str) -> list[str]:
    """The tasks of a run in an order; those it says nothing about come last, whichever way it runs. One statement."""
    cells: Any = Solve.objects.filter(run_id=run_id).values("task_id")
    known = cells.annotate(
        first=Min("position"),
        solved=Avg("score"),
        effort=Avg("core_seconds", filter=done),
        difficulty=Min("task__difficulty_level"),
    ).order_by("first")
    name = order.removeprefix("-")
    keys: list[tuple[float | None, str]] = []
    for row in known:
        value = _DIFFICULTIES.get(row["difficulty"]) if name == "difficulty" else row[name]
        keys.append((None if value is None else -value if name == "solved" else value, row["task_id"]))
    measured = sorted(((key, n, task) for n, (key, task) in enumerate(keys) if key is not None))
    if order.startswith("-"):
        measured.sort(key=lambda one: (-one[0], one[1]))
    return [task for *_, task in measured] + [task for key, task in keys if key is None]


_SHORT = 4


def _common_length(one: str, other: str) -> int:
    """How many letters two ids begin with alike."""
    return next(
        (n for n, pair in enumerate(zip(one, other, strict=False)) if len(set(pair)) > 1), min(len(one), len(other))
    )


def column_labels(task_ids: Sequence[str]) -> list[str]:
    """A label a task, as short as its id allows, and no two the same: ids that begin alike show more, and those that
    two data sets share show which."""
    raw = [raw_id(task_id) for task_id in task_ids]
    shared = {name for name, number in Counter(raw).items() if number > 1}
    ordered = sorted(set(raw))
    length = {}
    for place, name in enumerate(ordered):
        beside = [ordered[other] for other in (place - 1, place + 1) if 0 <= other < len(ordered)]
        alike = max((_common_length(name, other) for other in beside), default=0)
        length[name] = max(_SHORT, alike + 1)
    return [
        f"{name[: length[name]]} {task_id.partition(':')[0]}" if name in shared else name[: length[name]]
        for name, task_id in zip(raw, task_ids, strict=True)
    ]


def cells_of_jobs(*, run_id: str, job_ids: Sequence[str]) -> list[Cell]:
    """The cells these jobs work on: what a live page sends after their events."""
    return _cells(Solve.objects.filter(run_id=run_id, job_id__in=list(job_ids)).order_by("position"))
