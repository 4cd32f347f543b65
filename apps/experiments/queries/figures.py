"""The figures of runs: macro, micro and strict with their intervals, costs and failures. A few GROUP BYs, no JSON.

Every page, list, export and endpoint takes them from here: `results_of` for runs at hand, `results_stored` for what an
experiment keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Count, Max, Q, Sum

from apps.experiments.documents import RESULTS_VERSION, RowFigures, RunResults, StrategyFigures, Totals
from apps.experiments.engine.scoring import wilson
from apps.experiments.models import TERMINAL_SOLVES, ExperimentRun, Solve, SolveStatus

NOTHING_FOUND = "nothing_found"
FAILED_SOLVES = (SolveStatus.FAILED, SolveStatus.TIMEOUT)

ended = Q(status__in=TERMINAL_SOLVES)
done = Q(status__in=[status for status in TERMINAL_SOLVES if status != SolveStatus.CANCELLED])
_scored = Q(score__isnull=False)
_ROW_FIGURES: dict[str, Any] = {
    "tasks": Count("pk"),
    "done": Count("pk", filter=done),
    "cancelled": Count("pk", filter=Q(status=SolveStatus.CANCELLED)),
    "scored": Count("pk", filter=_scored),
    "score_sum": Sum("score", default=0.0),
    "outputs_sum": Sum("outputs", filter=_scored, default=0),
    "hit_sum": Sum("outputs_hit", filter=_scored, default=0),
    "strict": Count("pk", filter=Q(score=1.0)),
    "failures": Count("pk", filter=Q(status__in=FAILED_SOLVES)),
    "nothing_found": Count("pk", filter=Q(error_type=NOTHING_FOUND)),
    # Sums under the name of their column come last: it means the sum from there on.
    "core_seconds_done": Sum("core_seconds", filter=done),
    "core_seconds_most": Max("core_seconds", filter=done),
    "dollars_done": Sum("dollars", filter=done),
    "joules_done": Sum("joules", filter=done),
    "core_seconds": Sum("core_seconds", filter=ended),
    "wall_seconds": Sum("wall_seconds", filter=ended),
    "dollars": Sum("dollars", filter=ended),
    "joules": Sum("joules", filter=ended),
}


class _Mean(NamedTuple):
    """The mean over scored tasks of each task's mean, and how many tasks those are."""

    macro: float | None = None
    tasks: int = 0

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """Wilson's, over tasks."""
        return _interval((self.macro or 0.0) * self.tasks, self.tasks)


def _share(part: float | None, whole: int) -> float | None:
    return None if part is None or not whole else part / whole


def _interval(part: float, whole: int) -> tuple[float | None, float | None]:
    return wilson(part, whole) if whole else (None, None)


