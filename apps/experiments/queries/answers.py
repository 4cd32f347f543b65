"""Which answers of a run go into a file: whose attempts, to which tasks, and what is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from apps.core.engine.batches import in_batches
from apps.core.errors import Invalid
from apps.core.words import plural
from apps.experiments.engine.answer_files import ATTEMPTS, Attempt, TaskAnswer
from apps.experiments.models import ExperimentRun, Solve
from apps.tasks.models import ArcTask
from apps.tasks.queries import split_tasks

_BATCH = 200
_NAMED = 5


@dataclass(frozen=True)
class Row:
    """A strategy with a seed: a row of a run's matrix."""

    strategy: str
    seed: int

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.strategy} seed {self.seed}"


@dataclass(frozen=True)
class Wish:
    """What somebody asks for. Without a second row both attempts are the first one's."""

    strategy: str = ""
    seed: int | None = None
    second_strategy: str = ""
    second_seed: int | None = None
    dataset: str = ""
    split: str = ""


@dataclass(frozen=True)
class Task:
    """A task that gets an answer: its id, and its test inputs in the version that was asked."""

    task_id: str
    raw_id: str
    tests: int


@dataclass(frozen=True)
class AnswerPlan:
    """The rows whose attempts are taken, the tasks in their order, and how many of the run's tasks stay out."""

    run: ExperimentRun
    rows: Sequence[Row]
    tasks: Sequence[Task]
    left_out: int

    @property
    def words(self) -> str:
        """Whose attempts."""
        return " and ".join(row.words for row in self.rows)


@dataclass
class Filled:
    """What had to be filled in: tasks without any answer, and test inputs without one."""

    tasks: int = 0
    outputs: int = 0


def rows_of_run(run: ExperimentRun) -> list[Row]:
    """The rows of a run's matrix, in order."""
    found = Solve.objects.filter(run=run).order_by("strategy", "seed").values_list("strategy", "seed").distinct()
    return [Row(strategy, seed) for strategy, seed in found]


def answer_plan(run: ExperimentRun, wish: Wish) -> AnswerPlan:
    """Which attempts to which tasks; `Invalid` says what has to be chosen, or which ids collide."""
    rows = rows_of_run(run)
    chosen = [_row(rows, wish.strategy, wish.seed, "")]
    if wish.second_strategy or wish.second_seed is not None:
        chosen.append(_row(rows, wish.second_strategy, wish.second_seed, "second_"))
    ids = list(ExperimentRun.objects.values_list("task_ids", flat=True).get(pk=run.pk))
    wanted = _wanted(ids, wish)
    tasks = _tasks(run, wanted)
    _refuse_collisions(tasks)
    return AnswerPlan(run, chosen, tasks, len(set(ids) - {task.task_id for task in tasks}))


