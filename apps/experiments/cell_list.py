"""The cells of a run as a table, declared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Case, F, Q, When

from apps.core.lists import Choice, Column, Empty, ListPage, Search, Sort
from apps.core.lists.declared import Rows
from apps.experiments.models import SolveStatus
from apps.experiments.queries.figures import NOTHING_FOUND

RESULTS: dict[str, tuple[str, Q]] = {
    "exact": ("Solved", Q(score=1.0)),
    "partial": ("Partly solved", Q(score__gt=0, score__lt=1)),
    "wrong": ("Wrong answer", Q(status=SolveStatus.COMPLETED, score=0) & ~Q(error_type=NOTHING_FOUND)),
    "nothing": ("Found nothing", Q(error_type=NOTHING_FOUND)),
    "error": ("Failed", Q(status__in=[SolveStatus.FAILED, SolveStatus.TIMEOUT])),
    "waiting": ("Waiting or running", Q(status__in=[SolveStatus.PENDING, SolveStatus.RUNNING])),
    "cancelled": ("Cancelled", Q(status=SolveStatus.CANCELLED)),
}


def _measured(column: str) -> Case:
    """What a cell used, null until it has ended: 0 would sort among the cheapest."""
    return Case(When(finished_at__isnull=False, then=F(column)))


def _both(name: str, value: Any) -> dict[str, Sort]:
    """An order and its reverse; cells without a value come last in both."""
    return {
        name: Sort((value.asc(nulls_last=True), "position")),
        f"-{name}": Sort((value.desc(nulls_last=True), "position")),
    }


def _of_result(rows: Rows, key: str) -> Rows:
    return rows.filter(RESULTS[key][1])


def _with_id(rows: Rows, text: str) -> Rows:
    return rows.filter(task__task_id__icontains=text)


_no_strategies: Callable[[], list[tuple[str, str]]] = list

CELLS = ListPage(
    name="cells",
    title="Cells of this run",
    noun="cell",
    search=Search("Task id", _with_id),
    filters=(
        Choice("result", "Result", [(key, label) for key, (label, _) in RESULTS.items()], _of_result),
        Choice("strategy", "Strategy", _no_strategies, "strategy"),  # its options are the run's: the view gives them
    ),
    sorts={
        "task": Sort(("position",)),
        "-task": Sort(("-position",)),
        **_both("score", F("score")),
        **_both("effort", _measured("core_seconds")),
        **_both("cost", _measured("dollars")),
        **_both("finished", F("finished_at")),
    },
    first_sort="task",
    columns=(
        Column("Task", sort="task"),
        Column("Strategy", wide=True),
        Column("Seed", num=True, wide=True),
        Column("Result", sort="score", first="desc"),
        Column("Effort", sort="effort", first="desc", num=True),
        Column("Cost", sort="cost", first="desc", num=True, wide=True),
        Column("Energy", num=True, wide=True),
        Column("Tries", num=True, wide=True),
        Column("Ended", sort="finished", first="desc", num=True, wide=True),
    ),
    body="experiments/_cells.html",
    keep=("run",),
    nothing=Empty("No cells", "This run has none.", icon="experiments"),
    loosen="Loosen the filter: another result, or fewer letters of the id.",
)