def total_of(values: Iterable[float | None]) -> float | None:
    """Of what was measured; null where nothing was."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _row(values: Any) -> RowFigures:
    scored, outputs = values["scored"], values["outputs_sum"]
    macro_low, macro_high = _interval(values["score_sum"], scored)
    micro_low, micro_high = _interval(values["hit_sum"], outputs)
    strict_low, strict_high = _interval(values["strict"], scored)
    same = (
        *("strategy", "seed", "tasks", "done", "cancelled", "failures", "nothing_found"),
        *("core_seconds", "core_seconds_most", "wall_seconds", "dollars", "joules"),
    )
    return RowFigures(
        **{name: values[name] for name in same},
        scored=scored,
        outputs=outputs,
        macro=_share(values["score_sum"], scored),
        macro_low=macro_low,
        macro_high=macro_high,
        micro=_share(values["hit_sum"], outputs),
        micro_low=micro_low,
        micro_high=micro_high,
        strict=values["strict"] if scored else None,
        strict_share=_share(values["strict"], scored),
        strict_low=strict_low,
        strict_high=strict_high,
        core_seconds_per_task=_share(values["core_seconds_done"], values["done"]),
        dollars_per_task=_share(values["dollars_done"], values["done"]),
        joules_per_task=_share(values["joules_done"], values["done"]),
    )


def _per_task(rows: Sequence[RowFigures], figure: str) -> float | None:
    """The mean over cells that are done, from the means of rows."""
    known = [(getattr(row, figure), row.done) for row in rows if getattr(row, figure) is not None]
    return _share(total_of(value * count for value, count in known), sum(count for _, count in known))


def _strategy(rows: Sequence[RowFigures], mean: _Mean) -> StrategyFigures:
    low, high = mean.interval
    return StrategyFigures(
        strategy=rows[0].strategy,
        seeds=len(rows),
        done=sum(row.done for row in rows),
        tasks=mean.tasks,
        macro=mean.macro,
        macro_low=low,
        macro_high=high,
        failures=sum(row.failures for row in rows),
        core_seconds_per_task=_per_task(rows, "core_seconds_per_task"),
        dollars_per_task=_per_task(rows, "dollars_per_task"),
        joules_per_task=_per_task(rows, "joules_per_task"),
    )


def _totals(rows: Sequence[RowFigures], mean: _Mean) -> Totals:
    strict = sum(row.strict or 0 for row in rows) if mean.tasks else None
    low, high = mean.interval
    joules = total_of(row.joules for row in rows)
    return Totals(
        cells=sum(row.tasks for row in rows),
        done=sum(row.done for row in rows),
        cancelled=sum(row.cancelled for row in rows),
        tasks=max((row.tasks for row in rows), default=0),
        scored_tasks=mean.tasks,
        macro=mean.macro,
        macro_low=low,
        macro_high=high,
        strict=strict,
        failures=sum(row.failures for row in rows),
        core_seconds=total_of(row.core_seconds for row in rows),
        dollars=total_of(row.dollars for row in rows),
        joules=joules,
        dollars_per_task=_per_task(rows, "dollars_per_task"),
        joules_per_correct=joules / strict if strict and joules is not None else None,
        core_seconds_per_task=_per_task(rows, "core_seconds_per_task"),
        core_seconds_most=max(
            (row.core_seconds_most for row in rows if row.core_seconds_most is not None), default=None
        ),
    )


def results_stored(stored: dict[str, Any] | None) -> RunResults | None:
    """What was kept when a run ended; null where nothing was, or by a version that meant something else."""
    if not stored or stored.get("version") != RESULTS_VERSION:
        return None
    return RunResults.model_validate(stored)


def results_of(runs: Sequence[ExperimentRun]) -> dict[str, RunResults]:
    """The figures of these runs by id: as kept where all their cells have ended, computed where not; two statements at most."""
    kept = {run.run_id: results_stored(run.metrics) for run in runs}
    moving = [run for run in runs if kept[run.run_id] is None]
    computed = results_computed(moving)
    return {run.run_id: kept[run.run_id] or computed[run.run_id] for run in runs}


def results_computed(runs: Sequence[ExperimentRun]) -> dict[str, RunResults]:
    """The figures of these runs by id, as their cells stand now; two statements, however many and large they are.

    Cells whose truth is unknown, and cells cancelled before they answered, are not scored.
    """
    if not runs:
        return {}
    ids = [run.run_id for run in runs]
    rows: dict[str, list[RowFigures]] = {run_id: [] for run_id in ids}
    grouped = Solve.objects.filter(run_id__in=ids).values("run_id", "strategy", "seed").annotate(**_ROW_FIGURES)
    for values in grouped.order_by("run_id", "strategy", "seed"):
        rows[values["run_id"]].append(_row(values))
    means = _means(ids)
    return {
        run.run_id: RunResults(
            run_id=run.run_id,
            number=run.number,
            rows=rows[run.run_id],
            strategies=[
                _strategy(own, means.get((run.run_id, name), _Mean()))
                for name, own in _by_strategy(rows[run.run_id]).items()
            ],
            totals=_totals(rows[run.run_id], means.get((run.run_id, None), _Mean())),
        )
        for run in runs
    }


def _by_strategy(rows: Iterable[RowFigures]) -> dict[str, list[RowFigures]]:
    found: dict[str, list[RowFigures]] = {}
    for row in rows:
        found.setdefault(row.strategy, []).append(row)
    return found


def _means(run_ids: Sequence[str]) -> dict[tuple[str, str | None], _Mean]:
    """The macro of each strategy of each run, over its seeds, and under None that of the run over all its rows."""
    places = ", ".join(["%s"] * len(run_ids))
    tasks = f"FROM experiments_solve WHERE run_id IN ({places}) AND score IS NOT NULL GROUP BY run_id, task_id"
    sql = f"""
        SELECT run_id, strategy, AVG(mean), COUNT(*)
        FROM (SELECT run_id, strategy, AVG(score) AS mean {tasks}, strategy) AS by_strategy GROUP BY run_id, strategy
        UNION ALL
        SELECT run_id, NULL, AVG(mean), COUNT(*)
        FROM (SELECT run_id, AVG(score) AS mean {tasks}) AS by_task GROUP BY run_id
    """  # noqa: S608 - placeholders only
    with connection.cursor() as cursor:
        cursor.execute(sql, [*run_ids, *run_ids])
        return {(run_id, strategy): _Mean(macro, tasks) for run_id, strategy, macro, tasks in cursor.fetchall()}


def task_set(*, run_id: str) -> str:
    """A short name for the tasks of a run in their versions."""
    seen = sha256()
    tasks = Solve.objects.filter(run_id=run_id).order_by("task_id").values_list("task_id", "task_version").distinct()
    for task_id, version in tasks:
        seen.update(f"{task_id}@{version}\n".encode())
    return seen.hexdigest()[:12]
