"""How experiments, runs and submissions are spelled outside: the specs' names and status words, and our `state`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from ninja import Schema
from pydantic import Field

from apps.experiments.models import (
    Experiment,
    ExperimentResult,
    ExperimentRun,
    ExperimentStatus,
    Solve,
    SolveStatus,
    StrategyMetric,
    TaskSubmission,
)
from apps.experiments.queries.progress import Progress

TaskStatus = Literal["pending", "in_progress", "completed", "failed", "timeout"]
ExperimentWord = Literal["created", "in_progress", "completed", "failed"]

_EXPERIMENT_WORDS: dict[str, ExperimentWord] = {
    ExperimentStatus.CREATED: "created",
    ExperimentStatus.IN_PROGRESS: "in_progress",
    ExperimentStatus.PAUSED: "in_progress",
    ExperimentStatus.COMPLETED: "completed",
    ExperimentStatus.FAILED: "failed",
    ExperimentStatus.CANCELLED: "failed",
}
_CELL_WORDS: dict[str, TaskStatus] = {
    SolveStatus.PENDING: "pending",
    SolveStatus.RUNNING: "in_progress",
    SolveStatus.COMPLETED: "completed",
    SolveStatus.FAILED: "failed",
    SolveStatus.TIMEOUT: "timeout",
    SolveStatus.CANCELLED: "failed",
}


def reason_of(status: str) -> str | None:
    """Why something `failed` that was in truth cancelled."""
    return "cancelled" if status == ExperimentStatus.CANCELLED else None


class ProgressOut(Schema):
    """How far the latest run is."""

    total: int
    done: int = Field(description="Worked on to an end: answered, failed or timed out.")
    cancelled: int
    running: int
    waiting: int
    waiting_for: str | None = Field(description="What keeps a run back of which no cell runs; null otherwise.")
    cells_per_second: float
    eta_seconds: float | None


class ExperimentItem(Schema):
    """An experiment in a list."""

    experiment_id: str
    name: str
    description: str
    hypothesis: str
    strategies: list[str]
    seeds: list[int]
    seconds_per_task: float
    status: ExperimentWord
    state: str = Field(description="Our own word: also paused and cancelled.")
    reason: str | None
    macro: float | None = Field(description="Mean share of test outputs solved, two attempts each, 0..1.")
    macro_low: float | None = Field(description="Its 95 % Wilson interval over tasks.")
    macro_high: float | None
    dollars: float | None
    progress: ProgressOut | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


class ExperimentOut(Schema):
    """ExperimentTracker, and what belongs to it."""

    experiment_id: str
    name: str
    description: str
    hypothesis: str
    strategy_configs: dict[str, dict[str, Any]]
    task_selection_criteria: dict[str, Any]
    task_ids: list[str] | None = Field(description="The frozen list; null before the start.")
    results: dict[str, Any] = Field(description="Stored when the run ends; live before.")
    insights: list[str]
    seeds: list[int]
    seconds_per_task: float
    status: ExperimentWord
    state: str
    reason: str | None
    progress: ProgressOut | None
    run_id: str | None = Field(description="The latest run.")
    created_by: str
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


class ExperimentRunOut(Schema):
    """ExperimentRun."""

    run_id: str
    experiment_id: str
    number: int
    experiment_name: str
    task_ids: list[str]
    strategy_config: dict[str, Any]
    seeds: list[int]
    metrics: dict[str, Any]
    status: ExperimentWord
    state: str
    reason: str | None
    cells_total: int
    started_at: datetime
    completed_at: datetime | None
    error_log: str | None


class SubmissionItem(Schema):
    """TaskSubmission without attempts and programs."""

    submission_id: str
    task_id: str
    task_version: int
    user_id: str
    experiment_id: str | None
    run_id: str | None
    predicted_output: list[list[int]] = Field(description="Attempt 1 at the first test; empty where there is none.")
    strategy_used: str
    strategy_version: str
    seed: int
    confidence_score: float
    is_correct: bool | None
    hits: list[bool | None]
    score: float | None
    processing_time_ms: int
    resource_usage: dict[str, float]
    error_type: str
    error_message: str
    submitted_at: datetime


class SubmissionOut(SubmissionItem):
    """TaskSubmission, complete."""

    predictions: list[list[dict[str, Any]]] = Field(description="Per test up to two attempts, best first.")
    metadata: dict[str, Any]


class ResultOut(Schema):
    """A row of experiment_results."""

    result_id: str
    experiment_id: str
    task_id: str
    submission_id: str
    metrics: dict[str, Any]
    recorded_at: datetime


class CellOut(Schema):
    """A cell of a run's matrix."""

    solve_id: str
    position: int
    task_id: str
    strategy: str
    seed: int
    status: TaskStatus
    state: str
    reason: str | None
    score: float | None
    error_type: str
    core_seconds: float | None = Field(description="Null until it has ended, as are dollars and joules.")
    dollars: float | None
    joules: float | None
    tries: int
    job_id: str | None
    submission_id: str | None
    finished_at: datetime | None


class StrategyOut(Schema):
    """A strategy that can be chosen."""

    name: str
    title: str
    summary: str
    version: str
    config_schema: dict[str, Any]


class StrategyMetricOut(Schema):
    """A row of strategy_metrics."""

    metric_id: str
    strategy_type: str
    task_id: str
    success: bool
    execution_time_ms: int
    confidence_score: float | None
    resource_cost: float | None
    error_type: str | None
    recorded_at: datetime


