"""Datasets: one row a version, never changed once it is ready."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.core import ids
from apps.core.fields import TimestampMixin


class DatasetFormat(models.TextChoices):
    """What a file may be written in."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    PARQUET = "parquet"


class DatasetOrigin(models.TextChoices):
    """Where the examples come from."""

    UPLOAD = "upload", "Upload"
    TASKS = "tasks", "ARC tasks"
    ANSWERS = "answers", "Answers of experiments"
    SPLIT = "split", "Part of another"


class DatasetShape(models.TextChoices):
    """What an example is."""

    INSTRUCTION = "instruction", "Instruction, input, output"
    CHAT = "chat", "Chat"


class DatasetState(models.TextChoices):
    """The life of a dataset: its beginning is looked at, its columns are chosen, all of it is read, and it is ready."""

    LOOKING = "looking", "being looked at"
    MAPPING = "mapping", "columns to choose"
    READING = "reading", "being read"
    READY = "ready"
    FAILED = "failed", "not usable"


class Dataset(TimestampMixin):
    """One version of a dataset.

    `source` is what was sent, as it came; `examples` is what is trained on: a line of JSON an example, all of one
    shape, with the places of every hundredth line in `places`. The SHA-256 of `examples` is what makes a version: the
    same content under the same name is the same version. `recipe` says how it was made (the columns, or the selection
    and its seed), `parent` from which. What was found wrong stands in `faults`, the first of `fault_count`.
    """

    dataset_id = models.CharField(primary_key=True, max_length=40, default=ids.new_dataset_id, editable=False)
    name = models.CharField(max_length=200)
    version = models.PositiveIntegerField(default=1)
    description = models.TextField(blank=True, default="")
    origin = models.CharField(max_length=8, choices=DatasetOrigin.choices, default=DatasetOrigin.UPLOAD)
    format = models.CharField(max_length=8, choices=DatasetFormat.choices, default=DatasetFormat.JSONL)
    shape = models.CharField(max_length=12, choices=DatasetShape.choices, blank=True, default="")
    state = models.CharField(max_length=8, choices=DatasetState.choices, default=DatasetState.LOOKING)
    owner = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="datasets")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children")
    source = models.ForeignKey("core.Artefact", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    examples = models.ForeignKey("core.Artefact", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    places = models.ForeignKey("core.Artefact", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    file_name = models.CharField(max_length=255, blank=True, default="")
    size_bytes = models.BigIntegerField(default=0)
    num_samples = models.BigIntegerField(default=0)
    columns = models.JSONField(default=list, blank=True)
    sample = models.JSONField(default=list, blank=True)
    recipe = models.JSONField(default=dict, blank=True)
    statistics = models.JSONField(default=dict, blank=True)
    tokenizer = models.CharField(max_length=200, blank=True, default="")
    faults = models.JSONField(default=list, blank=True)
    fault_count = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")
    job = models.ForeignKey("core.Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "datasets"
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="training_dataset_version_once"),
            models.UniqueConstraint(
                fields=["name", "examples"],
                condition=Q(examples__isnull=False),
                name="training_dataset_content_once",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="training_dataset_named"),
            models.CheckConstraint(condition=Q(version__gte=1), name="training_dataset_version_range"),
            models.CheckConstraint(condition=Q(format__in=DatasetFormat.values), name="training_dataset_format_known"),
            models.CheckConstraint(condition=Q(origin__in=DatasetOrigin.values), name="training_dataset_origin_known"),
            models.CheckConstraint(
                condition=Q(shape="") | Q(shape__in=DatasetShape.values), name="training_dataset_shape_known"
            ),
            models.CheckConstraint(condition=Q(state__in=DatasetState.values), name="training_dataset_state_known"),
            models.CheckConstraint(
                condition=Q(size_bytes__gte=0, num_samples__gte=0), name="training_dataset_size_range"
            ),
            models.CheckConstraint(
                condition=Q(
                    state=DatasetState.READY, examples__isnull=False, num_samples__gte=1, finished_at__isnull=False
                )
                & ~Q(shape="")
                | (~Q(state=DatasetState.READY) & Q(examples__isnull=True)),
                name="training_dataset_ready_means_whole",
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-dataset_id"], name="training_dataset_newest"),
            models.Index(fields=["state", "-created_at"], name="training_dataset_state"),
            models.Index(fields=["-num_samples", "-dataset_id"], name="training_dataset_samples"),
            models.Index(fields=["-size_bytes", "-dataset_id"], name="training_dataset_size"),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    @property
    def mark(self) -> str:
        """Its state as the shape of a badge."""
        shapes = {DatasetState.LOOKING: "queued", DatasetState.MAPPING: "paused", DatasetState.READING: "running"}
        return str(shapes.get(DatasetState(self.state), "done" if self.is_ready else "failed"))

    @property
    def is_ready(self) -> bool:
        """Whether it can be trained on."""
        return self.state == DatasetState.READY

    @property
    def content_hash(self) -> str:
        """The SHA-256 of its examples; nothing until they are there."""
        return self.examples_id or ""

    @property
    def path(self) -> str:
        """Where its file lies in the store of artefacts; a name of content, of no host."""
        sha256 = self.examples_id or self.source_id
        return f"artefacts/{sha256[:2]}/{sha256}" if sha256 else ""


class DatasetUpload(models.Model):
    """A file on its way in, piece by piece: `received` of `size` bytes lie in a file named by its id.

    A piece is taken only at the place where the last one ended, so that one sent twice is found out.
    """

    upload_id = models.CharField(primary_key=True, max_length=40, default=ids.new_upload_id, editable=False)
    owner = models.ForeignKey("core.User", on_delete=models.CASCADE, related_name="dataset_uploads")
    file_name = models.CharField(max_length=255)
    size = models.BigIntegerField()
    received = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(size__gte=1, received__gte=0, received__lte=models.F("size")),
                name="training_upload_within_size",
            ),
        ]
        indexes = [models.Index(fields=["touched_at"], name="training_upload_age")]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.received} of {self.size} bytes)"
