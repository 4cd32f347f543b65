"""JSON API: the ledger in the forms of others."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Query, Schema
from pydantic import Field

from apps.carbon.api.reports import TimeQuery
from apps.carbon.api.router import router
from apps.carbon.engine.exports import boamps, codecarbon_csv, sci_for_ai
from apps.carbon.models import ResourceUsage
from apps.carbon.queries.exporting import record, records, rows_of
from apps.carbon.queries.reports import job_report, time_asked
from apps.core.errors import Invalid
from apps.core.streaming import Download

MOST = 100_000
COLUMNS = (
    "usage_id", "timestamp", "job_id", "attempt", "kind", "category", "topic", "task_id", "strategy_type", "owner_id",
    "model_key", "cpu_seconds", "wall_seconds", "memory_mb", "gpu_memory_mb", "gpu_seconds", "total_tokens",
    "estimated_cost", "price_version", "energy_joules", "cpu_joules", "gpu_joules", "ram_joules", "energy_method",
    "energy_uncertainty", "pue", "emissions_grams", "intensity_grams_per_kwh", "intensity_source", "location",
)  # fmt: skip


class ExportQuery(TimeQuery):
    """What in which form: the ledger's rows, or codecarbon's `emissions.csv`."""

    format: Literal["csv", "codecarbon"] = "csv"


class SciQuery(TimeQuery):
    """Which functional unit, and how many; tokens are counted by the ledger."""

    unit: str = Field("execution", min_length=1, max_length=40)
    units: float | None = Field(None, ge=1e-9, le=1e18)
    boundary: Literal["provider", "consumer"] = "consumer"


class SciOut(Schema):
    """A score by SCI for AI: (O + M) / R."""

    specification: str
    boundary: str
    functional_unit: str
    R: float
    O_gco2e: float
    M_gco2e: float | None
    E_kwh: float
    sci_gco2e_per_unit: float
    embodied_included: bool
    records: int
    records_without_emissions: int
    methods: list[str]


@router.get(
    "/export",
    summary="The ledger as CSV, its own or codecarbon's emissions.csv",
    openapi_extra={
        "responses": {200: {"description": "The rows.", "content": {"text/csv": {"schema": {"type": "string"}}}}}
    },
)
def get_export(request: HttpRequest, asked: Query[ExportQuery]) -> HttpResponseBase:
    """Row by row, of any length."""
    rows = rows_of(asked.asked())
    if asked.format == "codecarbon":
        lines = codecarbon_csv(records(rows), project="terrarium", codecarbon_version=_codecarbon())
        return Download(lines, name="emissions.csv", content_type="text/csv; charset=utf-8")
    return Download(_lines(rows), name="ledger.csv", content_type="text/csv; charset=utf-8")


def _lines(rows: Any) -> Iterator[str]:
    yield _line(COLUMNS)
    for values in rows.values_list(*COLUMNS).iterator(chunk_size=1000):
        yield _line(
            ["" if value is None else value.isoformat() if isinstance(value, datetime) else value for value in values]
        )


def _line(values: Any) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()


def _codecarbon() -> str:
    try:
        return version("codecarbon")
    except PackageNotFoundError:
        return ""


@router.get("/sci", response=SciOut, summary="A score by SCI for AI")
def get_sci(request: HttpRequest, asked: Query[SciQuery]) -> Any:
    """Grams of CO2e a functional unit: executions or tokens as counted, or as many `units` as you say."""
    rows = rows_of(time_asked(asked.period, asked.since, asked.until))
    if rows.count() > MOST:
        raise Invalid(f"More than {MOST:,} executions: ask for a shorter period.", field="period")
    found = list(records(rows))
    counted = {"execution": float(len(found)), "token": float(sum(one.tokens or 0 for one in found))}
    units = asked.units if asked.units is not None else counted.get(asked.unit)
    if not units:
        raise Invalid(
            f"There are no {asked.unit}s in this period to divide by: say `units`, more than 0.", field="units"
        )
    return sci_for_ai(found, unit=asked.unit, units=units, boundary=asked.boundary)


@router.get("/jobs/{job_id}/boamps", summary="A job's report by BoAmps", response=dict[str, Any])
def get_boamps(request: HttpRequest, job_id: str) -> Any:
    """By the published schema of Boavizta; of its last execution."""
    row: ResourceUsage = job_report(job_id).rows[-1]
    return boamps(
        record(row, row.location),
        product="Terrarium",
        product_version=settings.VERSION,
        made=datetime.now(UTC),
        report_id=str(uuid4()),
    )
