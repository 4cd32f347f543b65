"""ARC tasks, the families curators group them in, and the earlier contents of tasks that were scored."""

from __future__ import annotations

import secrets
from threading import local
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.sql import Query

from apps.core import ids
from apps.core.fields import TimestampMixin


class TaskSource(models.TextChoices):
    """Which split of its dataset a task belongs to."""

    TRAINING = "training"
    EVALUATION = "evaluation"
    TEST = "test"


class Difficulty(models.TextChoices):
    """A curator's judgement."""

    EASY = "easy"
    MEDIUM = "medium"
    HARD = "hard"
    UNKNOWN = "unknown"


class TaskFamily(models.Model):
    """Tasks that ask for the same kind of thinking."""

    family_id = models.CharField(primary_key=True, max_length=40, default=ids.new_family_id, editable=False)
    family_name = models.CharField(max_length=200, unique=True)
    description = models.TextField(blank=True, default="")
    common_patterns = models.JSONField(default=list, blank=True)
    avg_difficulty = models.FloatField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "task_families"
        verbose_name_plural = "task families"

    def __str__(self) -> str:
        return self.family_name


def new_number() -> int:
    """What the rows of one import carry; never given twice, also when imports are long forgotten."""
    return secrets.randbits(62)


class ShownTasks(models.Manager["ArcTask"]):
    """Tasks but those of imports that are still being written."""

    def get_queryset(self) -> models.QuerySet[ArcTask]:
        """Everything that may be seen."""
        found = super().get_queryset()
        found.query = _shown().chain()
        return found


_built = local()


def _shown() -> Query:
    """The condition, put together once a thread: every page about tasks asks with it, several times."""
    if not hasattr(_built, "shown"):
        hidden = TaskImport.objects.filter(is_shown=False).values("number")
        _built.shown = models.QuerySet(ArcTask).exclude(arrival__in=hidden).query
    found: Query = _built.shown
    return found


class ArcTask(TimestampMixin):
    """One puzzle, in its current version.

    `task_id` is `<dataset>:<raw id>`. `tests` holds every test pair (`output` may be null); `test_input` and
    `test_output` are the first, as the schema has them. `content_hash` ignores the order of pairs, so that the
    same puzzle in two datasets finds itself; `pair_hashes` does not, and knows single pairs. The small columns from
    `train_count` to `has_truths` repeat the content for lists, which never read grids. Triggers refuse grids outside
    1..30 by 1..30 of 0..9. `arrival` is the number of the import that made the row; `everything` also finds what an
    import has not shown yet.
    """

    task_id = models.CharField(primary_key=True, max_length=240)
    raw_id = models.CharField(max_length=200)
    dataset = models.CharField(max_length=32)
    dataset_version = models.CharField(max_length=64, blank=True, default="")
    version = models.PositiveIntegerField(default=1)
    task_source = models.CharField(max_length=16, choices=TaskSource.choices, default=TaskSource.TRAINING)
    difficulty_level = models.CharField(max_length=8, choices=Difficulty.choices, default=Difficulty.UNKNOWN)
    train_examples = models.JSONField()
    tests = models.JSONField()
    test_input = models.JSONField()
    test_output = models.JSONField(null=True, blank=True)
    content_hash = models.CharField(max_length=64)
    pair_hashes = models.JSONField(default=dict, editable=False)
    train_count = models.PositiveSmallIntegerField(default=0, editable=False)
    test_count = models.PositiveSmallIntegerField(default=0, editable=False)
    max_side = models.PositiveSmallIntegerField(default=0, editable=False)
    colour_count = models.PositiveSmallIntegerField(default=0, editable=False)
    same_size = models.BooleanField(default=False, editable=False)
    has_truths = models.BooleanField(default=False, editable=False)
    family = models.ForeignKey(TaskFamily, null=True, blank=True, on_delete=models.SET_NULL, related_name="tasks")
    metadata = models.JSONField(default=dict, blank=True, db_column="metadata_json")
    arrival = models.BigIntegerField(null=True, blank=True, editable=False)

    objects = ShownTasks()
    everything = models.Manager()

    class Meta:
        db_table = "arc_tasks"
        ordering = ["task_id"]
        constraints = [
            models.CheckConstraint(condition=Q(task_source__in=TaskSource.values), name="tasks_arctask_source_known"),
            models.CheckConstraint(
                condition=Q(difficulty_level__in=Difficulty.values), name="tasks_arctask_difficulty_known"
            ),
            models.UniqueConstraint(fields=["dataset", "raw_id"], name="tasks_arctask_raw_id_once"),
        ]
        indexes = [
            models.Index(fields=["dataset", "task_source", "task_id", "arrival"], name="tasks_arctask_split"),
            models.Index(fields=["content_hash", "dataset", "task_source", "arrival"], name="tasks_arctask_content"),
            models.Index(fields=["raw_id"], name="tasks_arctask_raw"),
            # Covers the gallery's filters: the row itself is kilobytes of grids, the index a few dozen bytes.
            models.Index(
                fields=[
                    "task_id",
                    "dataset",
                    "task_source",
                    "difficulty_level",
                    "family",
                    "max_side",
                    "colour_count",
                    "same_size",
                    "train_count",
                    "test_count",
                    "arrival",
                ],
                name="tasks_arctask_gallery",
            ),
        ]

    def __str__(self) -> str:
        return self.task_id

    @property
    def truths(self) -> list[Any]:
        """The test outputs in order, null where unknown."""
        return [test["output"] for test in self.tests]


