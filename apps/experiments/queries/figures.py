"""The figures of runs: macro, micro and strict with their intervals, costs and failures. A few GROUP BYs, no JSON.

Every page, list, export and endpoint takes them from here: `results_of` for runs at hand, `results_stored` for what an
experiment keeps.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Q

from apps.core.sql import now_value
from apps.experiments.documents import RESULTS_VERSION, RowFigures, RunResults, StrategyFigures, Totals
from apps.experiments.engine.scoring import wilson
from apps.experiments.models import TERMINAL_SOLVES, ExperimentRun, Solve, SolveStatus

NOTHING_FOUND = "nothing_found"
FAILED_SOLVES = (SolveStatus.FAILED, SolveStatus.TIMEOUT)

DONE = [status for status in TERMINAL_SOLVES if status != SolveStatus.CANCELLED]
done = Q(status__in=DONE)

LATELY_SECONDS = 60


class _Part(NamedTuple):
    """The cells of a run, a strategy and a seed that are in one state. `late`: ended within the last minute."""

    run_id: str
    strategy: str
    seed: int
    status: str
    cells: int
    late: int
    scored: int
    score_sum: float
    outputs: int
    hits: int
    strict: int
    nothing_found: int
    core_seconds: float
    core_seconds_most: float
    wall_seconds: float
    dollars: float
    joules: float


@dataclass(frozen=True)
class Sums:
    """One row of a run, a strategy with a seed, its cells counted and summed by their state."""

    strategy: str
    seed: int
    parts: Sequence[_Part]

    def of(self, name: str, statuses: Container[str] | None = None) -> Any:
        """A count or sum over the cells in these states, or in any."""
        return sum(getattr(part, name) for part in self.parts if statuses is None or part.status in statuses)

    def measured(self, name: str, statuses: Container[str]) -> float | None:
        """A sum over the cells in these states; null where there is none."""
        return total_of(getattr(part, name) for part in self.parts if part.status in statuses)


def _parts_sql(runs: Sequence[str]) -> str:
    """By hand: the ORM takes longer to put so many aggregates together than they take to run."""
    late = f"finished_at >= {now_value(ago=LATELY_SECONDS)} AND finished_at <= {now_value()}"
    return f"""
        SELECT run_id, strategy, seed, status, COUNT(*), COUNT(*) FILTER (WHERE {late}),
               COUNT(score), COALESCE(SUM(score), 0.0),
               COALESCE(SUM(CASE WHEN score IS NOT NULL THEN outputs END), 0),
               COALESCE(SUM(CASE WHEN score IS NOT NULL THEN outputs_hit END), 0),
               COUNT(CASE WHEN score = 1.0 THEN 1 END), COUNT(CASE WHEN error_type = '{NOTHING_FOUND}' THEN 1 END),
               SUM(core_seconds), MAX(core_seconds), SUM(wall_seconds), SUM(dollars), SUM(joules)
        FROM experiments_solve WHERE run_id IN ({_places(runs)})
        GROUP BY run_id, strategy, seed, status ORDER BY run_id, strategy, seed, status
    """  # noqa: S608 - our own words, and placeholders


def sums_of(runs: Sequence[ExperimentRun]) -> dict[str, list[Sums]]:
    """The rows of these runs by id, counted and summed as their cells stand now; one statement."""
    ids = [run.run_id for run in runs]
    found: dict[str, list[Sums]] = {run_id: [] for run_id in ids}
    if ids:
        with connection.cursor() as cursor:
            cursor.execute(_parts_sql(ids), ids)
            parts = [_Part(*values) for values in cursor.fetchall()]
        for (run_id, strategy, seed), own in groupby(parts, key=lambda part: part[:3]):
            found[run_id].append(Sums(strategy, seed, list(own)))
    return found


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


def _row(sums: Sums) -> RowFigures:
    scored, outputs, done = sums.of("scored"), sums.of("outputs"), sums.of("cells", DONE)
    score, hits, strict = sums.of("score_sum"), sums.of("hits"), sums.of("strict")
    macro_low, macro_high = _interval(score, scored)
    micro_low, micro_high = _interval(hits, outputs)
    strict_low, strict_high = _interval(strict, scored)
    longest = [part.core_seconds_most for part in sums.parts if part.status in DONE]
    return RowFigures(
        strategy=sums.strategy,
        seed=sums.seed,
        tasks=sums.of("cells"),
        done=done,
        cancelled=sums.of("cells", (SolveStatus.CANCELLED,)),
        failures=sums.of("cells", FAILED_SOLVES),
        nothing_found=sums.of("nothing_found"),
        core_seconds=sums.measured("core_seconds", TERMINAL_SOLVES),
        core_seconds_most=max(longest, default=None),
        wall_seconds=sums.measured("wall_seconds", TERMINAL_SOLVES),
        dollars=sums.measured("dollars", TERMINAL_SOLVES),
        joules=sums.measured("joules", TERMINAL_SOLVES),
        scored=scored,
        outputs=outputs,
        macro=_share(score, scored),
        macro_low=macro_low,
        macro_high=macro_high,
        micro=_share(hits, outputs),
        micro_low=micro_low,
        micro_high=micro_high,
        strict=strict if scored else None,
        strict_share=_share(strict, scored),
        strict_low=strict_low,
        strict_high=strict_high,
        core_seconds_per_task=_share(sums.measured("core_seconds", DONE), done),
        dollars_per_task=_share(sums.measured("dollars", DONE), done),
        joules_per_task=_share(sums.measured("joules", DONE), done),
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


def results_computed(
    runs: Sequence[ExperimentRun], sums: Mapping[str, Sequence[Sums]] | None = None
) -> dict[str, RunResults]:
    """The figures of these runs by id, as their cells stand now; two statements, however many and large they are, and
    one where their sums are at hand.

    Cells whose truth is unknown, and cells cancelled before they answered, are not scored.
    """
    if not runs:
        return {}
    ids = [run.run_id for run in runs]
    summed = sums_of(runs) if sums is None else sums
    rows = {run_id: [_row(one) for one in summed[run_id]] for run_id in ids}
    means = _means(rows)
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


def _means(rows: Mapping[str, Sequence[RowFigures]]) -> dict[tuple[str, str | None], _Mean]:
    """The macro of each strategy of each run, over its seeds, and under None that of the run over all its rows.

    A row that is alone has it already; the others are asked for in one statement.
    """
    found: dict[tuple[str, str | None], _Mean] = {}
    several: list[str] = []  # runs of more than one row
    seeded: list[str] = []  # runs with more than one row a strategy
    for run_id, own in rows.items():
        alone = [part[0] for part in _by_strategy(own).values() if len(part) == 1]
        found |= {(run_id, row.strategy): _Mean(row.macro, row.scored) for row in alone if row.scored}
        if len(own) == 1 and own[0].scored:
            found[run_id, None] = found[run_id, own[0].strategy]
        several += [run_id] if len(own) > 1 else []
        seeded += [run_id] if len(alone) < len(own) else []
    parts = [_MEAN_OF_RUNS.format(places=_places(several))] if several else []
    parts += [_MEAN_OF_STRATEGIES.format(places=_places(seeded))] if seeded else []
    if parts:
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(parts), [*several, *seeded])
            found |= {(run_id, name): _Mean(macro, tasks) for run_id, name, macro, tasks in cursor.fetchall()}
    return found


def _places(ids: Sequence[str]) -> str:
    return ", ".join(["%s"] * len(ids))


_MEAN_OF_RUNS = """
    SELECT run_id, NULL, AVG(mean), COUNT(*) FROM (
        SELECT run_id, AVG(score) AS mean FROM experiments_solve
        WHERE run_id IN ({places}) AND score IS NOT NULL GROUP BY run_id, task_id
    ) AS by_task GROUP BY run_id
"""
_MEAN_OF_STRATEGIES = """
    SELECT run_id, strategy, AVG(mean), COUNT(*) FROM (
        SELECT run_id, strategy, AVG(score) AS mean FROM experiments_solve
        WHERE run_id IN ({places}) AND score IS NOT NULL GROUP BY run_id, task_id, strategy
    ) AS by_strategy GROUP BY run_id, strategy
"""


def task_set(*, run_id: str) -> str:
    """A short name for the tasks of a run in their versions."""
    seen = sha256()
    tasks = Solve.objects.filter(run_id=run_id).order_by("task_id").values_list("task_id", "task_version").distinct()
    for task_id, version in tasks:
        seen.update(f"{task_id}@{version}\n".encode())
    return seen.hexdigest()[:12]
