"""JSON API: what jobs measure."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Path, Query, Router, Schema
from pydantic import Field

from apps.core import metrics
from apps.core.jobs.queries import job_get
from apps.core.metrics.reading import DEFAULT_POINTS, FEWEST_POINTS, MAX_POINTS
from apps.core.models import MetricSeries
from apps.core.models.metrics import MAX_KEY, MAX_STEP
from apps.core.pagination import Page, PageQuery, paginate

router = Router(tags=["jobs"])

JobId = Annotated[str, Path(max_length=40, description="Like job_06gz….")]
Nonfinite = Literal["nan", "inf", "-inf"]
Key = Annotated[str, Field(max_length=MAX_KEY)]
MAX_KEYS = 50


class MetricOut(Schema):
    """A metric of a job, with its latest value."""

    key: str
    first_step: int
    last_step: int
    value: float | None = Field(description="The latest; null when it is no number.")
    nonfinite: Nonfinite | None = Field(description="What it is instead.")
    at: datetime = Field(description="When it was measured.")


class MetricQuery(Schema):
    """Narrows the list; what is left out does not."""

    key: list[Key] = Field([], max_length=MAX_KEYS, description="Only these; may be repeated.")


class CurveOut(Schema):
    """A curve. `steps` and `values` go together; what is no number stands apart, so that nothing invents one."""

    key: str
    steps: list[int]
    values: list[float]
    times: list[datetime] | None = Field(description="When each value was measured, where asked for.")
    nonfinite: list[tuple[int, Nonfinite]] = Field(description="Steps whose value is no number, and what it is.")
    whole: bool = Field(
        description="Every point is here. Otherwise the first, the last, and the lowest and highest of each stretch."
    )


class CurveQuery(MetricQuery):
    """Which curves, which part of them, and how closely."""

    max_points: int = Field(DEFAULT_POINTS, ge=FEWEST_POINTS, le=MAX_POINTS, description="At most so many a curve.")
    after_step: int | None = Field(None, ge=-MAX_STEP, le=MAX_STEP, description="Only what lies after this step.")
    until_step: int | None = Field(None, ge=-MAX_STEP, le=MAX_STEP, description="Only what does not lie after it.")
    times: bool = Field(False, description="With the moment of each value.")


@router.get("/{job_id}/metrics", response=Page[MetricOut], summary="Metrics of a job")
def metrics_list(
    request: HttpRequest, job_id: JobId, query: Query[MetricQuery], paging: Query[PageQuery]
) -> dict[str, Any]:
    """Its names with their latest values, by name. The values of all steps are at `/metrics/curves`."""
    found = metrics.series_of([job_get(job_id).pk], query.key or None)
    return paginate(found, page=paging.page, page_size=paging.page_size, serialize=_metric)


@router.get("/{job_id}/metrics/curves", response=Page[CurveOut], summary="Curves of a job")
def metrics_curves(
    request: HttpRequest, job_id: JobId, query: Query[CurveQuery], paging: Query[PageQuery]
) -> dict[str, Any]:
    """A page of its curves, by name, each in at most `max_points`. Ask again with `after_step` for what is new."""
    names = metrics.series_of([job_get(job_id).pk], query.key or None)
    page = paginate(names, page=paging.page, page_size=paging.page_size, serialize=lambda series: series.key)
    found = metrics.curves(
        [job_id],
        page["items"],
        max_points=query.max_points,
        after_step=query.after_step,
        until_step=query.until_step,
        with_times=query.times,
    )
    return {**page, "items": [_curve(curve, times=query.times) for curve in found]}


def _metric(series: MetricSeries) -> dict[str, Any]:
    return {
        "key": series.key,
        "first_step": series.first_step,
        "last_step": series.last_step,
        "value": series.last_value,
        "nonfinite": series.last_nonfinite or None,
        "at": series.last_at,
    }


def _curve(curve: metrics.Curve, *, times: bool) -> dict[str, Any]:
    return {
        "key": curve.key,
        "steps": curve.steps,
        "values": curve.values,
        "times": curve.ats if times else None,
        "nonfinite": curve.nonfinite,
        "whole": curve.is_whole,
    }
