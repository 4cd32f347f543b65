"""Pages of datasets."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from apps.core.access import page_role
from apps.training.lists import DATASETS
from apps.training.queries import datasets as queries


@page_role("viewer")
@require_GET
def home(_request: HttpRequest) -> HttpResponse:
    """Where the area begins."""
    return redirect("training:datasets")


@page_role("viewer")
@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """Every version of every dataset."""
    return DATASETS.respond(request, "training/datasets.html")


@page_role("viewer")
@require_GET
def one(request: HttpRequest, dataset_id: str) -> HttpResponse:
    """A dataset."""
    return render(request, "training/dataset.html", {"dataset": queries.dataset_get(dataset_id=dataset_id)})
