"""Reads of training runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Prefetch, Q, QuerySet

from apps.core.errors import Invalid, NotFound
from apps.core.jobs.kinds import Subject
from apps.core.models import Job
from apps.training.models import TrainingCheckpoint, TrainingJob


def runs(
    *, status: Sequence[str] = (), q: str = "", dataset_id: str = "", base_model: str = "", owner: str = ""
) -> QuerySet[TrainingJob]:
    """Runs, newest first, with all that a list shows."""
    rows = TrainingJob.objects.select_related("job", "owner").prefetch_related(
        Prefetch("checkpoints", TrainingCheckpoint.objects.order_by("step"))
    )
    if status:
        rows = rows.filter(status__in=status)
    if q:
        rows = rows.filter(Q(name__icontains=q) | Q(output_dir__icontains=q) | Q(pk=q))
    if dataset_id:
        rows = rows.filter(Q(dataset_id=dataset_id) | Q(eval_dataset_id=dataset_id))
    if base_model:
        rows = rows.filter(base_model=base_model)
    if owner:
        rows = rows.filter(owner__username=owner)
    return rows.order_by("-created_at", "-training_id")


def run_get(*, training_id: str) -> TrainingJob:
    """A run, or `NotFound`."""
    found = None if "\x00" in training_id else runs().filter(pk=training_id).first()
    if found is None:
        raise NotFound(f"There is no training job {training_id[:80]!r}.")
    return found


def checkpoint_named(name: str) -> TrainingCheckpoint:
    """The checkpoint that `job-…/step`, `job-…` (its last) or the hash of its folder names."""
    training_id, _, step = name.partition("/")
    rows = TrainingCheckpoint.objects.select_related("training__dataset", "training__eval_dataset").order_by("-step")
    found = None
    if "\x00" not in name:
        own = rows.filter(training_id=training_id)
        if step:
            own = own.filter(step=int(step)) if step.isascii() and step.isdigit() and len(step) < 16 else own.none()
        found = own.first() or (rows.filter(artefact_id=name).first() if not step else None)
    if found is None:
        raise Invalid(
            f"There is no checkpoint {name[:80]!r}: name one as job-…/step, or a run for its last.",
            field="resume_from_checkpoint",
        )
    return found


def subjects(jobs: Sequence[Job]) -> Mapping[str, Subject]:
    """The name of each job's run."""
    names = dict(TrainingJob.objects.filter(job__in=[job.pk for job in jobs]).values_list("job_id", "name"))
    return {job.pk: Subject(names.get(job.pk, "")) for job in jobs}


def topics(asked: Sequence[str]) -> Mapping[str, Subject]:
    """The names of runs."""
    return {pk: Subject(name) for pk, name in TrainingJob.objects.filter(pk__in=asked).values_list("pk", "name")}


def jobs_matching(text: str) -> QuerySet[Any]:
    """The ids of jobs whose run has the text in its name."""
    return TrainingJob.objects.filter(name__icontains=text, job__isnull=False).values("job")
