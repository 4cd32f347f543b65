"""Experiments, their runs and cells, and the answers given."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apps.core import ids
from apps.core.fields import SpecIndex, TimestampMixin


class ExperimentStatus(models.TextChoices):
    """The life of an experiment and of a run."""

    CREATED = "created"
    IN_PROGRESS = "in_progress"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE = (ExperimentStatus.IN_PROGRESS, ExperimentStatus.PAUSED)
ENDED = (ExperimentStatus.COMPLETED, ExperimentStatus.FAILED, ExperimentStatus.CANCELLED)


class SolveStatus(models.TextChoices):
    """The life of one cell of the matrix."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"


TERMINAL_SOLVES = (SolveStatus.COMPLETED, SolveStatus.FAILED, SolveStatus.TIMEOUT, SolveStatus.CANCELLED)


class Experiment(TimestampMixin):
    """A question put to strategies: which of them solve which tasks, at what cost."""

    experiment_id = models.CharField(primary_key=True, max_length=40, default=ids.new_experiment_id, editable=False)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    hypothesis = models.TextField(blank=True, default="")
    strategy_configs = models.JSONField(db_column="strategy_configs_json")
    task_selection = models.JSONField(default=dict, db_column="task_selection_json")
    seeds = models.JSONField(default=list)
    seconds_per_task = models.FloatField(default=10.0)
    status = models.CharField(max_length=16, choices=ExperimentStatus.choices, default=ExperimentStatus.CREATED)
    results = models.JSONField(default=dict)
    insights = models.JSONField(default=list)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey("core.User", on_delete=models.PROTECT, related_name="experiments")

    class Meta:
        db_table = "experiments"
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=ExperimentStatus.values), name="experiments_experiment_status_known"
            ),
            models.CheckConstraint(condition=Q(seconds_per_task__gt=0), name="experiments_experiment_seconds_positive"),
        ]
        indexes = [models.Index(fields=["-created_at"], name="experiments_recent")]

    def __str__(self) -> str:
        return self.name


