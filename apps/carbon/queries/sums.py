"""Sums of the ledger: from the hours kept and what is not folded into them yet, in one statement, so that every execution is
counted once whenever one asks. Periods are whole hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from apps.carbon.engine.energy import JOULES_PER_KWH

DIMENSIONS = ("category", "kind", "strategy", "topic", "owner_key", "model_key", "location")


@dataclass(frozen=True)
class Sums:
    """What some executions used together. `without_grams` of them have no emissions known; `jobs` began in that time."""

    executions: int = 0
    jobs: int = 0
    core_seconds: float = 0.0
    wall_seconds: float = 0.0
    tokens: int = 0
    dollars: float = 0.0
    joules: float = 0.0
    cpu_joules: float = 0.0
    gpu_joules: float = 0.0
    ram_joules: float = 0.0
    site_joules: float = 0.0
    doubt_joules: float = 0.0
    grams: float = 0.0
    without_grams: int = 0

    @property
    def kwh(self) -> float:
        """Energy with the building's overhead."""
        return self.site_joules / JOULES_PER_KWH

    @property
    def kilograms(self) -> float:
        """Emissions."""
        return self.grams / 1000.0


MEASURES = tuple(field.name for field in fields(Sums))
COUNTED = frozenset({"executions", "jobs", "tokens", "without_grams"})
ROW_CATEGORY = "CASE WHEN category <> '' THEN category WHEN strategy_type IS NOT NULL THEN 'solving' ELSE 'other' END"
"""Rows of the version before have none."""
_OF_ROW = {
    "category": ROW_CATEGORY,
    "kind": "kind",
    "strategy": "COALESCE(strategy_type, '')",
    "topic": "topic",
    "owner_key": "COALESCE(owner_id, '')",
    "model_key": "model_key",
    "location": "location",
    "executions": "1",
    "jobs": "CASE WHEN attempt = 1 THEN 1 ELSE 0 END",
    "core_seconds": "cpu_seconds",
    "wall_seconds": "wall_seconds",
    "tokens": "COALESCE(total_tokens, 0)",
    "dollars": "estimated_cost",
    "joules": "energy_joules",
    "cpu_joules": "COALESCE(cpu_joules, 0)",
    "gpu_joules": "COALESCE(gpu_joules, 0)",
    "ram_joules": "COALESCE(ram_joules, 0)",
    "site_joules": "energy_joules * pue",
    "doubt_joules": "energy_joules * COALESCE(energy_uncertainty, 0.5)",
    "grams": "COALESCE(emissions_grams, 0)",
    "without_grams": "CASE WHEN emissions_grams IS NULL THEN 1 ELSE 0 END",
}


def hour_of(moment: datetime) -> datetime:
    """The hour that holds a moment."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def ledger_total(
    *, since: datetime | None = None, until: datetime | None = None, only: Mapping[str, str] | None = None
) -> Sums:
    """All together, of the whole hours from the one of `since` up to the one of `until`, that one included."""
    rows = _read((), since, until, only or {})
    return _sums(rows[0]) if rows else Sums()


def ledger_by(
    dimension: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    only: Mapping[str, str] | None = None,
) -> dict[str, Sums]:
    """By a dimension, largest energy first."""
    rows = _read((dimension,), since, until, only or {})
    return {
        str(row[0]): _sums(row[1:]) for row in sorted(rows, key=lambda row: -float(row[1 + MEASURES.index("joules")]))
    }


def ledger_by_hour(*, since: datetime, until: datetime, only: Mapping[str, str] | None = None) -> dict[datetime, Sums]:
    """By the hour, oldest first; hours without executions are left out."""
    rows = _read(("hour",), since, until, only or {})
    return {_moment(row[0]): _sums(row[1:]) for row in sorted(rows, key=lambda row: _moment(row[0]))}


def _sums(row: Sequence[Any]) -> Sums:
    # PostgreSQL sums whole numbers into decimals.
    values: dict[str, Any] = {}
    for name, value in zip(MEASURES, row, strict=True):
        values[name] = int(value or 0) if name in COUNTED else float(value or 0)
    return Sums(**values)


def _moment(value: Any) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _read(
    by: tuple[str, ...], since: datetime | None, until: datetime | None, only: Mapping[str, str]
) -> list[tuple[Any, ...]]:
    names = [*by, *MEASURES]
    of_row = _OF_ROW | {"hour": _hour_sql()}
    kept, loose, parameters = _conditions(since, until, only)
    sums = ", ".join(f"SUM({name})" for name in MEASURES)
    statement = f"""
        SELECT {"".join(f"{name}, " for name in by)}{sums} FROM (
            SELECT {", ".join(names)} FROM carbon_ledgerhour WHERE {kept}
            UNION ALL
            SELECT {", ".join(f"{of_row[name]} AS {name}" for name in names)} FROM resource_usage{_through()} WHERE NOT folded AND {loose}
        ) AS ledger{f" GROUP BY {', '.join(by)}" if by else ""}
    """  # noqa: S608 - names of ours
    with connection.cursor() as cursor:
        cursor.execute(statement, [*parameters, *parameters])
        return list(cursor.fetchall())


def _conditions(since: datetime | None, until: datetime | None, only: Mapping[str, str]) -> tuple[str, str, list[Any]]:
    kept, loose, parameters = ["1 = 1"], ["1 = 1"], []
    if since is not None:
        kept.append("hour >= %s")
        loose.append("timestamp >= %s")
        parameters.append(_stored(hour_of(since)))
    if until is not None:
        kept.append("hour < %s")
        loose.append("timestamp < %s")
        parameters.append(_stored(hour_of(until) + timedelta(hours=1)))
    for name in sorted(only):
        if name not in DIMENSIONS:
            raise ValueError(f"the ledger has no dimension {name!r}; it has {', '.join(DIMENSIONS)}")
        kept.append(f"{name} = %s")
        loose.append(f"{_OF_ROW[name]} = %s")
        parameters.append(only[name])
    return " AND ".join(kept), " AND ".join(loose), parameters


def _stored(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)


def _through() -> str:
    """SQLite would look for the period first, and read the whole ledger for a long one."""
    return " INDEXED BY carbon_usage_unfolded" if connection.vendor == "sqlite" else ""


def _hour_sql() -> str:
    if connection.vendor == "postgresql":
        return "DATE_TRUNC('hour', timestamp, 'UTC')"
    return "STRFTIME('%%Y-%%m-%%d %%H:00:00', timestamp)"
