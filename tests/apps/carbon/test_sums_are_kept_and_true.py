"""Reports read sums that are kept by the hour; they are those of the rows, whatever is folded yet and whoever folds."""

from __future__ import annotations

import random
import threading
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.db.models import Sum

from apps.carbon.models import CATEGORIES, LedgerHour, ResourceUsage
from apps.carbon.queries import Sums, ledger_by, ledger_by_hour, ledger_total
from apps.carbon.services import ledger_fold
from apps.core.jobs import upkeep

START = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
chance = random.Random(3)


def rows(count: int) -> list[ResourceUsage]:
    """Executions over some hours, of all sorts; some as the version before wrote them."""
    made = []
    for number in range(count):
        known = number % 5 > 0
        joules = chance.uniform(0, 1e5)
        made.append(
            ResourceUsage(
                strategy_type=chance.choice([None, "ttt", "evolution"]),
                kind=chance.choice(["", "solve"]),
                category=chance.choice(["", *CATEGORIES]),
                topic=chance.choice(["", "run_a"]),
                model_key=chance.choice(["", "tiny"]),
                cpu_seconds=chance.uniform(0, 100),
                wall_seconds=chance.uniform(0, 100),
                memory_mb=1.0,
                total_tokens=chance.choice([None, 7]),
                estimated_cost=chance.random(),
                energy_joules=joules,
                cpu_joules=joules if known else None,
                energy_method="constant" if known else "estimated",
                energy_uncertainty=0.5 if known else None,
                emissions_grams=joules / 1e4 if known else None,
                intensity_grams_per_kwh=360.0 if known else None,
                location="FRA" if known else "",
                pue=1.25,
                timestamp=START + timedelta(minutes=7 * number),
            )
        )
    return ResourceUsage.objects.bulk_create(made)


def close(one: Sums, other: Sums) -> bool:
    return asdict(one) == pytest.approx(asdict(other), rel=1e-9)


def scanned(**filters: Any) -> dict[str, float]:
    found = ResourceUsage.objects.filter(**filters).aggregate(
        core_seconds=Sum("cpu_seconds"),
        dollars=Sum("estimated_cost"),
        joules=Sum("energy_joules"),
        grams=Sum("emissions_grams"),
    )
    return {name: value or 0.0 for name, value in found.items()}


@pytest.mark.django_db
@pytest.mark.parametrize("folded", [0, 1, 70, 200])
def test_the_sums_are_those_of_a_scan_however_much_is_folded(folded: int) -> None:
    rows(200)
    if folded:
        ledger_fold(rows=folded, batches=1)
    assert ResourceUsage.objects.filter(folded=True).count() == folded
    total = asdict(ledger_total())
    assert {name: total[name] for name in scanned()} == pytest.approx(scanned(), rel=1e-9)
    assert (total["executions"], total["without_grams"]) == (200, 40)
    assert total["site_joules"] == pytest.approx(total["joules"] * 1.25)


@pytest.mark.django_db
def test_folding_changes_no_report() -> None:
    rows(120)
    since, until = START + timedelta(hours=2), START + timedelta(hours=9)

    def reports() -> list[dict[Any, Sums]]:
        found: list[dict[Any, Sums]] = [{"all": ledger_total(since=since, until=until, only={"category": "solving"})}]
        found += [
            dict(ledger_by(name, since=since, until=until)) for name in ("category", "strategy", "topic", "location")
        ]
        return [*found, dict(ledger_by_hour(since=since, until=until))]

    before = reports()
    assert ledger_fold(rows=50) == 120
    for one, other in zip(before, reports(), strict=True):
        assert one.keys() == other.keys()
        assert all(close(one[key], other[key]) for key in one)


@pytest.mark.django_db
def test_a_period_is_whole_hours_with_both_of_its_ends() -> None:
    rows(100)
    for fold in (False, True):
        if fold:
            ledger_fold()
        found = ledger_total(since=START + timedelta(hours=1), until=START + timedelta(hours=3))
        bounds = {"timestamp__gte": START.replace(hour=11, minute=0), "timestamp__lt": START.replace(hour=14, minute=0)}
        assert found.joules == pytest.approx(scanned(**bounds)["joules"])


@pytest.mark.django_db
def test_rows_of_the_version_before_count_as_what_they_were() -> None:
    old = {"cpu_seconds": 1.0, "memory_mb": 1.0, "estimated_cost": 0.1, "energy_joules": 8.0}
    ResourceUsage.objects.create(strategy_type="ttt", **old)
    ResourceUsage.objects.create(**old)
    for _ in range(2):
        assert {name: sums.executions for name, sums in ledger_by("category").items()} == {"solving": 1, "other": 1}
        ledger_fold()


@pytest.mark.django_db
def test_a_name_that_is_no_dimension_is_refused() -> None:
    with pytest.raises(ValueError, match="no dimension 'password'"):
        ledger_total(only={"password": "x"})


@pytest.mark.django_db
def test_nothing_is_a_sum_of_zeros() -> None:
    assert ledger_total() == Sums()
    assert ledger_by("strategy") == {}


@pytest.mark.django_db(transaction=True)
def test_many_who_fold_at_once_fold_each_row_once() -> None:
    rows(400)
    whole = ledger_total()
    faults: list[BaseException] = []

    def fold() -> None:
        try:
            while ledger_fold(rows=23, batches=3):
                pass
        except BaseException as error:
            faults.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=fold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert not ResourceUsage.objects.filter(folded=False).exists()
    assert close(ledger_total(), whole)


@pytest.mark.django_db
def test_workers_look_after_the_sums() -> None:
    rows(10)
    assert upkeep.look_after_all()["the sums of the ledger"] == 10
    assert LedgerHour.objects.exists()


@pytest.mark.django_db
def test_a_report_reads_no_row_that_is_folded() -> None:
    rows(200)
    ledger_fold()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE resource_usage SET energy_joules = 1e9 WHERE folded")
    assert ledger_total().joules < 1e9
