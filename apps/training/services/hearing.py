"""What becomes of what a run's job says and does: its checkpoints, its plan, its end and the model it made.

Everything here runs within the transaction of what it hears of.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import F
from django.db.models.functions import Coalesce

from apps.core.artefacts import folder_record
from apps.core.artefacts.store import store
from apps.core.engine.artefacts import Digest, Stored
from apps.core.errors import Conflict
from apps.core.jobs import reports
from apps.core.jobs.kinds import Finished
from apps.core.jobs.reports import Report
from apps.core.models import Artefact, Job, JobStatus
from apps.training import ports
from apps.training.engine.checkpoints import removable
from apps.training.models import TrainingCheckpoint, TrainingJob
from apps.training.reports import Plan


def on_report(job: Job, said: Sequence[Report]) -> None:
    """Keep checkpoints, let older ones go, note the plan."""
    training = TrainingJob.objects.filter(job=job).first()
    if training is None:
        return
    for report in said:
        if isinstance(report, Plan):
            TrainingJob.objects.filter(pk=training.pk).update(
                total_steps=report.total_steps, plan=report.model_dump(mode="json")
            )
        elif isinstance(report, reports.Checkpoint) and report.artefact:
            _keep(training, report)


def _keep(training: TrainingJob, said: reports.Checkpoint) -> None:
    artefact = _folder(str(said.artefact))
    best = said.state.get("best_step")
    TrainingCheckpoint.objects.update_or_create(
        training=training,
        step=said.step,
        defaults={
            "artefact": artefact,
            "size_bytes": said.size_bytes,
            "loss": said.state.get("loss"),
            "eval_loss": said.state.get("eval_loss"),
        },
    )
    TrainingJob.objects.filter(pk=training.pk).update(best_step=best)
    steps = training.checkpoints.values_list("step", flat=True)
    limit = training.recipe["hyperparameters"]["save_total_limit"]
    unneeded = removable(steps, limit=limit, best=best)
    training.checkpoints.filter(step__in=unneeded, forks__isnull=True).delete()


def _folder(sha256: str) -> Artefact:
    return folder_record(stored=Stored(Digest(sha256), store().size(sha256)))


def on_status(jobs: Sequence[Job], _old: str) -> None:
    """Every change but the end."""
    for job in jobs:
        TrainingJob.objects.filter(job=job, finished_at__isnull=True).update(
            status=job.status, started_at=Coalesce("started_at", job.started_at) if job.started_at else F("started_at")
        )


def on_finish(finished: Sequence[Finished]) -> None:
    """The end: figures, and the model with its row in the registry."""
    for end in finished:
        training = TrainingJob.objects.filter(job=end.job).select_related("dataset", "owner").first()
        if training is None:
            continue
        training.status = end.outcome
        training.started_at = training.started_at or end.job.started_at
        training.finished_at = end.job.finished_at
        training.error_code, training.error_message = end.error_code, end.error_message
        if end.outcome == JobStatus.COMPLETED and end.result is not None:
            training.result = _folder(str(end.result["model"]["sha256"]))
            training.outcome = dict(end.result)
            training.best_step = end.result.get("best_step")
            training.model_id = ports.register(training)
        training.save(
            update_fields=[
                "status", "started_at", "finished_at", "error_code", "error_message", "result", "outcome", "best_step",
                "model_id",
            ]
        )  # fmt: skip


def on_retry(old: Job, new: Job) -> None:
    """The run goes on with the new job, from its last checkpoint."""
    moved = TrainingJob.objects.filter(job=old).update(
        job=new, status=new.status, finished_at=None, error_code="", error_message=""
    )
    if not moved:
        raise Conflict("The training run of this job is gone.")
