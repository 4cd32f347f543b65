"""What pages and programs ask of the ledger: periods, the summary, its breakdowns, a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.carbon.engine.energy import JOULES_PER_KWH
from apps.carbon.models import ResourceUsage
from apps.carbon.queries.sums import Sums, hour_of, ledger_by, ledger_by_hour, ledger_total
from apps.core.errors import Invalid, NotFound
from apps.core.jobs import kinds
from apps.core.models import Job, User

SPANS: Mapping[str, timedelta | None] = {
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "year": timedelta(days=365),
    "all": None,
}
POINTS = 400


@dataclass(frozen=True)
class Time:
    """A period of whole hours; without `since`, from the first row on."""

    name: str
    since: datetime | None
    until: datetime

    def as_json(self) -> dict[str, Any]:
        """The spec's `period`."""
        start = self.since.isoformat() if self.since else None
        return {"name": self.name, "start": start, "end": self.until.isoformat()}


def time_asked(name: str, since: datetime | None, until: datetime | None) -> Time:
    """A named period that ends now, or from one moment to another; `Invalid` where it is none."""
    now = datetime.now(UTC)
    if since is None and until is None:
        span = SPANS[name]
        return Time(name, hour_of(now - span) if span is not None else None, now)
    since, until = (_aware(moment) if moment else None for moment in (since, until))
    until = until or now
    if since is not None and since >= until:
        raise Invalid("The period ends before it begins: `since` comes before `until`.", field="since")
    return Time("custom", hour_of(since) if since else None, until)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Summary:
    """A period's totals and where they went."""

    time: Time
    total: Sums
    by_category: dict[str, Sums]
    by_model: dict[str, Sums]

    def of(self, category: str) -> Sums:
        """One category's."""
        return self.by_category.get(category, Sums())


def summary(time: Time) -> Summary:
    """The whole of a period."""
    since, until = time.since, time.until
    models = {key: sums for key, sums in ledger_by("model_key", since=since, until=until).items() if key}
    return Summary(
        time, ledger_total(since=since, until=until), ledger_by("category", since=since, until=until), models
    )


@dataclass(frozen=True)
class Part:
    """A line of a breakdown."""

    key: str
    title: str
    url: str
    sums: Sums
    share: float
    """Of the energy of all."""


BREAKDOWNS = {
    "category": "category",
    "strategy": "strategy",
    "experiment": "topic",
    "user": "owner_key",
    "model": "model_key",
    "kind": "kind",
    "location": "location",
}


def breakdown(by: str, time: Time, *, most: int = 100) -> list[Part]:
    """By one of `BREAKDOWNS`, the most energy first; what has no such thing is left out, but for the categories."""
    found = ledger_by(BREAKDOWNS[by], since=time.since, until=time.until)
    whole = sum(sums.joules for sums in found.values())
    kept = {key: sums for key, sums in found.items() if key}
    shown = dict(list(kept.items())[:most])
    titles = _titles(by, list(shown))
    return [
        Part(key, *titles.get(key, (key, "")), sums, sums.joules / whole if whole else 0.0)
        for key, sums in shown.items()
    ]


def _titles(by: str, keys: list[str]) -> dict[str, tuple[str, str]]:
    """What keys are called and where they are shown."""
    if by == "user":
        return {pk: (name, "") for pk, name in User.objects.filter(pk__in=keys).values_list("pk", "username")}
    if by == "kind":
        return {key: (kinds.title_of(key), "") for key in keys}
    if by == "experiment":
        asked = [(kind, key) for kind in kinds.names() for key in keys]
        return {key: (one.title or key, one.url) for key, one in kinds.groups(asked).items()}
    return {}


@dataclass(frozen=True)
class Point:
    """An hour, or some, of a timeline."""

    at: datetime
    seconds: float
    sums: Sums

    @property
    def watts(self) -> float:
        """The mean power of the devices over that time."""
        return self.sums.joules / self.seconds


def timeline(time: Time) -> list[Point]:
    """Energy over time, the hours without work as zeros of work; so many hours a point that it stays readable."""
    hours = ledger_by_hour(since=time.since or datetime(1970, 1, 1, tzinfo=UTC), until=time.until)
    if not hours:
        return []
    first, last = time.since or min(hours), hour_of(time.until)
    count = int((last - first).total_seconds() // 3600) + 1
    step = next(step for step in (1, 2, 3, 6, 12, 24, 24 * 7, 24 * 30, 24 * 365, count) if count / step <= POINTS)
    points: list[Point] = []
    for number in range(0, count, step):
        at = first + timedelta(hours=number)
        own = [hours[hour] for n in range(step) if (hour := at + timedelta(hours=n)) in hours]
        points.append(Point(at, 3600.0 * step, add(own)))
    return points


def add(sums: list[Sums]) -> Sums:
    """Together."""
    return Sums(**{name: sum(getattr(one, name) for one in sums) for name in Sums.__dataclass_fields__})


@dataclass(frozen=True)
class JobReport:
    """What all executions of a job used."""

    job: Job
    rows: list[ResourceUsage] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Running time."""
        return sum(row.wall_seconds for row in self.rows)

    @property
    def site_joules(self) -> float:
        """With the building's overhead."""
        return sum(row.energy_joules * row.pue for row in self.rows)

    @property
    def kwh(self) -> float:
        """With the building's overhead."""
        return self.site_joules / JOULES_PER_KWH

    @property
    def grams(self) -> float:
        """Emissions."""
        return sum(row.emissions_grams or 0.0 for row in self.rows)

    @property
    def intensity(self) -> float:
        """Grams a kWh, by energy; the last execution's where there was none."""
        return self.grams / self.kwh if self.kwh > 0 else (self.rows[-1].intensity_grams_per_kwh or 0.0)

    def joules_of(self, kind: str) -> float:
        """Of the processor, the accelerators or the memory; 0 where it has no part."""
        return sum(getattr(row, f"{kind}_joules") or 0.0 for row in self.rows)


def job_report(job_id: str) -> JobReport:
    """A job's, from its executions whose emissions are known."""
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        raise NotFound(f"There is no job {job_id[:60]!r}.")
    rows = ResourceUsage.objects.filter(job=job, emissions_grams__isnull=False).order_by("attempt")
    found = JobReport(job, list(rows))
    if not found.rows:
        raise NotFound(f"The ledger knows no emissions of job {job_id} yet: they are booked when an execution ends.")
    return found
