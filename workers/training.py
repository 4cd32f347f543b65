"""The `training` kind of job: a fresh interpreter each, since torch takes seconds to load and gigabytes to hold."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.runners import ChildTask, Runner, register

if TYPE_CHECKING:
    from apps.core.models import Job
    from workers.inside import Report

GRACE_SECONDS = 60.0


def prepare(job: Job) -> ChildTask:
    """Everything a run reads, as places in the store: its process has no database."""
    from django.conf import settings

    from apps.core.artefacts.store import store
    from apps.core.errors import NotFound
    from apps.training.models import TrainingJob

    training = TrainingJob.objects.filter(job=job).select_related("dataset", "eval_dataset", "resume_from").first()
    if training is None:
        raise NotFound("The training run this job was made for is gone, or another job has taken it over.")
    kept = [(row.artefact_id, row.step) for row in training.checkpoints.order_by("-step")]
    if training.resume_from is not None:
        kept.append((training.resume_from.artefact_id, training.resume_from.step))
    evaluated = training.eval_dataset
    return ChildTask(
        entry="workers.training:run",
        arguments={
            "recipe": training.recipe,
            "model": training.base,
            "base_folder": training.base_folder_id,
            "base_adapter": training.base_adapter_id,
            "data": {
                "train": str(store().path(training.dataset.content_hash)),
                "eval": str(store().path(evaluated.content_hash)) if evaluated is not None else None,
            },
            "store": str(store().root),
            "scratch": str(settings.CONFIG.storage_path / "training" / training.pk),
            "checkpoints": kept,
        },
    )


def run(arguments: dict[str, Any], report: Report) -> dict[str, Any]:
    """Train. What comes out is kept before it is told: the result names files that are there."""
    from apps.core.engine.artefacts import Store
    from apps.core.engine.folders import check_out
    from apps.training.engine.run import train

    store, scratch = Store(arguments["store"]), Path(arguments["scratch"])
    source = dict(arguments["model"])
    for key, sha256 in (("folder", arguments["base_folder"]), ("adapter", arguments["base_adapter"])):
        if sha256:
            place = scratch / f"base-{key}"
            shutil.rmtree(place, ignore_errors=True)
            check_out(store, sha256, place)
            source[key] = str(place)
    return train({**arguments, "model": source}, report)


register(
    Runner(
        kind="training",
        prepare=prepare,
        fresh=True,
        threads=1,
        memory_mb=0,
        device="gpu",
        grace_seconds=GRACE_SECONDS,
    )
)
