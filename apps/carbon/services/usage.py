"""Booking what executions used. Runs inside the transaction of what it meters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from apps.carbon.categories import category_of
from apps.carbon.engine.budgets import Unit
from apps.carbon.engine.emissions import Energy
from apps.carbon.engine.energy import UNCERTAINTY, Method
from apps.carbon.engine.estimates import core_joules
from apps.carbon.engine.prices import Use, cost
from apps.carbon.models import ResourceUsage, Scope
from apps.carbon.queries.budgets import amount_of
from apps.carbon.queries.rates import Rates, rates_now
from apps.carbon.services.budgets import charge, windows_open
from apps.core.jobs import kinds
from apps.core.jobs.kinds import AttemptEnd, Subject
from apps.core.sql import insert, json_value, now_value
from apps.core.system_events import system_event_record

ALERT_MESSAGE = "Task exceeded 70% of budget limit"
_JSON = ("api_calls_json", "unknown")
NO_GPU = {"gpu_memory_mb": "no accelerator was assigned", "gpu_seconds": "no accelerator was assigned"}
NOT_TOLD = "the work did not tell of any"


class Entry(NamedTuple):
    """A row of the ledger to be: the columns of `ResourceUsage` that differ between executions."""

    task_id: str | None
    strategy_type: str | None
    job_id: str
    attempt: int
    kind: str
    category: str
    topic: str
    owner_id: str | None
    cpu_seconds: float
    wall_seconds: float
    memory_mb: float
    gpu_memory_mb: float | None
    gpu_seconds: float | None
    total_tokens: int
    api_calls_json: str
    estimated_cost: float
    price_version: int
    energy_joules: float
    cpu_joules: float
    energy_method: str
    energy_uncertainty: float
    emissions_grams: float
    intensity_grams_per_kwh: float
    intensity_source: str
    location: str
    pue: float
    unknown: str


def usage_record(*, ended: Sequence[AttemptEnd]) -> list[Entry]:
    """Book executions of jobs, one row each in one statement, and raise the cost alert where one was dear."""
    about = kinds.subjects(end.job for end in ended)
    rates, now = rates_now(), datetime.now(UTC)
    entries = [_entry(end, about[end.job.pk], rates, now) for end in ended]
    values = [json_value() if name in _JSON else "%s" for name in Entry._fields]
    with transaction.atomic():
        windows_open(wheres=[_where(entry) for entry in entries])
        insert(
            ResourceUsage._meta.db_table,
            (*Entry._fields, "timestamp"),
            entries,
            values=[*values, now_value()],
        )
        for entry in entries:
            cost_alert_check(entry=entry)
            charge(where=_where(entry), amounts=_amounts(entry))
    return entries


def _where(entry: Entry) -> dict[str, str]:
    """What an execution belongs to, by the scopes of budgets."""
    said = {
        Scope.USER: entry.owner_id,
        Scope.EXPERIMENT: entry.topic,
        Scope.JOB: entry.job_id,
        Scope.TASK: entry.task_id,
        Scope.STRATEGY: entry.strategy_type,
        Scope.CATEGORY: entry.category,
    }
    return {scope.value: key for scope, key in said.items() if key}


def _amounts(entry: Entry) -> dict[str, float]:
    """What it used, by the units of budgets."""
    return {
        unit.value: amount_of(
            unit,
            dollars=entry.estimated_cost,
            tokens=float(entry.total_tokens),
            site_joules=entry.energy_joules * entry.pue,
            grams=entry.emissions_grams,
            core_seconds=entry.cpu_seconds,
        )
        for unit in Unit
    }


def _entry(end: AttemptEnd, about: Subject, rates: Rates, now: datetime) -> Entry:
    """Energy is that of a constant draw a core until the sampler's figures are settled."""
    usage, job = end.usage, end.job
    joules = core_joules(usage.cpu_seconds, settings.CONFIG.watts_per_core)
    grams_per_kwh, source = rates.intensity(now - timedelta(seconds=usage.wall_seconds), now)
    # A device is held for as long as the execution lasts.
    gpu_seconds = usage.wall_seconds if usage.gpu_memory_mb is not None else None
    unknown = {} if gpu_seconds is not None else dict(NO_GPU)
    if not usage.tokens:
        unknown["total_tokens"] = NOT_TOLD
    used = Use(
        core_seconds=usage.cpu_seconds,
        wall_seconds=usage.wall_seconds,
        gpus={"*": gpu_seconds} if gpu_seconds is not None else {},
        completion_tokens=usage.tokens,
        calls=usage.calls,
    )
    return Entry(
        task_id=about.task_id,
        strategy_type=about.strategy,
        job_id=job.pk,
        attempt=end.number,
        kind=job.kind,
        category=category_of(job.kind),
        topic=job.topic,
        owner_id=job.owner_id,
        cpu_seconds=usage.cpu_seconds,
        wall_seconds=usage.wall_seconds,
        memory_mb=usage.peak_memory_mb,
        gpu_memory_mb=usage.gpu_memory_mb,
        gpu_seconds=gpu_seconds,
        total_tokens=usage.tokens,
        api_calls_json=json.dumps(dict(usage.calls)),
        estimated_cost=cost(used, rates.prices),
        price_version=rates.prices.version,
        energy_joules=joules,
        cpu_joules=joules,
        energy_method=Method.CONSTANT.value,
        energy_uncertainty=UNCERTAINTY[Method.CONSTANT],
        emissions_grams=Energy(joules, settings.CONFIG.carbon_pue).grams(grams_per_kwh),
        intensity_grams_per_kwh=grams_per_kwh,
        intensity_source=source,
        location=rates.place.code,
        pue=settings.CONFIG.carbon_pue,
        unknown=json.dumps(unknown),
    )


def cost_alert_check(*, entry: Entry) -> None:
    """One warning for each row dearer than the threshold (`TERRARIUM_COST_ALERT_DOLLARS`)."""
    if entry.estimated_cost <= settings.CONFIG.cost_alert_dollars:
        return
    system_event_record(
        event_type="high_cost_alert",
        event_source="resource_monitor",
        severity="warning",
        message=ALERT_MESSAGE,
        context={
            "task_id": entry.task_id,
            "cost": entry.estimated_cost,
            "budget": settings.CONFIG.task_budget_dollars,
            "job_id": entry.job_id,
            "strategy": entry.strategy_type,
        },
    )


def on_attempts_ended(ended: Sequence[AttemptEnd]) -> None:
    """The ledger's hook at the end of executions."""
    usage_record(ended=ended)
