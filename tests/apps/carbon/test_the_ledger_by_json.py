"""The ledger by JSON: the specification's shapes, periods, budgets, exports; bad input is refused by field."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.carbon.models import Budget, ResourceUsage
from apps.carbon.services import ledger_fold, usage_record
from apps.core.jobs.kinds import AttemptEnd
from apps.core.jobs.reports import Usage
from apps.core.models import Job, User

pytestmark = pytest.mark.django_db
KWH = 3.6e6


@pytest.fixture
def client(researcher: User) -> Client:
    found = Client()
    found.force_login(researcher)
    return found


def usage(job: Job | None = None, **values: Any) -> ResourceUsage:
    known = {
        "cpu_seconds": 10.0, "wall_seconds": 5.0, "memory_mb": 1.0, "estimated_cost": 0.5, "energy_joules": KWH,
        "cpu_joules": KWH, "energy_method": "constant", "energy_uncertainty": 0.5, "emissions_grams": 200.0,
        "intensity_grams_per_kwh": 200.0, "location": "FRA", "category": "solving", "kind": "solve",
    }  # fmt: skip
    return ResourceUsage.objects.create(job=job, **known | values)


def get(client: Client, path: str, status: int = 200) -> Any:
    answer = client.get(f"/api/v1/carbon/{path}")
    assert answer.status_code == status, answer.content
    return answer.json()


def test_the_summary_has_the_shape_of_the_specification(client: Client) -> None:
    usage()
    usage(category="training", model_key="tiny", emissions_grams=600.0, attempt=1)
    usage(category="training", model_key="tiny", emissions_grams=0.0, attempt=2)
    usage(category="inference", model_key="other", emissions_grams=200.0, pue=1.5)
    for fold in (False, True):
        if fold:
            ledger_fold()
        found = get(client, "summary?period=day")
        assert found["total_emissions_kg"] == pytest.approx(1.0)
        assert found["training_emissions_kg"] == pytest.approx(0.6)
        assert found["inference_emissions_kg"] == pytest.approx(0.2)
        assert found["total_energy_kwh"] == pytest.approx(4.5)
        assert (found["num_training_jobs"], found["num_inference_requests"]) == (1, 1)
        assert [(one["model_id"], one["percentage"]) for one in found["by_model"]] == [
            ("tiny", pytest.approx(60.0)),
            ("other", pytest.approx(20.0)),
        ]
        assert found["period"]["name"] == "day"
        assert {one["key"] for one in found["equivalents"]} == {"car_km"}


def test_what_has_no_emissions_known_is_counted_and_said(client: Client) -> None:
    usage(emissions_grams=None, intensity_grams_per_kwh=None)
    found = get(client, "summary?period=day")
    assert (found["totals"]["executions_without_emissions"], found["total_emissions_kg"]) == (1, 0.0)


def test_an_empty_ledger_is_a_summary_of_nothing(client: Client) -> None:
    found = get(client, "summary?period=all")
    assert (found["total_emissions_kg"], found["by_model"], found["by_category"]) == (0.0, [], {})
    assert get(client, "timeline?period=all")["points"] == []


def test_a_period_leaves_out_what_lies_outside(client: Client) -> None:
    usage(timestamp=timezone.now() - timedelta(days=3))
    usage()
    assert get(client, "summary?period=day")["totals"]["executions"] == 1
    assert get(client, "summary?period=week")["totals"]["executions"] == 2


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("period=decade", "period"),
        ("since=2026-03-02T00:00:00Z&until=2026-03-01T00:00:00Z", "since"),
        ("since=yesterday", "since"),
    ],
)
def test_a_period_that_is_none_is_refused(client: Client, query: str, field: str) -> None:
    found = get(client, f"summary?{query}", 422)
    assert field in found["error"]["details"]["field"]


def test_a_breakdown_names_its_parts(client: Client, researcher: User) -> None:
    usage(strategy_type="ttt", owner=researcher, energy_joules=3 * KWH)
    usage(strategy_type="evolution")
    found = get(client, "breakdown?by=strategy&period=day")
    assert [(one["key"], one["percentage"]) for one in found["items"]] == [("ttt", 75.0), ("evolution", 25.0)]
    assert [one["title"] for one in get(client, "breakdown?by=user&period=day")["items"]] == ["rex"]


def test_a_timeline_adds_up_to_the_summary(client: Client) -> None:
    for hours in (1, 2, 30, 100):
        usage(timestamp=timezone.now() - timedelta(hours=hours))
    for period in ("day", "week", "month", "year", "all"):
        points = get(client, f"timeline?period={period}")["points"]
        total = get(client, f"summary?period={period}")["total_emissions_kg"]
        assert sum(one["emissions_kg"] for one in points) == pytest.approx(total)
        assert 0 < len(points) <= 400


def test_a_job_shows_all_its_executions(client: Client) -> None:
    job = Job.objects.create(kind="solve")
    usage(job, attempt=1, pue=1.2, wall_seconds=10.0)
    usage(job, attempt=2, pue=1.2, wall_seconds=30.0, gpu_joules=KWH, energy_joules=2 * KWH)
    found = get(client, f"jobs/{job.pk}")
    assert found["total_emissions_kg"] == pytest.approx(0.4)
    assert found["total_energy_kwh"] == pytest.approx(3.6)
    assert (found["duration_seconds"], found["location"], found["method"]) == (40.0, "FRA", "constant")
    assert found["breakdown"]["gpu_energy_kwh"] == pytest.approx(1.2)
    assert found["breakdown"]["cpu_power_w"] == pytest.approx(2 * KWH / 40)
    assert [point["power_w"] for point in found["timeline"]] == [pytest.approx(KWH / 10), pytest.approx(2 * KWH / 30)]


def test_a_job_without_emissions_is_not_a_job_of_zero(client: Client) -> None:
    job = Job.objects.create(kind="solve")
    assert "knows no emissions" in get(client, f"jobs/{job.pk}", 404)["error"]["message"]
    assert "no job" in get(client, "jobs/job_none", 404)["error"]["message"]


def test_a_report_by_boamps_of_a_job(client: Client) -> None:
    job = Job.objects.create(kind="solve")
    usage_record(ended=[AttemptEnd(job, 1, Usage(cpu_seconds=5.0, wall_seconds=2.0), "completed")])
    found = get(client, f"jobs/{job.pk}/boamps")
    assert found["task"]["dataset"][0]["dataUsage"] == "input"
    assert found["measures"][0]["powerConsumption"] == pytest.approx(40 / KWH)
    assert found["quality"] == "low"


def test_the_ledger_goes_out_as_csv_and_as_codecarbon_has_it(client: Client) -> None:
    usage(topic="run_1", location="FRA")
    for form, column in (("csv", "energy_joules"), ("codecarbon", "energy_consumed")):
        answer = client.get(f"/api/v1/carbon/export?period=day&format={form}")
        (row,) = csv.DictReader(io.StringIO(b"".join(answer).decode()))
        assert float(row[column]) == (KWH if form == "csv" else 1.0)


def test_a_score_is_grams_a_unit(client: Client) -> None:
    usage()
    usage(total_tokens=50)
    assert get(client, "sci?period=day")["sci_gco2e_per_unit"] == pytest.approx(200.0)
    assert get(client, "sci?period=day&unit=token")["sci_gco2e_per_unit"] == pytest.approx(8.0)
    assert get(client, "sci?period=day&unit=answer&units=4")["R"] == 4.0
    assert get(client, "sci?period=day&unit=answer", 422)["error"]["details"]["field"] == "units"


def test_a_forecast_and_the_prices(client: Client) -> None:
    for _ in range(3):
        usage(strategy_type="ttt")
    found = get(client, "forecast?kind=solve&strategy=ttt&unit=kwh")
    assert (found["runs"], found["middle"]) == (3, 1.0)
    assert get(client, "forecast?kind=baking", 422)["error"]["details"]["field"] == "kind"
    assert get(client, "prices")["version"] == 0
    assert get(client, "places?q=WORL")[0]["code"] == "WORLD"


# --- budgets --------------------------------------------------------------------------------------------------------


def test_the_life_of_a_budget(client: Client, researcher: User) -> None:
    usage(owner=researcher)
    body = {
        "name": "Mine",
        "unit": "gco2e",
        "period": "month",
        "scope": "user",
        "scope_key": researcher.pk,
        "limit": 250,
    }
    made = client.post("/api/v1/carbon/budgets", body, content_type="application/json")
    assert made.status_code == 201, made.content
    found = made.json()
    assert (found["spent"], found["left"], found["state"]) == (200.0, 50.0, "warned")
    path = f"budgets/{found['budget_id']}"
    changed = client.patch(f"/api/v1/carbon/{path}", {"limit": 150}, content_type="application/json").json()
    assert (changed["state"], changed["left"]) == ("spent", 0.0)
    assert get(client, "budgets")["total"] == 1
    assert client.delete(f"/api/v1/carbon/{path}").status_code == 200
    get(client, path, 404)


@pytest.mark.parametrize(
    ("change", "status"),
    [({"limit": 0}, 422), ({"unit": "euros"}, 422), ({"scope": "lab"}, 422), ({"scope": "lab", "scope_key": ""}, 403)],
)
def test_a_budget_that_cannot_be_made_is_refused(
    client: Client, researcher: User, change: dict[str, Any], status: int
) -> None:
    body = {"name": "Mine", "unit": "kwh", "scope": "user", "scope_key": researcher.pk, "limit": 5, **change}
    assert client.post("/api/v1/carbon/budgets", body, content_type="application/json").status_code == status
    assert not Budget.objects.exists()


def test_strangers_see_nothing() -> None:
    for path in ("summary", "budgets", "export", "timeline"):
        assert Client().get(f"/api/v1/carbon/{path}").status_code == 401


def test_reports_take_few_statements(client: Client, django_assert_max_num_queries: Callable[[int], Any]) -> None:
    for number in range(30):
        usage(strategy_type=f"s{number}", topic=f"run_{number}")
    for path in ("summary", "breakdown?by=experiment", "timeline"):
        with django_assert_max_num_queries(8):
            get(client, path)
