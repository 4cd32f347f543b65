"""Training in the Django admin: for looking things up. Pages and API change it, by their rules."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.core.admin import LookOnly
from apps.training.models import Dataset, TrainingCheckpoint, TrainingJob


@admin.register(Dataset)
class DatasetAdmin(LookOnly):
    """Datasets and their versions."""

    list_display = ["name", "version", "state", "origin", "format", "num_samples", "owner", "created_at", "page"]
    list_filter = ["state", "origin", "format", "shape"]
    list_select_related = ["owner"]
    search_fields = ["name", "dataset_id"]
    ordering = ["-created_at", "-dataset_id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dataset]:
        """Without what only its own page shows."""
        rows: QuerySet[Dataset] = super().get_queryset(request)
        return rows.defer("sample", "faults", "statistics")

    @admin.display(description="Page")
    def page(self, row: Dataset) -> SafeString:
        """Its own page."""
        return format_html('<a href="{}">open</a>', reverse("training:dataset", args=[row.pk]))


@admin.register(TrainingJob)
class TrainingJobAdmin(LookOnly):
    """Training runs."""

    list_display = ["name", "status", "method", "base_model", "dataset", "owner", "created_at"]
    list_filter = ["status", "method"]
    list_select_related = ["owner", "dataset"]
    search_fields = ["name", "training_id", "base_model"]
    ordering = ["-created_at", "-training_id"]


@admin.register(TrainingCheckpoint)
class TrainingCheckpointAdmin(LookOnly):
    """Their checkpoints."""

    list_display = ["training", "step", "loss", "eval_loss", "size_bytes", "created_at"]
    list_select_related = ["training"]
    search_fields = ["training__training_id", "training__name"]
    ordering = ["-created_at", "-pk"]
