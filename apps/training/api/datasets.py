"""JSON API: datasets."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query

from apps.core.pagination import Page, PageQuery, paginate
from apps.training import schemas
from apps.training.api.router import router
from apps.training.queries import datasets as queries


@router.get("/datasets", response=Page[schemas.DatasetOut], by_alias=True, summary="Datasets")
def list_datasets(request: HttpRequest, paging: Query[PageQuery]) -> Any:
    """Newest first."""
    return paginate(
        queries.datasets().order_by("-created_at", "-dataset_id"),
        page=paging.page,
        page_size=paging.page_size,
        serialize=schemas.DatasetOut.of,
    )


@router.get("/datasets/{dataset_id}", response=schemas.DatasetOut, by_alias=True, summary="A dataset")
def get_dataset(request: HttpRequest, dataset_id: str) -> Any:
    """One version."""
    return schemas.DatasetOut.of(queries.dataset_get(dataset_id=dataset_id))