class ArcTaskVersion(models.Model):
    """What a task was before a change made after it had been scored."""

    task = models.ForeignKey(ArcTask, on_delete=models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    train_examples = models.JSONField()
    tests = models.JSONField()
    content_hash = models.CharField(max_length=64)
    replaced_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["task", "version"], name="tasks_version_once")]

    def __str__(self) -> str:
        return f"{self.task_id} v{self.version}"


class ImportState(models.TextChoices):
    """The life of an import."""

    READING = "reading"
    READY = "ready"
    WRITING = "writing"
    DONE = "done"
    FAILED = "failed"


class TaskImport(models.Model):
    """An upload on its way in: read by a job or at once, looked at by its owner, then written in small transactions.

    What was read lies in a folder of the storage named by its id. Rows it makes carry its `number` in `arrival` and are
    hidden until `is_shown`: so thousands of tasks, written in hundreds of transactions, appear in one moment.
    """

    import_id = models.CharField(primary_key=True, max_length=40, default=ids.new_import_id, editable=False)
    number = models.BigIntegerField(unique=True, default=new_number, editable=False)
    owner = models.ForeignKey("core.User", null=True, on_delete=models.SET_NULL, related_name="task_imports")
    dataset = models.CharField(max_length=32)
    dataset_version = models.CharField(max_length=64, blank=True, default="")
    task_source = models.CharField(max_length=16, choices=TaskSource.choices, blank=True, default="")
    sets = models.JSONField(default=list)
    choices = models.JSONField(default=dict)
    at_once = models.BooleanField(default=False)
    skip_invalid = models.BooleanField(default=False)
    state = models.CharField(max_length=8, choices=ImportState.choices, default=ImportState.READING)
    is_shown = models.BooleanField(default=False)
    job = models.ForeignKey("core.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    writer = models.CharField(max_length=80, blank=True, default="")
    total = models.PositiveIntegerField(default=0)
    written = models.PositiveIntegerField(default=0)
    report = models.JSONField(default=dict)
    error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ImportState.values), name="tasks_import_state_known"),
            models.CheckConstraint(
                condition=Q(task_source="") | Q(task_source__in=TaskSource.values), name="tasks_import_source_known"
            ),
            models.CheckConstraint(
                condition=~Q(state=ImportState.DONE) | Q(is_shown=True, finished_at__isnull=False),
                name="tasks_import_done_means_shown",
            ),
        ]
        indexes = [
            models.Index(fields=["created_at"], name="tasks_import_age"),
            models.Index(fields=["number"], condition=Q(is_shown=False), name="tasks_import_hidden"),
        ]

    def __str__(self) -> str:
        return f"Import into {self.dataset}"