class ExperimentRun(models.Model):
    """One execution of an experiment over a frozen list of tasks, strategies and seeds."""

    run_id = models.CharField(primary_key=True, max_length=40, default=ids.new_run_id, editable=False)
    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="runs")
    number = models.PositiveIntegerField()
    experiment_name = models.CharField(max_length=200)
    task_ids = models.JSONField()
    strategy_config = models.JSONField()
    seeds = models.JSONField()
    metrics = models.JSONField(default=dict)
    status = models.CharField(max_length=16, choices=ExperimentStatus.choices, default=ExperimentStatus.IN_PROGRESS)
    cells_total = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(default=timezone.now)
    completed_at = models.DateTimeField(null=True, blank=True)
    error_log = models.TextField(null=True, blank=True)  # noqa: DJ001 - the schema says optional

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["experiment", "number"], name="experiments_run_number_once"),
            models.CheckConstraint(
                condition=Q(status__in=ExperimentStatus.values), name="experiments_run_status_known"
            ),
            models.CheckConstraint(
                condition=Q(completed_at__isnull=True) | Q(completed_at__gte=F("started_at")),
                name="experiments_run_completes_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.experiment_name} #{self.number}"


class TaskSubmission(models.Model):
    """One answer to a task, by a strategy in a run or by a person; kept also when the solver failed.

    `predictions[i]` holds up to two attempts at test i, each `{grid, confidence, program, program_data}`;
    `hits[i]` says whether one of them was right (null where the truth is unknown); `score` is their share.
    """

    submission_id = models.CharField(primary_key=True, max_length=40, default=ids.new_submission_id, editable=False)
    task = models.ForeignKey("tasks.ArcTask", on_delete=models.PROTECT, related_name="submissions", db_index=False)
    task_version = models.PositiveIntegerField(default=1)
    user = models.ForeignKey("core.User", on_delete=models.PROTECT, related_name="submissions")
    run = models.ForeignKey(
        ExperimentRun, null=True, blank=True, on_delete=models.CASCADE, related_name="submissions", db_index=False
    )
    strategy_used = models.CharField(max_length=64)
    strategy_version = models.CharField(max_length=32, blank=True, default="")
    seed = models.BigIntegerField(default=0)
    predicted_output = models.JSONField(default=list)
    predictions = models.JSONField(default=list)
    hits = models.JSONField(default=list)
    score = models.FloatField(null=True, blank=True)
    is_correct = models.BooleanField(null=True, blank=True)
    confidence_score = models.FloatField(default=0.0)
    processing_time_ms = models.PositiveIntegerField()
    error_type = models.CharField(max_length=64, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    resource_usage = models.JSONField(default=dict, db_column="resource_usage_json")
    metadata = models.JSONField(default=dict, blank=True, db_column="metadata_json")
    submitted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "task_submissions"
        constraints = [
            models.UniqueConstraint(
                fields=["run", "task", "strategy_used", "seed"],
                condition=Q(run__isnull=False),
                name="experiments_submission_cell_once",
            ),
            models.CheckConstraint(
                condition=Q(confidence_score__gte=0, confidence_score__lte=1), name="experiments_submission_confidence"
            ),
            models.CheckConstraint(
                condition=Q(score__isnull=True) | Q(score__gte=0, score__lte=1), name="experiments_submission_score"
            ),
        ]
        indexes = [
            models.Index(fields=["task", "user"], name="idx_task_user"),
            models.Index(fields=["submitted_at"], name="idx_submitted_at"),
            SpecIndex(fields=["strategy_used", "is_correct"], name="idx_submissions_strategy_success"),
            # "Solved by anyone, by this strategy, never": asked of every task at once by the gallery's filters.
            models.Index(
                fields=["task", "strategy_used"], condition=Q(is_correct=True), name="experiments_submission_solved"
            ),
        ]

    def __str__(self) -> str:
        return self.submission_id


class Solve(models.Model):
    """One cell of a run: a task, a strategy, a seed. Owns its state; points at the job now working on it.

    The outcome stands here too, in plain columns, so that the figures of a run are one GROUP BY and its matrix one
    narrow scan: no JSON is read and no answer loaded. `score` is null until the cell is scored, or where a task's
    truth is not known. `position` runs task by task, so `divmod(position, rows)` gives column and row.
    """

    solve_id = models.CharField(primary_key=True, max_length=40, default=ids.new_solve_id, editable=False)
    run = models.ForeignKey(ExperimentRun, on_delete=models.CASCADE, related_name="solves", db_index=False)
    task = models.ForeignKey("tasks.ArcTask", on_delete=models.PROTECT, related_name="solves")
    task_version = models.PositiveIntegerField(default=1)
    strategy = models.CharField(max_length=64)
    seed = models.BigIntegerField(default=0)
    position = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=16, choices=SolveStatus.choices, default=SolveStatus.PENDING)
    job = models.OneToOneField("core.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="solve")
    submission = models.OneToOneField(
        TaskSubmission, null=True, blank=True, on_delete=models.SET_NULL, related_name="solve"
    )
    tries = models.PositiveSmallIntegerField(default=1)
    score = models.FloatField(null=True, blank=True)
    outputs = models.PositiveSmallIntegerField(default=0)
    outputs_hit = models.PositiveSmallIntegerField(default=0)
    core_seconds = models.FloatField(default=0.0)
    wall_seconds = models.FloatField(default=0.0)
    dollars = models.FloatField(default=0.0)
    joules = models.FloatField(default=0.0)
    error_type = models.CharField(max_length=64, blank=True, default="")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "task", "strategy", "seed"], name="experiments_solve_cell_once"),
            models.UniqueConstraint(fields=["run", "position"], name="experiments_solve_position_once"),
            models.CheckConstraint(condition=Q(status__in=SolveStatus.values), name="experiments_solve_status_known"),
            models.CheckConstraint(
                condition=Q(status__in=TERMINAL_SOLVES, finished_at__isnull=False)
                | (~Q(status__in=TERMINAL_SOLVES) & Q(finished_at__isnull=True)),
                name="experiments_solve_terminal_means_finished",
            ),
        ]
        indexes = [
            models.Index(fields=["run", "status"], name="experiments_solve_run_status"),
            # "Is any cell of this run open?", asked whenever one ends; `services.ending` says why it holds `tries`.
            models.Index(fields=["run", "tries"], condition=Q(finished_at__isnull=True), name="experiments_solve_open"),
        ]

    def __str__(self) -> str:
        return f"{self.task_id} by {self.strategy} (seed {self.seed})"


class ExperimentResult(models.Model):
    """The measured outcome of one cell, with whatever metrics the strategy reported."""

    result_id = models.BigAutoField(primary_key=True)
    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="experiment_results")
    task = models.ForeignKey("tasks.ArcTask", on_delete=models.PROTECT, related_name="experiment_results")
    submission = models.OneToOneField(TaskSubmission, on_delete=models.CASCADE, related_name="experiment_result")
    metrics = models.JSONField(default=dict, db_column="metrics_json")
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "experiment_results"

    def __str__(self) -> str:
        return f"res_{self.result_id}"


class StrategyMetric(models.Model):
    """How a strategy did on a task, once per finished solve; kept after experiments are deleted."""

    metric_id = models.BigAutoField(primary_key=True)
    strategy_type = models.CharField(max_length=64)
    task = models.ForeignKey("tasks.ArcTask", on_delete=models.PROTECT, related_name="strategy_metrics")
    success = models.BooleanField()
    execution_time_ms = models.PositiveIntegerField()
    confidence_score = models.FloatField(null=True, blank=True)
    resource_cost = models.FloatField(null=True, blank=True)
    error_type = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001 - the schema says nullable
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "strategy_metrics"
        indexes = [
            models.Index(fields=["strategy_type", "task"], name="idx_strategy_task"),
            models.Index(fields=["strategy_type", "recorded_at"], name="idx_metrics_strategy_date"),
        ]

    def __str__(self) -> str:
        return f"met_{self.metric_id}"
