"""The figures of a run: macro, micro and strict with their intervals, costs and failures. A few GROUP BYs, no JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, Q, QuerySet, Sum
from django.utils import timezone

from apps.experiments.engine.scoring import wilson
from apps.experiments.models import TERMINAL_SOLVES, ExperimentRun, Solve, SolveStatus
from apps.experiments.schemas import RowFigures, RunResults, StrategyFigures, Totals

NOTHING_FOUND = "nothing_found"
FAILED_SOLVES = (SolveStatus.FAILED, SolveStatus.TIMEOUT)
RATE_WINDOW = timedelta(seconds=60)

_done = Q(status__in=TERMINAL_SOLVES)
_scored = Q(score__isnull=False)
_ROW_FIGURES: dict[str, Any] = {
    "tasks": Count("pk"),
    "done": Count("pk", filter=_done),
    "scored": Count("pk", filter=_scored),
    "score_sum": Sum("score", default=0.0),
    "outputs_sum": Sum("outputs", filter=_scored, default=0),
    "hit_sum": Sum("outputs_hit", filter=_scored, default=0),
    "strict": Count("pk", filter=Q(score=1.0)),
    "failures": Count("pk", filter=Q(status__in=FAILED_SOLVES)),
    "nothing_found": Count("pk", filter=Q(error_type=NOTHING_FOUND)),
    "core_seconds": Sum("core_seconds", filter=_done),
    "wall_seconds": Sum("wall_seconds", filter=_done),
    "dollars": Sum("dollars", filter=_done),
    "joules": Sum("joules", filter=_done),
}


def _share(part: float, whole: int) -> float | None:
    return part / whole if whole else None


def _interval(part: float, whole: int) -> tuple[float | None, float | None]:
    return wilson(part, whole) if whole else (None, None)


def _sum(values: Iterable[float | None]) -> float | None:
    """Of what was measured; null where nothing was."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _row(values: Any) -> RowFigures:
    scored, outputs = values["scored"], values["outputs_sum"]
    macro_low, macro_high = _interval(values["score_sum"], scored)
    micro_low, micro_high = _interval(values["hit_sum"], outputs)
    strict_low, strict_high = _interval(values["strict"], scored)
    return RowFigures(
        strategy=values["strategy"],
        seed=values["seed"],
        tasks=values["tasks"],
        done=values["done"],
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
        failures=values["failures"],
        nothing_found=values["nothing_found"],
        core_seconds=values["core_seconds"],
        wall_seconds=values["wall_seconds"],
        dollars=values["dollars"],
        joules=values["joules"],
    )


def _totals(rows: Sequence[RowFigures], tasks: int, scored_tasks: int, macro: float | None) -> Totals:
    done = sum(row.done for row in rows)
    strict = sum(row.strict or 0 for row in rows) if scored_tasks else None
    low, high = _interval((macro or 0.0) * scored_tasks, scored_tasks)
    core_seconds = _sum(row.core_seconds for row in rows)
    dollars = _sum(row.dollars for row in rows)
    joules = _sum(row.joules for row in rows)
    return Totals(
        cells=sum(row.tasks for row in rows),
        done=done,
        tasks=tasks,
        scored_tasks=scored_tasks,
        macro=macro,
        macro_low=low,
        macro_high=high,
        strict=strict,
        failures=sum(row.failures for row in rows),
        core_seconds=core_seconds,
        dollars=dollars,
        joules=joules,
        dollars_per_task=None if dollars is None else dollars / done,
        joules_per_correct=joules / strict if strict and joules is not None else None,
        core_seconds_per_task=None if core_seconds is None else core_seconds / done,
    )


def pooled(rows: Sequence[RowFigures]) -> list[StrategyFigures]:
    """The rows of each strategy as one: no seed stands for the others, least of all the luckiest.

    Every seed works on the same tasks, so the mean of their means is the mean over tasks; where one has scored fewer
    (the run is under way, or cells were cancelled) it weighs less.
    """
    names = sorted({row.strategy for row in rows})
    return [_pooled(name, [row for row in rows if row.strategy == name]) for name in names]


