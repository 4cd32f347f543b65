"""The one queue: jobs, their executions, their events, and who works on them. Rules live in `apps.core.jobs`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Self

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.base import ModelState
from django.db.models.functions import Coalesce

from apps.core import ids
from apps.core.fields import TransactionId


class JobStatus(models.TextChoices):
    """The life of a job."""

    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"


WAITING_STATUSES = (JobStatus.PENDING, JobStatus.QUEUED)
ACTIVE_STATUSES = (*WAITING_STATUSES, JobStatus.RUNNING, JobStatus.PAUSED)
FAILED_STATUSES = (JobStatus.FAILED, JobStatus.TIMEOUT)
RETRIABLE_STATUSES = (*FAILED_STATUSES, JobStatus.CANCELLED)
TERMINAL_STATUSES = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.TIMEOUT)


class Job(models.Model):
    """A piece of work that takes longer than a request. Queues, leases, executes, retries; results live elsewhere.

    `attempt` is the fencing token: a worker may write only while it holds the number it claimed. `fair_tag` is
    the virtual finish time given at enqueue, so that users share a queue whatever each has waiting. `priority`
    orders the jobs of one owner among themselves: the more urgent one takes the tag, so the turn, of the other,
    and each keeps in `turn` the tag it came with.
    `topic` groups jobs for a stream, a pause or a cancel (an experiment run's id, say).

    A `held` job waits until its domain releases it (`job_release`): work that depends on other work.
    `timeout_seconds` bounds the running time behind the result: `checkpoint_seconds`, what the work up to the last
    checkpoint took, plus the execution under way. Waiting, pauses, and what was lost with an execution do not count.

    `checkpoint_artefact` keeps what the checkpoint names from being collected until the job has ended.

    A column that the queue does not write when it makes a job has a default in the database too (`db_default`).
    """

    job_id = models.CharField(primary_key=True, max_length=40, default=ids.new_job_id, editable=False)
    kind = models.CharField(max_length=64)
    queue = models.CharField(max_length=32, default="cpu")
    topic = models.CharField(max_length=64, blank=True, default="")
    owner = models.ForeignKey("core.User", null=True, on_delete=models.SET_NULL, related_name="jobs")
    status = models.CharField(max_length=16, choices=JobStatus.choices, default=JobStatus.QUEUED)
    priority = models.SmallIntegerField(default=0)
    fair_tag = models.FloatField(default=0.0)
    turn = models.FloatField(null=True, blank=True, editable=False)
    payload = models.JSONField(default=dict)

    attempt = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    kills = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=120, blank=True, default="")
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    available_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    timeout_seconds = models.FloatField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    pause_requested_at = models.DateTimeField(null=True, blank=True)
    stop_early_requested_at = models.DateTimeField(null=True, blank=True)
    held = models.BooleanField(default=False, db_default=False)
    retry_of = models.OneToOneField(
        "self", null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="retried_by"
    )

    checkpoint = models.JSONField(null=True, blank=True)
    checkpoint_artefact = models.ForeignKey(
        "core.Artefact", null=True, blank=True, on_delete=models.PROTECT, related_name="checkpoints", db_index=False
    )
    checkpoint_at = models.DateTimeField(null=True, blank=True)
    checkpoint_attempt = models.PositiveIntegerField(default=0, db_default=0)
    checkpoint_progress = models.FloatField(default=0.0, db_default=0.0)
    checkpoint_seconds = models.FloatField(default=0.0, db_default=0.0)

    progress = models.FloatField(default=0.0)
    progress_note = models.CharField(max_length=200, blank=True, default="")
    last_seq = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=64, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    quarantined_at = models.DateTimeField(null=True, blank=True)

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(status__in=JobStatus.values), name="core_job_status_known"),
            models.CheckConstraint(
                condition=Q(status=JobStatus.RUNNING, lease_expires_at__isnull=False, worker__gt="")
                | (~Q(status=JobStatus.RUNNING) & Q(lease_expires_at__isnull=True)),
                name="core_job_running_means_leased",
            ),
            models.CheckConstraint(
                condition=Q(status__in=TERMINAL_STATUSES, finished_at__isnull=False)
                | (~Q(status__in=TERMINAL_STATUSES) & Q(finished_at__isnull=True)),
                name="core_job_terminal_means_finished",
            ),
            models.CheckConstraint(
                condition=Q(started_at__isnull=True)
                | Q(finished_at__isnull=True)
                | Q(finished_at__gte=F("started_at")),
                name="core_job_finishes_after_start",
            ),
            models.CheckConstraint(condition=Q(progress__gte=0, progress__lte=1), name="core_job_progress_range"),
            models.CheckConstraint(
                condition=Q(held=False) | ~Q(status__in=(JobStatus.QUEUED, JobStatus.RUNNING)),
                name="core_job_held_does_not_run",
            ),
            models.CheckConstraint(
                condition=Q(checkpoint_progress__gte=0, checkpoint_progress__lte=1, checkpoint_seconds__gte=0),
                name="core_job_checkpoint_range",
            ),
        ]
        indexes = [
            models.Index(
                fields=["queue", "fair_tag", "job_id"],
                name="core_job_claim",
                condition=Q(status=JobStatus.QUEUED),
            ),
            models.Index(
                "queue",
                "owner",
                F("priority").desc(),
                Coalesce("turn", "fair_tag"),
                "job_id",
                name="core_job_own_order",
                condition=Q(status=JobStatus.QUEUED),
            ),
            models.Index(
                fields=["queue", "turn"],
                name="core_job_out_of_turn",
                condition=Q(status=JobStatus.QUEUED) & (~Q(priority=0) | Q(turn__isnull=False)),
            ),
            models.Index(fields=["lease_expires_at"], name="core_job_lease", condition=Q(status=JobStatus.RUNNING)),
            models.Index(fields=["available_at"], name="core_job_due", condition=Q(status=JobStatus.PENDING)),
            models.Index(
                fields=["deadline_at"],
                name="core_job_deadline",
                condition=Q(deadline_at__isnull=False, finished_at__isnull=True),
            ),
            models.Index(
                fields=["checkpoint_artefact"],
                name="core_job_checkpoint",
                condition=Q(checkpoint_artefact__isnull=False),
            ),
            models.Index(fields=["topic", "status"], name="core_job_topic"),
            models.Index(fields=["status", "-created_at"], name="core_job_status_recent"),
            models.Index(fields=["finished_at"], name="core_job_finished"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.job_id} ({self.status})"

    @classmethod
    def from_db(  # type: ignore[override]  # the stubs are of a later Django
        cls, db: str | None, field_names: Collection[str], values: Collection[Any]
    ) -> Self:
        """A whole row without `__init__`, which costs more than all else that the queue does with a row.

        Nothing hears `pre_init` or `post_init` of jobs, and no field sets itself up when it is assigned.
        """
        if len(values) != len(cls._meta.concrete_fields):
            return super().from_db(db, field_names, values)
        job = cls.__new__(cls)
        job._state = ModelState()
        job._state.adding, job._state.db = False, db
        job.__dict__.update(zip(field_names, values, strict=True))
        return job

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more will happen to this job."""
        return self.status in TERMINAL_STATUSES


class AttemptOutcome(models.TextChoices):
    """How one execution ended."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    PAUSED = "paused"
    LOST = "lost"


class JobAttempt(models.Model):
    """One execution of a job: who ran it, for how long, at what cost, and how it ended."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    worker = models.CharField(max_length=120)
    host = models.CharField(max_length=120)
    outcome = models.CharField(max_length=16, choices=AttemptOutcome.choices, default=AttemptOutcome.RUNNING)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    cpu_seconds = models.FloatField(null=True, blank=True)
    wall_seconds = models.FloatField(null=True, blank=True)
    peak_memory_mb = models.FloatField(null=True, blank=True)
    gpu_memory_mb = models.FloatField(null=True, blank=True)
    tokens = models.PositiveBigIntegerField(default=0, db_default=0)
    calls = models.JSONField(default=dict, db_default=Value({}, models.JSONField()))
    error_code = models.CharField(max_length=64, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    stack_trace = models.TextField(blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "number"], name="core_jobattempt_number_once"),
            models.CheckConstraint(
                condition=Q(outcome="running", ended_at__isnull=True)
                | (~Q(outcome="running") & Q(ended_at__isnull=False)),
                name="core_jobattempt_ended_means_outcome",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job_id} attempt {self.number}: {self.outcome}"


class JobEvent(models.Model):
    """One entry of the append-only log behind every live view, written in the transaction it describes.

    Its position is `(xid, id)`: readers stop below the oldest transaction still running, so a row that commits
    late is never skipped. `job` is null for an event of a topic as a whole; `seq` counts within a job.
    """

    id = models.BigAutoField(primary_key=True)
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.CASCADE, related_name="events", db_index=False)
    topic = models.CharField(max_length=64, blank=True, default="")
    seq = models.PositiveIntegerField(default=0)
    type = models.CharField(max_length=32)
    payload = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["job", "seq"], condition=Q(job__isnull=False), name="core_jobevent_seq_once"
            ),
        ]
        indexes = [
            models.Index(fields=["xid", "id"], name="core_jobevent_position"),
            models.Index(fields=["topic", "xid", "id"], name="core_jobevent_topic"),
            models.Index(fields=["job", "xid", "id"], name="core_jobevent_job"),
            models.Index(fields=["at"], name="core_jobevent_at"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.xid}-{self.id}"


class FairShare(models.Model):
    """Start-time fair queueing: the last virtual finish time given to each user of a queue."""

    queue = models.CharField(max_length=32)
    user_key = models.CharField(max_length=40, blank=True, default="")
    virtual_time = models.FloatField(default=0.0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["queue", "user_key"], name="core_fairshare_user_once")]

    def __str__(self) -> str:
        return f"{self.queue}/{self.user_key}: {self.virtual_time:g}"


