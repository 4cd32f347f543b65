"""Writes to the ledger. Each runs inside the transaction of what it meters."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.db import transaction

from apps.carbon.attribution import attribute
from apps.carbon.engine.estimates import core_dollars, core_joules
from apps.carbon.models import ResourceUsage
from apps.core.jobs.kinds import AttemptEnd
from apps.core.system_events import system_event_record

ALERT_MESSAGE = "Task exceeded 70% of budget limit"


def usage_record(*, ended: Sequence[AttemptEnd]) -> list[ResourceUsage]:
    """Book executions of jobs, one row each in one statement, and raise the cost alert where one was dear."""
    rows = [_row(end) for end in ended]
    with transaction.atomic():
        ResourceUsage.objects.bulk_create(rows)
        for row in rows:
            cost_alert_check(row=row)
    return rows


def _row(end: AttemptEnd) -> ResourceUsage:
    where, usage = attribute(end.job), end.usage
    return ResourceUsage(
        task_id=where.task_id,
        strategy_type=where.strategy_type,
        job=end.job,
        attempt=end.number,
        cpu_seconds=usage.cpu_seconds,
        wall_seconds=usage.wall_seconds,
        memory_mb=usage.peak_memory_mb,
        gpu_memory_mb=usage.gpu_memory_mb,
        estimated_cost=core_dollars(usage.cpu_seconds, settings.CONFIG.dollars_per_core_hour),
        energy_joules=core_joules(usage.cpu_seconds, settings.CONFIG.watts_per_core),
        energy_method="estimated",
    )


def cost_alert_check(*, row: ResourceUsage) -> None:
    """One warning for each row dearer than the threshold (`TERRARIUM_COST_ALERT_DOLLARS`)."""
    if row.estimated_cost <= settings.CONFIG.cost_alert_dollars:
        return
    system_event_record(
        event_type="high_cost_alert",
        event_source="resource_monitor",
        severity="warning",
        message=ALERT_MESSAGE,
        context={
            "task_id": row.task_id,
            "cost": row.estimated_cost,
            "budget": settings.CONFIG.task_budget_dollars,
            "job_id": row.job_id,
            "strategy": row.strategy_type,
        },
    )


def on_attempts_ended(ended: Sequence[AttemptEnd]) -> None:
    """The ledger's hook at the end of executions."""
    usage_record(ended=ended)
