"""JSON API: the strategies there are, and how they did."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest
from ninja import Query, Schema
from pydantic import Field

from apps.core.pagination import Page, PageQuery, paginate
from apps.experiments import strategies
from apps.experiments.api.router import router
from apps.experiments.api.schemas import StrategyMetricOut, StrategyOut, metric_out
from apps.experiments.models import StrategyMetric


class MetricFilter(Schema):
    """Which metrics."""

    strategy_type: str = Field("", max_length=64)
    task_id: str = Field("", max_length=120)
    success: bool | None = None


@router.get("/strategies", tags=["strategies"], response=list[StrategyOut], summary="Strategies that can be run")
def list_strategies(request: HttpRequest) -> Any:
    """Each with the JSON schema of its config. By name."""
    return [asdict(info) for info in strategies.available()]


@router.get("/strategy-metrics", tags=["strategies"], response=Page[StrategyMetricOut], summary="How strategies did")
def list_metrics(request: HttpRequest, filters: Query[MetricFilter], paging: Query[PageQuery]) -> Any:
    """One row a scored solve, latest first."""
    found = StrategyMetric.objects.all()
    for column in ("strategy_type", "task_id"):
        value = getattr(filters, column)
        if value:
            found = found.filter(**{column: value})
    if filters.success is not None:
        found = found.filter(success=filters.success)
    ordered = found.order_by("-metric_id")
    return paginate(ordered, page=paging.page, page_size=paging.page_size, serialize=metric_out)
