"""Training in the Django admin: for looking things up. Pages and API change it, by their rules."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.core.admin import LookOnly
from apps.training.models import Dataset


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