def _pooled(strategy: str, rows: Sequence[RowFigures]) -> StrategyFigures:
    scored, done = sum(row.scored for row in rows), sum(row.done for row in rows)
    tasks = max(row.scored for row in rows)
    macro = _share(sum((row.macro or 0.0) * row.scored for row in rows), scored)
    low, high = _interval((macro or 0.0) * tasks, tasks)
    dollars, joules, seconds = (
        _sum(getattr(row, name) for row in rows) for name in ("dollars", "joules", "core_seconds")
    )
    return StrategyFigures(
        strategy=strategy,
        seeds=len(rows),
        tasks=tasks,
        macro=macro,
        macro_low=low,
        macro_high=high,
        dollars_per_task=None if dollars is None else _share(dollars, done),
        joules_per_task=None if joules is None else _share(joules, done),
        core_seconds_per_task=None if seconds is None else _share(seconds, done),
    )


def run_figures(*, run_id: str, number: int) -> RunResults:
    """The figures of a run as they stand now; two statements whatever its size.

    Cells whose truth is unknown, and cells cancelled before they answered, are counted as done but not scored.
    """
    cells = Solve.objects.filter(run_id=run_id)
    rows = [_row(v) for v in cells.values("strategy", "seed").annotate(**_ROW_FIGURES).order_by("strategy", "seed")]
    by_task = (
        cells.filter(_scored)
        .values("task_id")
        .annotate(mean=Avg("score"))
        .aggregate(macro=Avg("mean"), tasks=Count("task_id"))
    )
    tasks = max((row.tasks for row in rows), default=0)
    return RunResults(
        run_id=run_id,
        number=number,
        rows=rows,
        strategies=pooled(rows),
        totals=_totals(rows, tasks, by_task["tasks"], by_task["macro"]),
    )


@dataclass(frozen=True)
class Progress:
    """How far a run is: cells finished, running and in all; cells a second of late; seconds to go where it can be said."""

    total: int
    done: int
    running: int
    rate: float
    eta_seconds: float | None

    @property
    def fraction(self) -> float:
        """Share done, 0..1."""
        return self.done / self.total if self.total else 0.0

    @property
    def waiting(self) -> int:
        """Cells nobody works on yet."""
        return self.total - self.done - self.running


def _progress(values: dict[str, Any], active: bool, now: datetime) -> Progress:
    left = values["total"] - values["done"]
    window = min(RATE_WINDOW.total_seconds(), max(1.0, (now - values["began"]).total_seconds()))
    rate = values["late"] / window if active else 0.0
    return Progress(
        total=values["total"],
        done=values["done"],
        running=values["running"],
        rate=rate,
        eta_seconds=left / rate if rate and left else None,
    )


def _progress_counts(now: datetime) -> dict[str, Any]:
    return {
        "total": Count("pk"),
        "done": Count("pk", filter=_done),
        "running": Count("pk", filter=Q(status=SolveStatus.RUNNING)),
        "late": Count("pk", filter=Q(finished_at__gte=now - RATE_WINDOW)),
    }


def progress_of(runs: Sequence[ExperimentRun]) -> dict[str, Progress]:
    """The progress of several runs by id, in one statement."""
    now = timezone.now()
    cells: QuerySet[Solve] = Solve.objects.filter(run_id__in=[run.run_id for run in runs])
    counted = {
        row["run_id"]: row for row in cells.values("run_id").annotate(**_progress_counts(now)).order_by("run_id")
    }
    nothing = {"total": 0, "done": 0, "running": 0, "late": 0}
    return {
        run.run_id: _progress(
            {**nothing, **counted.get(run.run_id, {}), "began": run.started_at}, run.status == "in_progress", now
        )
        for run in runs
    }
