"""Writes to the ledger. Each runs inside the transaction of what it meters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from apps.carbon.engine.estimates import core_dollars, core_joules
from apps.carbon.models import ResourceUsage
from apps.core.jobs import kinds
from apps.core.jobs.kinds import AttemptEnd, Subject
from apps.core.sql import insert, json_value, now_value
from apps.core.system_events import system_event_record

ALERT_MESSAGE = "Task exceeded 70% of budget limit"


class Entry(NamedTuple):
    """A row of the ledger to be: the columns of `ResourceUsage` that differ between executions."""

    task_id: str | None
    strategy_type: str | None
    job_id: str
    attempt: int
    cpu_seconds: float
    wall_seconds: float
    memory_mb: float
    gpu_memory_mb: float | None
    total_tokens: int
    api_calls_json: str
    estimated_cost: float
    energy_joules: float


def usage_record(*, ended: Sequence[AttemptEnd]) -> list[Entry]:
    """Book executions of jobs, one row each in one statement, and raise the cost alert where one was dear."""
    about = kinds.subjects(end.job for end in ended)
    entries = [_entry(end, about[end.job.pk]) for end in ended]
    values = [json_value() if name == "api_calls_json" else "%s" for name in Entry._fields]
    with transaction.atomic():
        insert(
            ResourceUsage._meta.db_table,
            (*Entry._fields, "energy_method", "timestamp"),
            entries,
            values=[*values, "'estimated'", now_value()],
        )
        for entry in entries:
            cost_alert_check(entry=entry)
    return entries


def _entry(end: AttemptEnd, about: Subject) -> Entry:
    usage = end.usage
    return Entry(
        task_id=about.task_id,
        strategy_type=about.strategy,
        job_id=end.job.pk,
        attempt=end.number,
        cpu_seconds=usage.cpu_seconds,
        wall_seconds=usage.wall_seconds,
        memory_mb=usage.peak_memory_mb,
        gpu_memory_mb=usage.gpu_memory_mb,
        total_tokens=usage.tokens,
        api_calls_json=json.dumps(dict(usage.calls)),
        estimated_cost=core_dollars(usage.cpu_seconds, settings.CONFIG.dollars_per_core_hour),
        energy_joules=core_joules(usage.cpu_seconds, settings.CONFIG.watts_per_core),
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