def progress_out(progress: Progress | None) -> dict[str, Any] | None:
    """Progress as `ProgressOut`."""
    if progress is None:
        return None
    return {
        "total": progress.total,
        "done": progress.done,
        "cancelled": progress.cancelled,
        "running": progress.running,
        "waiting": progress.waiting,
        "waiting_for": progress.waiting_for.words if progress.waiting_for else None,
        "cells_per_second": progress.rate,
        "eta_seconds": progress.eta_seconds,
    }


def _head(experiment: Experiment) -> dict[str, Any]:
    return {
        "experiment_id": experiment.experiment_id,
        "name": experiment.name,
        "description": experiment.description,
        "hypothesis": experiment.hypothesis,
        "seeds": experiment.seeds,
        "seconds_per_task": experiment.seconds_per_task,
        "status": _EXPERIMENT_WORDS[experiment.status],
        "state": experiment.status,
        "reason": reason_of(experiment.status),
        "created_by": experiment.created_by_id,
        "created_at": experiment.created_at,
        "updated_at": experiment.updated_at,
        "started_at": experiment.started_at,
        "completed_at": experiment.completed_at,
    }


def experiment_item(row: Any) -> dict[str, Any]:
    """An `ExperimentRow` as `ExperimentItem`."""
    return {
        **_head(row.experiment),
        "strategies": row.strategies,
        "macro": row.macro,
        "macro_low": row.macro_low,
        "macro_high": row.macro_high,
        "dollars": row.dollars,
        "progress": progress_out(row.progress),
    }


def experiment_out(
    experiment: Experiment, *, results: dict[str, Any], progress: Progress | None, run_id: str | None
) -> dict[str, Any]:
    """An experiment as `ExperimentOut`."""
    selection = experiment.task_selection
    return {
        **_head(experiment),
        "strategy_configs": experiment.strategy_configs,
        "task_selection_criteria": selection.get("criteria", {}),
        "task_ids": selection.get("task_ids"),
        "results": results,
        "insights": experiment.insights,
        "progress": progress_out(progress),
        "run_id": run_id,
    }


def run_out(run: ExperimentRun) -> dict[str, Any]:
    """A run as `ExperimentRunOut`."""
    return {
        "run_id": run.run_id,
        "experiment_id": run.experiment_id,
        "number": run.number,
        "experiment_name": run.experiment_name,
        "task_ids": run.task_ids,
        "strategy_config": run.strategy_config,
        "seeds": run.seeds,
        "metrics": run.metrics,
        "status": _EXPERIMENT_WORDS[run.status],
        "state": run.status,
        "reason": reason_of(run.status),
        "cells_total": run.cells_total,
        "started_at": run.started_at,
        "completed_at": run.completed_at,
        "error_log": run.error_log,
    }


def submission_item(row: TaskSubmission) -> dict[str, Any]:
    """A submission as `SubmissionItem`."""
    return {
        "submission_id": row.submission_id,
        "task_id": row.task_id,
        "task_version": row.task_version,
        "user_id": row.user_id,
        "experiment_id": row.run.experiment_id if row.run else None,
        "run_id": row.run_id,
        "predicted_output": row.predicted_output,
        "strategy_used": row.strategy_used,
        "strategy_version": row.strategy_version,
        "seed": row.seed,
        "confidence_score": row.confidence_score,
        "is_correct": row.is_correct,
        "hits": row.hits,
        "score": row.score,
        "processing_time_ms": row.processing_time_ms,
        "resource_usage": row.resource_usage,
        "error_type": row.error_type,
        "error_message": row.error_message,
        "submitted_at": row.submitted_at,
    }


def submission_out(row: TaskSubmission) -> dict[str, Any]:
    """A submission as `SubmissionOut`."""
    return {**submission_item(row), "predictions": row.predictions, "metadata": row.metadata}


def result_out(row: ExperimentResult) -> dict[str, Any]:
    """A result as `ResultOut`."""
    return {
        "result_id": f"res_{row.result_id}",
        "experiment_id": row.experiment_id,
        "task_id": row.task_id,
        "submission_id": row.submission_id,
        "metrics": row.metrics,
        "recorded_at": row.recorded_at,
    }


def cell_out(solve: Solve) -> dict[str, Any]:
    """A cell as `CellOut`."""
    ended = solve.finished_at is not None
    return {
        "solve_id": solve.solve_id,
        "position": solve.position,
        "task_id": solve.task_id,
        "strategy": solve.strategy,
        "seed": solve.seed,
        "status": _CELL_WORDS[solve.status],
        "state": solve.status,
        "reason": reason_of(solve.status),
        "score": solve.score,
        "error_type": solve.error_type,
        "core_seconds": solve.core_seconds if ended else None,
        "dollars": solve.dollars if ended else None,
        "joules": solve.joules if ended else None,
        "tries": solve.tries,
        "job_id": solve.job_id,
        "submission_id": solve.submission_id,
        "finished_at": solve.finished_at,
    }


def metric_out(row: StrategyMetric) -> dict[str, Any]:
    """A metric as `StrategyMetricOut`."""
    return {
        "metric_id": f"met_{row.metric_id}",
        "strategy_type": row.strategy_type,
        "task_id": row.task_id,
        "success": row.success,
        "execution_time_ms": row.execution_time_ms,
        "confidence_score": row.confidence_score,
        "resource_cost": row.resource_cost,
        "error_type": row.error_type,
        "recorded_at": row.recorded_at,
    }
