"""JSON API: training runs, in the specification's shape, and what is done to them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Path, Query, Schema
from ninja.responses import Status
from pydantic import ConfigDict, Field

from apps.core.access import member
from apps.core.api.schemas import Strict, SuccessResponse
from apps.core.jobs.statuses import meant_by
from apps.core.pagination import Page, PageQuery, paginate
from apps.training.api.router import router
from apps.training.documents import TrainingJobCreate
from apps.training.models import TrainingJob
from apps.training.queries import runs as queries
from apps.training.run_schemas import CheckpointOut, TrainingJobOut, checkpoint_out, figures_of, run_out
from apps.training.services import runs as services

TrainingId = Annotated[str, Path(max_length=40, description="Like job-06gz….")]


class RunFilter(Schema):
    """Which runs."""

    status: Literal["", "pending", "queued", "running", "completed", "failed", "cancelled"] = ""
    q: str = Field("", max_length=200, description="Part of the name, or an id.")
    dataset_id: str = Field("", max_length=40)
    base_model: str = Field("", max_length=300)
    owner: str = Field("", max_length=150, description="A user's name.")


class Changes(Strict):
    """What is to be different; each part only needs what changes."""

    name: str | None = Field(None, min_length=1, max_length=200)
    base_model: str | None = Field(None, min_length=1, max_length=300)
    dataset_id: str | None = Field(None, max_length=40)
    eval_dataset_id: str | None = Field(None, max_length=40)
    output_dir: str | None = Field(None, min_length=1, max_length=200)
    method: Literal["lora", "qlora", "full", "scratch"] | None = None
    hyperparameters: dict[str, Any] | None = None
    lora_config: dict[str, Any] | None = None
    quantization: dict[str, Any] | None = None
    options: dict[str, Any] | None = None


class ForkOf(Strict):
    """From which checkpoint, and what may be different on the way."""

    model_config = ConfigDict(extra="forbid")
    step: int | None = Field(None, ge=0, lt=2**53, description="Of the checkpoint; the last if not given.")
    name: str = Field("", max_length=200)
    hyperparameters: dict[str, Any] | None = None
    options: dict[str, Any] | None = None


def _out(row: TrainingJob) -> dict[str, Any]:
    fresh = queries.run_get(training_id=row.pk)
    return run_out(fresh, figures_of([fresh]).get(fresh.job_id or "", {}))


@router.get("/jobs", response=Page[TrainingJobOut], summary="List training jobs")
def list_runs(request: HttpRequest, narrow: Query[RunFilter], paging: Query[PageQuery]) -> Any:
    """Newest first."""
    rows = queries.runs(
        status=meant_by(narrow.status, "training") if narrow.status else (),
        q=narrow.q,
        dataset_id=narrow.dataset_id,
        base_model=narrow.base_model,
        owner=narrow.owner,
    )
    page = paginate(rows, page=paging.page, page_size=paging.page_size, serialize=lambda row: row)
    figures = figures_of(page["items"])
    return {**page, "items": [run_out(row, figures.get(row.job_id, {})) for row in page["items"]]}


@router.post("/jobs", response={201: TrainingJobOut}, summary="Create a training job")
def create_run(request: HttpRequest, body: TrainingJobCreate) -> Any:
    """Makes it and queues it. With `resume_from_checkpoint` it goes on from a checkpoint of another."""
    return Status(201, _out(services.training_job_create(spec=body, by=member(request))))


@router.get("/jobs/{training_id}", response=TrainingJobOut, summary="A training job")
def get_run(request: HttpRequest, training_id: TrainingId) -> Any:
    """As it stands, with the latest figures and its checkpoints."""
    return _out(queries.run_get(training_id=training_id))


@router.get("/jobs/{training_id}/checkpoints", response=list[CheckpointOut], summary="Its checkpoints")
def list_checkpoints(request: HttpRequest, training_id: TrainingId) -> Any:
    """By step."""
    row = queries.run_get(training_id=training_id)
    return [checkpoint_out(one, row) for one in row.checkpoints.all()]


@router.post("/jobs/{training_id}/pause", response=TrainingJobOut, summary="Pause it")
def pause_run(request: HttpRequest, training_id: TrainingId) -> Any:
    """Writes a checkpoint and waits."""
    row = queries.run_get(training_id=training_id)
    return _out(services.training_job_pause(training=row, by=member(request)))


@router.post("/jobs/{training_id}/resume", response=TrainingJobOut, summary="Resume it")
def resume_run(request: HttpRequest, training_id: TrainingId) -> Any:
    """From its last checkpoint."""
    row = queries.run_get(training_id=training_id)
    return _out(services.training_job_resume(training=row, by=member(request)))


@router.post("/jobs/{training_id}/cancel", response=TrainingJobOut, summary="Cancel it")
def cancel_run(request: HttpRequest, training_id: TrainingId) -> Any:
    """Its checkpoints stay."""
    row = queries.run_get(training_id=training_id)
    return _out(services.training_job_cancel(training=row, by=member(request)))


@router.post("/jobs/{training_id}/stop", response=TrainingJobOut, summary="Stop it early")
def stop_run(request: HttpRequest, training_id: TrainingId) -> Any:
    """It completes now, with the best there is."""
    row = queries.run_get(training_id=training_id)
    return _out(services.training_job_stop_early(training=row, by=member(request)))


@router.post("/jobs/{training_id}/rerun", response={201: TrainingJobOut}, summary="Run it again")
def rerun_run(request: HttpRequest, training_id: TrainingId) -> Any:
    """The same data, base, recipe and seed, from the start."""
    row = queries.run_get(training_id=training_id)
    return Status(201, _out(services.training_job_rerun(training=row, by=member(request))))


@router.post("/jobs/{training_id}/clone", response={201: TrainingJobOut}, summary="Run it with changes")
def clone_run(request: HttpRequest, training_id: TrainingId, body: Changes) -> Any:
    """Another run like it."""
    row = queries.run_get(training_id=training_id)
    changes = body.model_dump(exclude_unset=True, exclude_none=True)
    return Status(201, _out(services.training_job_clone(training=row, changes=changes, by=member(request))))


@router.post("/jobs/{training_id}/fork", response={201: TrainingJobOut}, summary="Go on from a checkpoint")
def fork_run(request: HttpRequest, training_id: TrainingId, body: ForkOf) -> Any:
    """A new run that begins where that checkpoint is."""
    row = queries.run_get(training_id=training_id)
    said = body.model_dump(exclude_unset=True, exclude_none=True)
    changes = {part: values for part, values in said.items() if part in {"hyperparameters", "options"}}
    forked = services.training_job_fork(
        training=row, step=body.step, changes=changes, by=member(request), name=body.name
    )
    return Status(201, _out(forked))


@router.delete("/jobs/{training_id}", response=SuccessResponse, summary="Delete it")
def delete_run(request: HttpRequest, training_id: TrainingId) -> Any:
    """Once it has ended: the run and its checkpoints go, its model stays."""
    row = queries.run_get(training_id=training_id)
    services.training_job_delete(training=row, by=member(request))
    return SuccessResponse(message=f"{training_id} is deleted.")
