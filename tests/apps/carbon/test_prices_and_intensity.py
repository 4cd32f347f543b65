"""Prices are lists with versions, intensity comes from a place or its curve, and each figure keeps what it was made with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, transaction
from django.test import Client

from apps.carbon import services, wiring
from apps.carbon.engine.places import Atlas, Place
from apps.carbon.models import IntensityCurve, IntensityHour, PriceList, ResourceUsage
from apps.carbon.queries import budgets_forget, rates, rates_forget
from apps.core.errors import Conflict, Forbidden, Invalid
from apps.core.jobs.kinds import AttemptEnd
from apps.core.jobs.reports import Usage
from apps.core.models import Job, User

pytestmark = pytest.mark.django_db
ATLAS = Atlas(
    [
        Place("FRA", "France", 50.0, 2023, "test"),
        Place("DEU", "Germany", 400.0, 2023, "test"),
        Place("WORLD", "World", 475.0, None, "test"),
    ]
)


@pytest.fixture(autouse=True)
def _atlas(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (rates, wiring, services.intensity):
        monkeypatch.setattr(module, "atlas", lambda: ATLAS)


def booked(usage: Usage | None = None) -> ResourceUsage:
    job = Job.objects.create(kind="solve", topic="run_1")
    services.on_attempts_ended([AttemptEnd(job, 1, usage or Usage(cpu_seconds=3600.0, wall_seconds=60.0), "completed")])
    return ResourceUsage.objects.get(job=job)


def test_figures_keep_the_prices_they_were_made_with(admin: User, django_capture_on_commit_callbacks: Any) -> None:
    first = booked()
    with django_capture_on_commit_callbacks(execute=True):
        services.prices_add(prices={"core_hour": 2.0, "calls": {"search": 0.5}}, note="cloud", by=admin)
    second = booked(Usage(cpu_seconds=3600.0, calls={"search": 3}))
    assert [first.estimated_cost, second.estimated_cost] == pytest.approx([0.05, 3.5])
    assert [first.price_version, second.price_version] == [0, 1]
    assert ResourceUsage.objects.get(pk=first.pk).estimated_cost == pytest.approx(0.05)


def test_only_admins_change_prices(researcher: User) -> None:
    with pytest.raises(Forbidden):
        services.prices_add(prices={"core_hour": 0}, by=researcher)


def test_prices_that_cannot_be_used_name_the_field(admin: User) -> None:
    with pytest.raises(Invalid, match=r"gpu_hour.H100: a price is 0 or more"):
        services.prices_add(prices={"gpu_hour": {"H100": -1}}, by=admin)
    assert not PriceList.objects.exists()


def test_the_admin_site_adds_a_version_and_changes_none(admin: User) -> None:
    client = Client()
    client.force_login(admin)
    page = client.get("/admin/carbon/pricelist/add/").content.decode()
    assert "core_hour" in page, "what holds now stands in the form"
    for core_hour in ("1.5", "2.5"):
        client.post("/admin/carbon/pricelist/add/", {"prices": f'{{"core_hour": {core_hour}}}', "note": "dearer"})
    assert [row.prices["core_hour"] for row in PriceList.objects.order_by("version")] == [1.5, 2.5]
    refused = client.post("/admin/carbon/pricelist/add/", {"prices": '{"core_hour": "x"}'})
    assert "core_hour: write dollars as a number" in refused.content.decode()
    assert client.post("/admin/carbon/pricelist/1/change/", {"prices": "{}"}).status_code == 403
    assert client.post("/admin/carbon/pricelist/1/delete/", {"post": "yes"}).status_code == 403


def test_grams_come_from_the_place_and_the_building_once(set_config: Any) -> None:
    set_config(carbon_location="fra", carbon_pue=1.5, watts_per_core=10.0)
    row = booked()
    assert (row.location, row.intensity_grams_per_kwh, row.intensity_source) == ("FRA", 50.0, "average")
    assert row.energy_joules == 36_000.0, "the devices'"
    assert row.emissions_grams == pytest.approx(0.01 * 1.5 * 50.0)


def test_a_curve_overrides_the_average_of_its_place(admin: User, set_config: Any) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    lines = "".join(f"{(hour + timedelta(hours=n)).isoformat()},77\n" for n in range(4))
    services.curve_upload(location="FRA", name="measured", text=f"timestamp,grams_per_kwh\n{lines}", by=admin)
    set_config(carbon_location="FRA")
    row = booked()
    assert row.intensity_grams_per_kwh == pytest.approx(77.0)
    assert row.intensity_source == "curve"
    assert booked(Usage(wall_seconds=86_400.0)).intensity_source == "average", "the curve does not reach so far back"
    set_config(carbon_location="DEU")
    assert booked().intensity_grams_per_kwh == 400.0, "another place's curve says nothing"


CURVE = "timestamp,grams_per_kwh\n2026-03-01T00:00:00Z,100\n2026-03-01T01:00:00Z,120\n"


def test_a_curve_that_overlaps_another_is_refused_whole(admin: User) -> None:
    services.curve_upload(location="FRA", name="a", text=CURVE, by=admin)
    later = CURVE.replace("T01", "T02").replace("T00", "T01")
    with pytest.raises(Conflict, match="a curve of FRA for some of these hours already"):
        services.curve_upload(location="FRA", name="b", text=later, by=admin)
    services.curve_upload(location="DEU", name="b", text=later, by=admin)
    assert (IntensityCurve.objects.count(), IntensityHour.objects.count()) == (2, 4)
    services.curve_delete(curve=IntensityCurve.objects.get(location="FRA"), by=admin)
    services.curve_upload(location="FRA", name="b", text=later, by=admin)


def test_a_faulty_curve_is_refused_with_its_lines_and_leaves_nothing(admin: User) -> None:
    with pytest.raises(Invalid) as refused:
        services.curve_upload(location="FRA", name="a", text=CURVE + "2026-03-01T05:00:00Z,-1\n", by=admin)
    assert refused.value.details is not None
    assert refused.value.details["errors"][0]["field"] == "file"
    assert "line 4" in refused.value.message
    assert not IntensityCurve.objects.exists()


def test_a_place_that_is_unknown_is_refused_with_the_near_ones(admin: User) -> None:
    with pytest.raises(Invalid, match=r"Did you mean FRA \(France\)"):
        services.curve_upload(location="FR", name="a", text=CURVE, by=admin)


def test_the_database_takes_no_hour_twice_and_no_impossible_value(admin: User) -> None:
    curve = services.curve_upload(location="FRA", name="a", text=CURVE, by=admin)
    for hour, grams in (("2026-03-01T00:00:00Z", 1.0), ("2026-03-05T00:00:00Z", -1.0)):
        with pytest.raises(IntegrityError), transaction.atomic():
            IntensityHour.objects.create(curve=curve, location="FRA", hour=hour, grams_per_kwh=grams)


def test_an_unknown_place_stops_the_start(set_config: Any) -> None:
    set_config(carbon_location="FRAN")
    with pytest.raises(ImproperlyConfigured, match=r"TERRARIUM_CARBON_LOCATION: .*Did you mean FRA"):
        wiring.check_place()
    set_config(carbon_location="deu")
    wiring.check_place()


def test_what_could_not_be_known_is_null_and_says_why() -> None:
    row = booked()
    assert (row.gpu_memory_mb, row.gpu_seconds) == (None, None)
    assert row.unknown["gpu_memory_mb"] == "no accelerator was assigned"
    held = booked(Usage(cpu_seconds=1.0, wall_seconds=30.0, gpu_memory_mb=900.0, tokens=5))
    assert (held.gpu_seconds, held.unknown) == (30.0, {})


def test_prices_are_looked_up_once_for_many_executions(django_assert_num_queries: Any) -> None:
    jobs = [Job.objects.create(kind="solve") for _ in range(4)]
    rates_forget()
    budgets_forget()
    with django_assert_num_queries(6):  # prices, curve, budgets, and the insert within its savepoint
        services.on_attempts_ended([AttemptEnd(job, 1, Usage(), "completed") for job in jobs[:2]])
    with django_assert_num_queries(3):
        services.on_attempts_ended([AttemptEnd(job, 1, Usage(), "completed") for job in jobs[2:]])
