"""Folding rows of the ledger into its hours: each row once, whoever folds and however many at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from apps.carbon.models import Category, LedgerHour, ResourceUsage
from apps.carbon.queries.sums import DIMENSIONS, MEASURES, hour_of
from apps.core.sql import update_returning

ROWS = 2000
BATCHES = 25


def ledger_fold(*, rows: int = ROWS, batches: int = BATCHES) -> int:
    """Fold what is not yet; how many rows that were. What is left waits for the next call."""
    done = 0
    for _ in range(batches):
        folded = _fold(rows)
        done += folded
        if folded < rows:
            break
    return done


@transaction.atomic
def _fold(rows: int) -> int:
    # The condition stands twice: of two who fold at once, the second looks again at each row the first has taken.
    some = ResourceUsage.objects.filter(folded=False).order_by("usage_id").values("usage_id")[:rows]
    taken = update_returning(ResourceUsage.objects.filter(Q(folded=False), usage_id__in=some), folded=True)
    sums: dict[tuple[Any, ...], list[float]] = {}
    for row in taken:
        own = sums.setdefault(_key(row), [0] * len(MEASURES))
        for number, value in enumerate(_measures(row)):
            own[number] += value
    _add(sums.items())
    return len(taken)


def _key(row: ResourceUsage) -> tuple[Any, ...]:
    category = row.category or (Category.SOLVING if row.strategy_type is not None else Category.OTHER)
    owner, strategy = row.owner_id or "", row.strategy_type or ""
    return (hour_of(row.timestamp), str(category), row.kind, strategy, row.topic, owner, row.model_key, row.location)


def _measures(row: ResourceUsage) -> tuple[float, ...]:
    """In the order of `MEASURES`, as `queries.sums` reads them from a row."""
    joules, doubt = row.energy_joules, row.energy_uncertainty
    return (
        1,
        1 if row.attempt == 1 else 0,
        row.cpu_seconds,
        row.wall_seconds,
        row.total_tokens or 0,
        row.estimated_cost,
        joules,
        row.cpu_joules or 0.0,
        row.gpu_joules or 0.0,
        row.ram_joules or 0.0,
        joules * row.pue,
        joules * (0.5 if doubt is None else doubt),
        row.emissions_grams or 0.0,
        1 if row.emissions_grams is None else 0,
    )


def _add(sums: Iterable[tuple[tuple[Any, ...], list[float]]]) -> None:
    """Add to the hours; sorted, so that two who fold at once wait for each other and never in a circle."""
    table = LedgerHour._meta.db_table
    names = ("hour", *DIMENSIONS, *MEASURES)
    added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in MEASURES)
    rows = sorted(sums)
    with connection.cursor() as cursor:
        for start in range(0, len(rows), 40):
            part = [
                (connection.ops.adapt_datetimefield_value(key[0]), *key[1:], *own)
                for key, own in rows[start : start + 40]
            ]
            values = ", ".join([f"({', '.join(['%s'] * len(names))})"] * len(part))
            cursor.execute(
                f"INSERT INTO {table} ({', '.join(names)}) VALUES {values} "  # noqa: S608 - names of ours
                f"ON CONFLICT ({', '.join(names[: 1 + len(DIMENSIONS)])}) DO UPDATE SET {added}",
                [value for row in part for value in row],
            )
