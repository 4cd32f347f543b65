"""Shapes of training runs, as the specification has them, and what programs get besides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from ninja import Schema
from pydantic import Field

from apps.core.jobs.statuses import published
from apps.core.metrics import latest
from apps.core.models import MetricSeries
from apps.training.engine.config import LoRAConfig, QuantizationConfig, TrainingHyperparameters, TrainingOptions
from apps.training.models import TrainingCheckpoint, TrainingJob

StatusWord = Literal["pending", "queued", "running", "completed", "failed", "cancelled"]
FIGURES = ("train_loss", "eval_loss", "learning_rate", "epoch", "gpu_memory_used_gb", "tokens_per_second")


class TrainingMetricsOut(Schema):
    """TrainingMetrics of the specification: the latest value of each."""

    train_loss: float | None = Field(description="Null while it is no number.")
    eval_loss: float | None = None
    learning_rate: float
    epoch: float
    step: int
    gpu_memory_used_gb: float | None = None
    tokens_per_second: float | None = None
    timestamp: datetime


class CarbonMetricsOut(Schema):
    """CarbonMetrics of the specification."""

    emissions_kg: float = Field(ge=0)
    energy_kwh: float = Field(ge=0)
    duration_seconds: float = Field(ge=0)
    carbon_intensity: float = Field(ge=0)
    location: str | None = None
    breakdown: dict[str, Any] | None = None


class CheckpointOut(Schema):
    """TrainingCheckpoint of the specification; from `id` on, what it does not have."""

    step: int
    path: str
    loss: float | None = None
    created_at: datetime
    size_bytes: int = Field(ge=0)
    id: str = Field(description="To go on from: `resume_from_checkpoint` takes it.")
    artefact: str
    eval_loss: float | None = None
    best: bool


class TrainingJobOut(Schema):
    """TrainingJob of the specification; from `state` on, what it does not have."""

    job_id: str
    name: str
    status: StatusWord
    progress: float = Field(ge=0, le=1)
    base_model: str
    dataset_id: str
    eval_dataset_id: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error_message: str | None = None
    hyperparameters: TrainingHyperparameters
    lora_config: LoRAConfig
    quantization: QuantizationConfig
    output_dir: str
    current_epoch: int
    total_epochs: int
    current_step: int
    total_steps: int
    metrics: TrainingMetricsOut | None = None
    carbon: CarbonMetricsOut | None = None
    checkpoints: list[CheckpointOut]
    model_id: str | None = None
    state: str = Field(description="The exact state: `paused` counts as running and `timeout` as failed.")
    method: str
    options: TrainingOptions
    owner: str | None = None
    error_code: str | None = None
    queue_job_id: str | None = Field(None, description="The job that carries it: its log, metrics and executions.")
    parent_id: str | None = None
    descent: str = Field("", description="How it came from its parent: rerun, clone or fork.")
    best_step: int | None = None
    outcome: dict[str, Any] = Field(default_factory=dict, description="What a completed run came to, in figures.")


def figures_of(rows: Iterable[TrainingJob]) -> dict[str, dict[str, MetricSeries]]:
    """The latest figures of many runs, by their jobs: one statement."""
    return latest([row.job_id for row in rows if row.job_id], FIGURES)


def run_out(row: TrainingJob, figures: Mapping[str, MetricSeries]) -> dict[str, Any]:
    """A run as programs get it; `figures` are its own of `figures_of`."""
    recipe, job = row.recipe, row.job
    loss = figures.get("train_loss")
    step = loss.last_step if loss is not None else 0
    epoch = float(figures["epoch"].last_value or 0.0) if "epoch" in figures else 0.0
    return {
        "job_id": row.pk,
        "name": row.name,
        "status": published(row.status),
        "progress": job.progress if job is not None else 0.0,
        "base_model": row.base_model,
        "dataset_id": row.dataset_id,
        "eval_dataset_id": row.eval_dataset_id,
        "created_at": row.created_at,
        "started_at": row.started_at,
        "completed_at": row.finished_at,
        "error_message": row.error_message or None,
        **{part: recipe[part] for part in ("hyperparameters", "lora_config", "quantization", "options")},
        "output_dir": row.output_dir,
        "current_epoch": int(epoch),
        "total_epochs": recipe["hyperparameters"]["num_epochs"],
        "current_step": step,
        "total_steps": row.total_steps,
        "metrics": _metrics(figures, step, epoch),
        "carbon": None,
        "checkpoints": [checkpoint_out(one, row) for one in row.checkpoints.all()],
        "model_id": row.model_id or None,
        "state": row.status,
        "method": row.method,
        "owner": row.owner.username if row.owner else None,
        "error_code": row.error_code or None,
        "queue_job_id": row.job_id,
        "parent_id": row.parent_id,
        "descent": row.descent,
        "best_step": row.best_step,
        "outcome": row.outcome,
    }


def _metrics(figures: Mapping[str, MetricSeries], step: int, epoch: float) -> dict[str, Any] | None:
    if "train_loss" not in figures:
        return None
    values = {name: series.last_value for name, series in figures.items()}
    return {
        "learning_rate": values.get("learning_rate") or 0.0,
        **{name: values.get(name) for name in ("train_loss", "eval_loss", "gpu_memory_used_gb", "tokens_per_second")},
        "epoch": epoch,
        "step": step,
        "timestamp": figures["train_loss"].last_at,
    }


def checkpoint_out(one: TrainingCheckpoint, row: TrainingJob) -> dict[str, Any]:
    """A checkpoint as programs get it."""
    return {
        "step": one.step,
        "path": one.path,
        "loss": one.loss,
        "created_at": one.created_at,
        "size_bytes": one.size_bytes,
        "id": f"{row.pk}/{one.step}",
        "artefact": one.artefact_id,
        "eval_loss": one.eval_loss,
        "best": one.step == row.best_step,
    }
