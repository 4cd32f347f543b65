"""Rows of the ledger as records for the forms of others, read in parts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import QuerySet

from apps.carbon.engine.energy import Kind, Method
from apps.carbon.engine.exports import Record
from apps.carbon.engine.places import UnknownPlace, atlas
from apps.carbon.models import Category, ResourceUsage
from apps.carbon.queries.reports import Time
from apps.core.jobs import kinds

STAGES = {Category.TRAINING: "finetuning", Category.INFERENCE: "inference"}
_PART = 1000


def rows_of(time: Time) -> QuerySet[ResourceUsage]:
    """The executions of a period, oldest first."""
    rows = ResourceUsage.objects.filter(timestamp__lte=time.until).order_by("usage_id")
    return rows.filter(timestamp__gte=time.since) if time.since is not None else rows


def records(rows: QuerySet[ResourceUsage]) -> Iterator[Record]:
    """One a row."""
    names: dict[str, str] = {}
    for row in rows.iterator(chunk_size=_PART):
        if row.location not in names:
            names[row.location] = _place_name(row.location)
        yield record(row, names[row.location])


def _place_name(code: str) -> str:
    try:
        return atlas().find(code).name
    except UnknownPlace:
        return code


def record(row: ResourceUsage, place_name: str) -> Record:
    """A row as others read it."""
    parts = {Kind.CPU: row.cpu_joules, Kind.GPU: row.gpu_joules, Kind.RAM: row.ram_joules}
    known = {kind: joules for kind, joules in parts.items() if joules is not None} or {Kind.CPU: row.energy_joules}
    known_method = row.energy_method in set(Method)
    return Record(
        key=f"{row.job_id or f'usage_{row.usage_id}'}.{row.attempt}",
        title=row.topic or kinds.title_of(row.kind) or "job",
        stage=STAGES.get(Category(row.category), row.category) if row.category else "solving",
        family="abstract reasoning",
        started=row.timestamp - timedelta(seconds=row.wall_seconds),
        seconds=row.wall_seconds,
        joules=known,
        grams_per_kwh=row.intensity_grams_per_kwh,
        grams=row.emissions_grams,
        place_code=row.location,
        place_name=place_name,
        pue=row.pue,
        method=Method(row.energy_method) if known_method else Method.CONSTANT,
        uncertainty=row.energy_uncertainty if row.energy_uncertainty is not None else 0.5,
        algorithm=row.strategy_type or row.kind,
        model=row.model_key,
        tokens=row.total_tokens,
    )
