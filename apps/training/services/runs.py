"""What people do with training runs: make, pause, resume, cancel, stop early; again, with changes, from a checkpoint."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from pydantic import ValidationError

from apps.core.access import require_owner, require_role
from apps.core.artefacts import artefact_renew
from apps.core.errors import Conflict, Invalid
from apps.core.jobs import job_cancel, job_enqueue, job_pause, job_resume, job_stop_early
from apps.core.models import Job, JobStatus, Role, User
from apps.training.documents import TrainingJobCreate
from apps.training.engine.config import Recipe
from apps.training.kind import KIND
from apps.training.models import Dataset, Descent, TrainingCheckpoint, TrainingJob
from apps.training.queries import datasets as dataset_queries
from apps.training.queries.runs import checkpoint_named
from apps.training.services.bases import base_of

UNHARMED_BY_FORKING = {
    "hyperparameters": {"num_epochs", "logging_steps", "eval_steps", "save_steps", "save_total_limit"},
    "options": {"early_stopping_patience", "early_stopping_threshold", "keep_best", "samples", "sample_tokens"},
}
"""What a run that goes on from a checkpoint may change: all else is part of what the checkpoint holds."""


def recipe_of(said: dict[str, Any], *, base_model: str, is_size: bool) -> Recipe:
    """The whole recipe from what was said of it, with the lab's own defaults."""
    said = {**said, "hyperparameters": dict(said.get("hyperparameters") or {})}
    if said["hyperparameters"].get("save_steps") is None:
        said["hyperparameters"]["save_steps"] = settings.CONFIG.checkpoint_interval
    if is_size:
        said.setdefault("method", "scratch")
    try:
        recipe = Recipe.model_validate(said)
    except ValidationError as error:
        raise Invalid.from_pydantic(error) from None
    if (recipe.method == "scratch") != is_size:
        remedy = (
            f"{base_model} is a size to make a model of, so the method is scratch"
            if is_size
            else "the method scratch makes a model from nothing: name a size such as llama-1m as its base_model"
        )
        raise Invalid(f"method: {remedy}.", field="method")
    return recipe


def training_job_create(*, spec: TrainingJobCreate, by: User) -> TrainingJob:
    """Make a run and queue it."""
    require_role(by, Role.RESEARCHER)
    if spec.resume_from_checkpoint:
        return _fork_of(spec, by)
    base = base_of(spec.base_model)
    recipe = recipe_of(spec.recipe(), base_model=spec.base_model, is_size="size" in base.source)
    row = TrainingJob(
        name=spec.name,
        owner=by,
        base_model=spec.base_model,
        base=base.source,
        base_folder_id=base.folder,
        base_adapter_id=base.adapter,
        dataset=_ready(spec.dataset_id, "dataset_id"),
        eval_dataset=_ready(spec.eval_dataset_id, "eval_dataset_id") if spec.eval_dataset_id else None,
        output_dir=spec.output_dir,
    )
    return _begin(row, recipe, by)


def _ready(dataset_id: str, field: str) -> Dataset:
    found = dataset_queries.dataset_get(dataset_id=dataset_id)
    if not found.is_ready:
        raise Invalid(f"The dataset {found} is not ready but {found.state}.", field=field)
    return found


@transaction.atomic
def _begin(row: TrainingJob, recipe: Recipe, by: User) -> TrainingJob:
    if recipe.options.early_stopping_patience and row.eval_dataset is None:
        raise Invalid("Early stopping looks at the evaluation set: name an eval_dataset_id.", field="eval_dataset_id")
    for sha256 in (row.base_folder_id, row.base_adapter_id):
        if sha256:
            artefact_renew(sha256=sha256)
    row.recipe, row.method = recipe.model_dump(mode="json"), recipe.method
    row.save(force_insert=True)
    job = job_enqueue(kind=KIND, payload={"training_id": row.pk}, owner=by, topic=row.pk)
    row.job, row.status = job, job.status
    row.save(update_fields=["job", "status"])
    return row


# --- what is done to one --------------------------------------------------------------------------------------------


def _job(training: TrainingJob) -> Job:
    if training.job is None:
        raise Conflict(f"{training.pk} has no job any more.")
    return training.job


def training_job_pause(*, training: TrainingJob, by: User) -> TrainingJob:
    """Write a checkpoint and wait."""
    job_pause(job=_job(training), by=by)
    return _again(training)


def training_job_resume(*, training: TrainingJob, by: User) -> TrainingJob:
    """Go on from the last checkpoint, wherever there is a worker."""
    job_resume(job=_job(training), by=by)
    return _again(training)


def training_job_cancel(*, training: TrainingJob, by: User) -> TrainingJob:
    """End it; its checkpoints stay."""
    job_cancel(job=_job(training), by=by)
    return _again(training)


def training_job_stop_early(*, training: TrainingJob, by: User) -> TrainingJob:
    """Complete now, with the best there is."""
    job_stop_early(job=_job(training), by=by)
    return _again(training)


def _again(training: TrainingJob) -> TrainingJob:
    return TrainingJob.objects.select_related("job", "owner", "dataset").get(pk=training.pk)


# --- another from it ------------------------------------------------------------------------------------------------


def training_job_rerun(*, training: TrainingJob, by: User) -> TrainingJob:
    """The same again, from the start: the same data, base, recipe and seed."""
    require_role(by, Role.RESEARCHER)
    return _begin(_child(training, Descent.RERUN, by), Recipe.model_validate(training.recipe), by)