class QueueState(models.Model):
    """A queue's switch and clock: whether it is paused, and its virtual time (the tag last claimed)."""

    queue = models.CharField(primary_key=True, max_length=32)
    paused_at = models.DateTimeField(null=True, blank=True)
    virtual_time = models.FloatField(default=0.0)

    def __str__(self) -> str:
        return self.queue


class Worker(models.Model):
    """A worker process as it last reported itself.

    `slots` is how many jobs of each queue it runs at once. `warming` holds the kinds of job it cannot start yet:
    `{kind: {"done": 3, "total": 40, "note": "..."}}`. `boot_id` names the run of the machine it is on, `room` what its host
    has for services (`apps.core.serving.room`).
    """

    name = models.CharField(primary_key=True, max_length=120)
    host = models.CharField(max_length=120)
    boot_id = models.CharField(max_length=40, blank=True, default="", db_default="")
    pid = models.PositiveIntegerField()
    slots = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    warming = models.JSONField(default=dict, blank=True, db_default=models.Value({}, models.JSONField()))
    room = models.JSONField(default=dict, blank=True, db_default=models.Value({}, models.JSONField()))
    version = models.CharField(max_length=32)
    started_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    # Workers of version 0.1 go on writing these while a lab is brought up to date; they go with the version after.
    old_queues = models.JSONField(
        db_column="queues", editable=False, default=list, db_default=models.Value([], models.JSONField())
    )
    old_concurrency = models.PositiveSmallIntegerField(db_column="concurrency", editable=False, default=0, db_default=0)
    old_running = models.PositiveSmallIntegerField(db_column="running", editable=False, default=0, db_default=0)

    def __str__(self) -> str:
        return self.name

    @property
    def queues(self) -> list[str]:
        """The queues it serves, sorted."""
        return sorted(self.slots)
