"""Datasets to train on, and what a worker would say of a run, for tests that train nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from apps.core.artefacts import artefact_record, artefact_store, folder_store
from apps.core.jobs import reports
from apps.core.jobs.hooks import tell_finish
from apps.core.jobs.kinds import Finished
from apps.core.jobs.reports import Usage
from apps.core.models import Job, JobStatus, User
from apps.training.documents import TrainingJobCreate
from apps.training.models import Dataset, TrainingJob
from apps.training.services import hearing
from apps.training.services.runs import training_job_create


def dataset(owner: User, *, name: str = "Mirrors", count: int = 3) -> Dataset:
    """A ready dataset of a few examples."""
    lines = [json.dumps({"instruction": name, "input": str(n), "output": str(n)[::-1]}) + "\n" for n in range(count)]
    return Dataset.objects.create(
        name=name,
        owner=owner,
        state="ready",
        shape="instruction",
        num_samples=count,
        examples=artefact_record(stored=artefact_store(source=[line.encode() for line in lines])),
        finished_at=timezone.now(),
    )


def a_run(owner: User, **said: Any) -> TrainingJob:
    """A queued run that would make a small model from nothing."""
    data = said.pop("data", None) or dataset(owner)
    whole = {"name": "Adder", "base_model": "llama-200k", "dataset_id": data.pk, "output_dir": "adder", **said}
    return training_job_create(spec=TrainingJobCreate.model_validate(whole), by=owner)


def fresh(training: TrainingJob) -> TrainingJob:
    return TrainingJob.objects.get(pk=training.pk)


def folder(tmp_path: Path, name: str) -> tuple[str, int]:
    """A folder in the store, as a run's process puts it there."""
    place = tmp_path / name
    place.mkdir(exist_ok=True)
    (place / "model.safetensors").write_text(name)
    stored = folder_store(path=place)
    return str(stored.sha256), len(name)


def keeps(training: TrainingJob, tmp_path: Path, step: int, **state: Any) -> None:
    """It says that it kept a checkpoint."""
    sha256, size = folder(tmp_path, f"step {step}")
    said = reports.Checkpoint(step=step, artefact=sha256, size_bytes=size, state=state)
    assert training.job is not None
    hearing.on_report(training.job, [said])


def ends(training: TrainingJob, outcome: str = JobStatus.COMPLETED, **more: Any) -> None:
    """Its job ends."""
    Job.objects.filter(pk=training.job_id).update(status=outcome, finished_at=Now())
    tell_finish([Finished(Job.objects.get(pk=training.job_id), outcome, Usage(), **more)])