def training_job_clone(*, training: TrainingJob, changes: dict[str, Any], by: User) -> TrainingJob:
    """Another run like it, with changes to any field of its making."""
    require_role(by, Role.RESEARCHER)
    spec = _parsed({**as_request(training), "name": f"{training.name} (copy)"[:200]}, changes)
    made = training_job_create(spec=spec, by=by)
    TrainingJob.objects.filter(pk=made.pk).update(parent=training, descent=Descent.CLONE)
    return _again(made)


def training_job_fork(
    *, training: TrainingJob, step: int | None, changes: dict[str, Any], by: User, name: str = ""
) -> TrainingJob:
    """A run that goes on from a checkpoint of another: the last one, or that of a step."""
    require_role(by, Role.RESEARCHER)
    checkpoint = training.checkpoints.filter(**({} if step is None else {"step": step})).first()
    if checkpoint is None:
        kept = ", ".join(str(one) for one in training.checkpoints.values_list("step", flat=True)) or "none"
        raise Invalid(f"{training.pk} has no checkpoint of that step; there are: {kept}.", field="step")
    said = {part: changes[part] for part in changes if part in {"hyperparameters", "options"}}
    _refuse_harm(changes)
    merged = dict(training.recipe)
    for part, values in said.items():
        merged[part] = {**merged[part], **values}
    try:
        recipe = Recipe.model_validate(merged)
    except ValidationError as error:
        raise Invalid.from_pydantic(error) from None
    row = _child(training, Descent.FORK, by, name=name or f"{training.name} from step {checkpoint.step}")
    row.resume_from = checkpoint
    return _begin(row, recipe, by)


def _refuse_harm(changes: dict[str, Any]) -> None:
    for part, values in changes.items():
        names = set(values) if isinstance(values, dict) else {part}
        fixed = sorted(names - UNHARMED_BY_FORKING.get(part, set()))
        if fixed:
            raise Invalid(
                f"{fixed[0]} is part of what a checkpoint holds and cannot change on the way: clone the run instead. "
                f"A fork may change {', '.join(sorted(set.union(*UNHARMED_BY_FORKING.values())))}.",
                field=f"{part}.{fixed[0]}" if isinstance(values, dict) else part,
            )


def _fork_of(spec: TrainingJobCreate, by: User) -> TrainingJob:
    """The specification's way: a new request that names a checkpoint."""
    checkpoint = checkpoint_named(spec.resume_from_checkpoint or "")
    said = {part: values for part, values in spec.recipe().items() if values and part != "method"}
    whole = checkpoint.training.recipe
    changes = {
        part: {name: value for name, value in values.items() if whole[part].get(name) != value}
        for part, values in said.items()
    }
    return training_job_fork(
        training=checkpoint.training,
        step=checkpoint.step,
        changes={part: values for part, values in changes.items() if values},
        by=by,
        name=spec.name,
    )


def _child(training: TrainingJob, descent: str, by: User, name: str = "") -> TrainingJob:
    return TrainingJob(
        name=(name or training.name)[:200],
        owner=by,
        base_model=training.base_model,
        base=training.base,
        base_folder_id=training.base_folder_id,
        base_adapter_id=training.base_adapter_id,
        dataset=training.dataset,
        eval_dataset=training.eval_dataset,
        output_dir=training.output_dir,
        parent=training,
        descent=descent,
    )


def as_request(training: TrainingJob) -> dict[str, Any]:
    """The request that would make this run."""
    recipe = training.recipe
    return {
        "name": training.name,
        "base_model": training.base_model,
        "dataset_id": training.dataset_id,
        "eval_dataset_id": training.eval_dataset_id,
        "output_dir": training.output_dir,
        **{part: recipe[part] for part in ("method", "hyperparameters", "lora_config", "quantization", "options")},
    }


def _parsed(whole: dict[str, Any], changes: dict[str, Any]) -> TrainingJobCreate:
    for part, value in changes.items():
        both = isinstance(value, dict) and isinstance(whole.get(part), dict)
        whole = {**whole, part: {**whole[part], **value} if both else value}
    if "method" in changes and "quantization" not in changes:
        whole = {**whole, "quantization": {k: v for k, v in whole["quantization"].items() if not k.startswith("load")}}
    elif "quantization" in changes and "method" not in changes:
        whole = {**whole, "method": None}
    try:
        return TrainingJobCreate.model_validate(whole)
    except ValidationError as error:
        raise Invalid.from_pydantic(error) from None


def training_job_delete(*, training: TrainingJob, by: User) -> None:
    """Forget a run that has ended, its checkpoints with it; its model stays."""
    require_owner(by, training.owner_id)
    with transaction.atomic():
        current = TrainingJob.objects.select_for_update().get(pk=training.pk)
        if current.finished_at is None:
            raise Conflict(f"{current.pk} has not ended but is {current.status}: cancel it first.")
        if TrainingJob.objects.filter(
            resume_from__training=current,
            status__in=[JobStatus.QUEUED, JobStatus.PENDING, JobStatus.RUNNING, JobStatus.PAUSED],
        ).exists():
            raise Conflict("A run that has not ended goes on from one of its checkpoints.")
        TrainingJob.objects.filter(resume_from__training=current).update(resume_from=None)
        TrainingCheckpoint.objects.filter(training=current).delete()
        current.delete()
