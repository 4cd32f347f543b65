"""JSON API: summaries, breakdowns and timelines of the ledger, in the shapes of the specification."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Query, Schema
from pydantic import Field

from apps.carbon.api.router import router
from apps.carbon.engine.budgets import Unit
from apps.carbon.engine.emissions import EQUIVALENTS
from apps.carbon.engine.energy import JOULES_PER_KWH
from apps.carbon.engine.places import atlas
from apps.carbon.models import Category
from apps.carbon.queries import forecast_of, rates_now, reports
from apps.carbon.queries.sums import Sums
from apps.core.errors import Invalid
from apps.core.jobs import kinds


class TimeQuery(Schema):
    """Which time: a named one that ends now, or from `since` until `until`. Whole hours."""

    period: Literal["day", "week", "month", "year", "all"] = "month"
    since: datetime | None = None
    until: datetime | None = None

    def asked(self) -> reports.Time:
        """The period."""
        return reports.time_asked(self.period, self.since, self.until)


class SumsOut(Schema):
    """What some executions used together. Joules are the devices'; kWh and emissions include the building's overhead."""

    executions: int
    core_seconds: float
    wall_seconds: float
    tokens: int
    dollars: float
    energy_joules: float
    energy_joules_uncertainty: float
    energy_kwh: float
    emissions_kg: float
    executions_without_emissions: int = Field(description="Of these no emissions are known: they are not in the sum.")


class CarbonByModel(Schema):
    """Carbon emissions by model"""

    model_id: str
    model_name: str
    emissions_kg: float = Field(ge=0)
    percentage: float = Field(ge=0, le=100)


class Equivalent(Schema):
    """An everyday measure, and who says so."""

    key: str
    words: str
    amount: float
    source: str


class CarbonSummary(Schema):
    """Carbon metrics summary"""

    total_emissions_kg: float = Field(ge=0)
    training_emissions_kg: float = Field(ge=0)
    inference_emissions_kg: float = Field(ge=0)
    total_energy_kwh: float = Field(ge=0)
    num_training_jobs: int = Field(ge=0)
    num_inference_requests: int = Field(ge=0)
    period: dict[str, Any]
    by_model: list[CarbonByModel]
    totals: SumsOut
    by_category: dict[str, SumsOut]
    equivalents: list[Equivalent]


class PartOut(SumsOut):
    """A line of a breakdown; `percentage` is of the energy of all."""

    key: str
    title: str
    percentage: float


class BreakdownOut(Schema):
    """A breakdown, the most energy first."""

    by: str
    period: dict[str, Any]
    items: list[PartOut]


class CarbonTimepoint(Schema):
    """Carbon measurement at timepoint"""

    timestamp: datetime
    emissions_kg: float = Field(ge=0)
    power_w: float = Field(ge=0)


class HourOut(CarbonTimepoint):
    """A stretch of a timeline, from `timestamp` on, with its parts."""

    seconds: float
    cpu_joules: float
    gpu_joules: float
    ram_joules: float
    dollars: float


class TimelineOut(Schema):
    """Energy over time."""

    period: dict[str, Any]
    points: list[HourOut]


class CarbonBreakdown(Schema):
    """Detailed carbon breakdown"""

    gpu_power_w: float = Field(ge=0)
    cpu_power_w: float = Field(ge=0)
    ram_power_w: float = Field(ge=0)
    gpu_energy_kwh: float = Field(ge=0)
    cpu_energy_kwh: float = Field(ge=0)
    ram_energy_kwh: float = Field(ge=0)


class JobCarbonDetails(Schema):
    """Job carbon details"""

    job_id: str
    total_emissions_kg: float = Field(ge=0)
    total_energy_kwh: float = Field(ge=0)
    duration_seconds: float = Field(ge=0)
    carbon_intensity: float = Field(ge=0)
    location: str
    breakdown: CarbonBreakdown
    timeline: list[CarbonTimepoint]
    method: str
    uncertainty: float
    unknown: dict[str, str] = Field(description="What could not be known, and why.")


class PlaceQuery(Schema):
    """Which places."""

    q: str = Field("", max_length=80, description="Part of a code or a name; none for all.")


class ForecastQuery(Schema):
    """The next of which kind, and what of it."""

    kind: str = Field(max_length=64)
    unit: Unit = Unit.DOLLARS
    strategy: str | None = Field(None, max_length=64)


class PlaceOut(Schema):
    """A country or region and its yearly average."""

    code: str
    name: str
    grams_per_kwh: float
    year: int | None
    source: str


class ForecastOut(Schema):
    """What the next execution will probably use; the interval holds it in `coverage` of cases. Null: too few to say."""

    kind: str
    strategy: str | None
    unit: str
    runs: int
    middle: float | None
    low: float | None
    high: float | None
    coverage: float | None


class PricesOut(Schema):
    """The prices that hold now, in dollars, and their version; 0 is what the settings say."""

    version: int
    prices: dict[str, Any]


def sums_out(sums: Sums) -> dict[str, Any]:
    """Sums as programs read them."""
    return {
        "executions": sums.executions,
        "core_seconds": sums.core_seconds,
        "wall_seconds": sums.wall_seconds,
        "tokens": sums.tokens,
        "dollars": sums.dollars,
        "energy_joules": sums.joules,
        "energy_joules_uncertainty": sums.doubt_joules,
        "energy_kwh": sums.kwh,
        "emissions_kg": sums.kilograms,
        "executions_without_emissions": sums.without_grams,
    }


@router.get("/summary", response=CarbonSummary, summary="Totals of a period, and where they went")
def get_summary(request: HttpRequest, time: Query[TimeQuery]) -> Any:
    """Training against inference against solving, evolution and agents; by model; in everyday measures."""
    found = reports.summary(time.asked())
    grams = found.total.grams
    return {
        "total_emissions_kg": found.total.kilograms,
        "training_emissions_kg": found.of(Category.TRAINING).kilograms,
        "inference_emissions_kg": found.of(Category.INFERENCE).kilograms,
        "total_energy_kwh": found.total.kwh,
        "num_training_jobs": found.of(Category.TRAINING).jobs,
        "num_inference_requests": found.of(Category.INFERENCE).jobs,
        "period": found.time.as_json(),
        "by_model": [
            {
                "model_id": key,
                "model_name": key,
                "emissions_kg": sums.kilograms,
                "percentage": min(100.0, 100 * sums.grams / grams) if grams else 0.0,
            }
            for key, sums in found.by_model.items()
        ],
        "totals": sums_out(found.total),
        "by_category": {key: sums_out(sums) for key, sums in found.by_category.items()},
        "equivalents": [
            {"key": one.key, "words": one.words, "amount": one.amount(grams), "source": one.source}
            for one in EQUIVALENTS
        ],
    }


@router.get("/breakdown", response=BreakdownOut, summary="A period by category, strategy, experiment, user or model")
def get_breakdown(
    request: HttpRequest,
    time: Query[TimeQuery],
    by: Literal["category", "strategy", "experiment", "user", "model", "kind", "location"] = "category",
) -> Any:
    """The most energy first, a hundred at most."""
    asked = time.asked()
    parts = reports.breakdown(by, asked)
    items = [{"key": one.key, "title": one.title, "percentage": 100 * one.share, **sums_out(one.sums)} for one in parts]
    return {"by": by, "period": asked.as_json(), "items": items}


@router.get("/timeline", response=TimelineOut, summary="Energy and emissions over time")
def get_timeline(request: HttpRequest, time: Query[TimeQuery]) -> Any:
    """By the hour, or by as many hours as keep it below 400 points. An execution counts in the hour of its end."""
    asked = time.asked()
    points = [
        {
            "timestamp": one.at,
            "seconds": one.seconds,
            "emissions_kg": one.sums.kilograms,
            "power_w": one.watts,
            "cpu_joules": one.sums.cpu_joules,
            "gpu_joules": one.sums.gpu_joules,
            "ram_joules": one.sums.ram_joules,
            "dollars": one.sums.dollars,
        }
        for one in reports.timeline(asked)
    ]
    return {"period": asked.as_json(), "points": points}


@router.get("/jobs/{job_id}", response=JobCarbonDetails, summary="What a job used and emitted")
def get_job(request: HttpRequest, job_id: str) -> Any:
    """Over all its executions, each a point of the timeline at its end."""
    found = reports.job_report(job_id)
    seconds, last = found.seconds, found.rows[-1]
    parts = {kind: found.joules_of(kind) for kind in ("gpu", "cpu", "ram")}
    return {
        "job_id": found.job.pk,
        "total_emissions_kg": found.grams / 1000,
        "total_energy_kwh": found.kwh,
        "duration_seconds": seconds,
        "carbon_intensity": found.intensity,
        "location": last.location,
        "breakdown": {
            **{f"{kind}_power_w": joules / seconds if seconds else 0.0 for kind, joules in parts.items()},
            **{f"{kind}_energy_kwh": joules * last.pue / JOULES_PER_KWH for kind, joules in parts.items()},
        },
        "timeline": [
            {
                "timestamp": row.timestamp,
                "emissions_kg": (row.emissions_grams or 0.0) / 1000,
                "power_w": row.energy_joules / row.wall_seconds if row.wall_seconds else 0.0,
            }
            for row in found.rows
        ],
        "method": last.energy_method,
        "uncertainty": last.energy_uncertainty if last.energy_uncertainty is not None else 0.5,
        "unknown": last.unknown,
    }


@router.get("/places", response=list[PlaceOut], summary="Countries and regions, or those like a text")
def get_places(request: HttpRequest, asked: Query[PlaceQuery]) -> Any:
    """Yearly averages, in grams of CO2e a kWh."""
    return atlas().near(asked.q, limit=20) if asked.q.strip() else atlas().places()


@router.get("/prices", response=PricesOut, summary="The prices that hold now")
def get_prices(request: HttpRequest) -> Any:
    """Admins change them in the admin site; each figure keeps the version it was made with."""
    prices = rates_now().prices
    return {"version": prices.version, "prices": prices.as_json()}


@router.get("/forecast", response=ForecastOut, summary="What the next of a kind will probably use")
def get_forecast(request: HttpRequest, asked: Query[ForecastQuery]) -> Any:
    """From the last executions of that kind and strategy."""
    if kinds.find(asked.kind) is None:
        raise Invalid(f"There is no kind of job {asked.kind!r}; there are {', '.join(kinds.names())}.", field="kind")
    said = forecast_of(kind=asked.kind, strategy=asked.strategy, unit=asked.unit)
    return {"kind": asked.kind, "strategy": asked.strategy, "unit": asked.unit, **vars(said)}
