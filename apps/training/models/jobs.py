"""Training runs and their checkpoints."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from apps.core import ids
from apps.core.fields import TimestampMixin
from apps.core.models import JobStatus
from apps.training.models.datasets import Dataset

TrainingStatus = JobStatus
"""A run's states are its job's; programs get the published words."""

_ENDED = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.TIMEOUT)


class Descent(models.TextChoices):
    """How a run came from another."""

    NONE = "", "New"
    RERUN = "rerun", "The same again"
    CLONE = "clone", "With changes"
    FORK = "fork", "Goes on from a checkpoint"


class TrainingJob(TimestampMixin):
    """A training run: what it learns from, how, and what came out.

    `recipe` is an `engine.config.Recipe`, `base` an `engine.loading.Source` without folders: those are artefacts,
    `base_folder` and, where the base is itself an adapter, `base_adapter`. `outcome` is what the run returned.
    """

    training_id = models.CharField(primary_key=True, max_length=40, default=ids.new_training_id, editable=False)
    name = models.CharField(max_length=200)
    owner = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="trainings")
    status = models.CharField(max_length=16, choices=JobStatus.choices, default=JobStatus.QUEUED)
    job = models.OneToOneField("core.Job", null=True, blank=True, on_delete=models.PROTECT, related_name="training")
    base_model = models.CharField(max_length=300)
    base = models.JSONField(default=dict)
    base_folder = models.ForeignKey("core.Artefact", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    base_adapter = models.ForeignKey("core.Artefact", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="trainings")
    eval_dataset = models.ForeignKey(
        Dataset, null=True, blank=True, on_delete=models.PROTECT, related_name="evaluations"
    )
    method = models.CharField(max_length=16)
    recipe = models.JSONField()
    output_dir = models.CharField(max_length=200)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children")
    descent = models.CharField(max_length=8, choices=Descent.choices, blank=True, default=Descent.NONE)
    resume_from = models.ForeignKey(
        "training.TrainingCheckpoint", null=True, blank=True, on_delete=models.PROTECT, related_name="forks"
    )
    total_steps = models.PositiveBigIntegerField(default=0)
    plan = models.JSONField(default=dict, blank=True)
    outcome = models.JSONField(default=dict, blank=True)
    best_step = models.PositiveBigIntegerField(null=True, blank=True)
    result = models.ForeignKey("core.Artefact", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    model_id = models.CharField(max_length=40, blank=True, default="")
    error_code = models.CharField(max_length=64, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "training_jobs"
        constraints = [
            models.CheckConstraint(condition=~Q(name="") & ~Q(output_dir=""), name="training_job_named"),
            models.CheckConstraint(condition=Q(status__in=JobStatus.values), name="training_job_status_known"),
            models.CheckConstraint(condition=Q(descent__in=Descent.values), name="training_job_descent_known"),
            models.CheckConstraint(
                condition=Q(status__in=_ENDED, finished_at__isnull=False)
                | (~Q(status__in=_ENDED) & Q(finished_at__isnull=True)),
                name="training_job_ended_means_finished",
            ),
            models.CheckConstraint(
                condition=(Q(status=JobStatus.COMPLETED) & Q(result__isnull=False))
                | (~Q(status=JobStatus.COMPLETED) & Q(result__isnull=True)),
                name="training_job_completed_means_a_model",
            ),
            models.CheckConstraint(
                condition=~Q(descent=Descent.FORK) | Q(resume_from__isnull=False) | Q(status__in=_ENDED),
                name="training_job_fork_has_a_checkpoint",
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-training_id"], name="training_job_newest"),
            models.Index(fields=["status", "-created_at"], name="training_job_by_status"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.status})"


class TrainingCheckpoint(models.Model):
    """A place a run can go on from: the artefact that holds it, and what the run had reached."""

    training = models.ForeignKey(TrainingJob, on_delete=models.CASCADE, related_name="checkpoints")
    step = models.PositiveBigIntegerField()
    artefact = models.ForeignKey("core.Artefact", on_delete=models.PROTECT, related_name="+")
    size_bytes = models.PositiveBigIntegerField(default=0)
    loss = models.FloatField(null=True, blank=True)
    eval_loss = models.FloatField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "training_checkpoints"
        constraints = [models.UniqueConstraint(fields=["training", "step"], name="training_checkpoint_step_once")]
        ordering = [F("step").desc()]

    def __str__(self) -> str:
        return f"step {self.step} of {self.training_id}"

    @property
    def path(self) -> str:
        """Its place in the store; a name of content, of no host."""
        return f"artefacts/{self.artefact_id[:2]}/{self.artefact_id}"