def _row(rows: Sequence[Row], strategy: str, seed: int | None, prefix: str) -> Row:
    found = [row for row in rows if strategy in ("", row.strategy) and seed in (None, row.seed)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(row.words for row in rows[:20])
    if not found:
        raise Invalid(f"This run has no such row. It has: {names}.", field=f"{prefix}strategy")
    field = f"{prefix}seed" if strategy else f"{prefix}strategy"
    words = f"This run has {plural(len(found), 'row')} like that; say whose attempts to take with {prefix}strategy and "
    raise Invalid(f"{words}{prefix}seed: {', '.join(row.words for row in found[:20])}.", field=field)


def _wanted(ids: Sequence[str], wish: Wish) -> list[str]:
    """The tasks to answer: of a split, where one is named, whether the run had them or not; else the run's."""
    if wish.split:
        found = list(split_tasks(wish.split).values_list("task_id", flat=True))
    else:
        found = [task_id for task_id in ids if not wish.dataset or task_id.startswith(f"{wish.dataset}:")]
    if not found:
        datasets = ", ".join(sorted({task_id.partition(":")[0] for task_id in ids}))
        raise Invalid(f"This run has no task of the dataset {wish.dataset[:40]}; it has: {datasets}.", field="dataset")
    return found


def _tasks(run: ExperimentRun, wanted: Sequence[str]) -> list[Task]:
    asked: dict[str, int] = {}
    for batch in in_batches(wanted, _BATCH):
        cells = Solve.objects.filter(run=run, task_id__in=batch, submission__isnull=False)
        for task_id, hits in cells.values_list("task_id", "submission__hits"):
            asked.setdefault(task_id, len(hits))
    tasks = []
    for batch in in_batches(wanted, _BATCH):
        held = {
            pk: (raw, tests)
            for pk, raw, tests in ArcTask.objects.filter(pk__in=batch).values_list("pk", "raw_id", "test_count")
        }
        tasks += [Task(pk, held[pk][0], asked.get(pk) or held[pk][1]) for pk in batch if pk in held]
    return tasks


def _refuse_collisions(tasks: Sequence[Task]) -> None:
    """The files know raw ids alone: two datasets that share some cannot be in one."""
    by_raw: dict[str, list[str]] = defaultdict(list)
    for task in tasks:
        by_raw[task.raw_id].append(task.task_id)
    shared = [ids for ids in by_raw.values() if len(ids) > 1]
    if shared:
        named = "; ".join(" and ".join(ids) for ids in shared[:_NAMED])
        more = f" and {len(shared) - _NAMED:,} more" if len(shared) > _NAMED else ""
        raise Invalid(
            f"{plural(len(shared), 'id')} would stand for several tasks: {named}{more}. Name one dataset with dataset=, or a "
            "split with split=.",
            field="dataset",
            details={"collisions": shared[:100]},
        )


def answers(plan: AnswerPlan) -> Iterator[TaskAnswer]:
    """The answers, in the order of the tasks; a few statements for 200 of them."""
    for start in range(0, len(plan.tasks), _BATCH):
        tasks = plan.tasks[start : start + _BATCH]
        given = [_given(plan.run, row, [task.task_id for task in tasks]) for row in plan.rows]
        for task in tasks:
            yield TaskAnswer(task.raw_id, [_attempts(given, task.task_id, number) for number in range(task.tests)])


def _given(run: ExperimentRun, row: Row, ids: Sequence[str]) -> dict[str, Solve]:
    cells = Solve.objects.filter(run=run, strategy=row.strategy, seed=row.seed, task_id__in=ids)
    cells = cells.select_related("submission").only(
        *("task_id", "strategy", "seed", "finished_at", "wall_seconds", "dollars"),
        *("submission__predictions", "submission__strategy_version"),
    )
    return {cell.task_id: cell for cell in cells if cell.submission is not None}


def _attempts(given: Sequence[dict[str, Solve]], task_id: str, number: int) -> list[Attempt]:
    """Both attempts of the one row; of two rows the best of each."""
    found = []
    for cells in given:
        cell = cells.get(task_id)
        if cell is not None:
            found += _attempts_of(cell, number)[: ATTEMPTS if len(given) == 1 else 1]
    return found


def _attempts_of(cell: Solve, number: int) -> list[Attempt]:
    predictions: list[list[dict[str, Any]]] = cell.submission.predictions if cell.submission else []
    grids = [attempt["grid"] for attempt in predictions[number]] if number < len(predictions) else []
    count = sum(len(per_test[:ATTEMPTS]) for per_test in predictions)
    began = cell.finished_at - timedelta(seconds=cell.wall_seconds) if cell.finished_at else None
    config = {"strategy": cell.strategy, "seed": cell.seed}
    return [
        Attempt(grid, cell.strategy, config, began, cell.finished_at, cell.dollars / count if count else 0.0)
        for grid in grids
    ]


def filled(plan: AnswerPlan) -> Filled:
    """How much of the plan is not answered and would be filled in."""
    found = Filled()
    for answer in answers(plan):
        found.tasks += answer.is_empty
        found.outputs += answer.unanswered
    return found
