"""The ledger's pages: totals, where they went, budgets to set and to delete."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.carbon.models import Budget, ResourceUsage
from apps.core.models import Role, User

pytestmark = pytest.mark.django_db


def signed_in(user: User) -> Client:
    found = Client()
    found.force_login(user)
    return found


def usage(**values: Any) -> None:
    known = {
        "cpu_seconds": 10.0, "wall_seconds": 5.0, "memory_mb": 1.0, "estimated_cost": 0.5, "energy_joules": 3.6e6,
        "cpu_joules": 3.6e6, "energy_method": "constant", "energy_uncertainty": 0.5, "emissions_grams": 200.0,
        "intensity_grams_per_kwh": 200.0, "location": "FRA", "category": "solving",
    }  # fmt: skip
    ResourceUsage.objects.create(**known | values)


def test_an_empty_ledger_says_what_to_do(researcher: User) -> None:
    page = signed_in(researcher).get("/carbon/").content.decode()
    assert "Nothing was used in this time" in page


def test_the_page_shows_totals_where_they_went_and_what_is_not_known(researcher: User) -> None:
    usage(strategy_type="ttt", owner=researcher)
    usage(strategy_type="<b>", emissions_grams=None, intensity_grams_per_kwh=None)
    page = signed_in(researcher).get("/carbon/?period=day").content.decode()
    for words in (
        "2.00\u202fkWh",
        "± 1.00\u202fkWh",
        "200\u202fg",
        "ttt",
        "&lt;b&gt;",
        "rex",
        "not known of 1 execution",
        "Power over time",
    ):
        assert words in page, words
    assert "<b>" not in page
    assert len(re.findall(r"<rect [^>]*fill=.currentColor.><title>", page)) == 1, "one stretch of time, one component"


def test_a_period_that_is_none_shows_the_usual_one(researcher: User) -> None:
    assert signed_in(researcher).get("/carbon/?period=decade").status_code == 200


def test_a_budget_is_set_seen_and_deleted(researcher: User) -> None:
    usage(owner=researcher)
    client = signed_in(researcher)
    form = {"name": "Mine", "limit": "250", "unit": "gco2e", "period": "month", "scope": "user"}
    assert client.post("/carbon/budgets/", form).status_code == 302
    made = Budget.objects.get()
    assert made.scope_key == researcher.pk
    page = client.get("/carbon/budgets/").content.decode()
    assert "200 of 250 g CO2e a month" in page
    assert "80.0\u202f%: nearly spent" in page
    assert client.post(f"/carbon/budgets/{made.pk}/delete/").status_code == 302
    assert not Budget.objects.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"limit": "-3"}, "greater than or equal to 0"),
        ({"limit": "0"}, "greater than 0"),
        ({"name": ""}, "required"),
        ({"scope": "job"}, "says whose it is"),
        ({"scope": "lab"}, "not one of the available choices"),
    ],
)
def test_a_budget_that_cannot_be_keeps_what_was_typed(researcher: User, change: dict[str, str], words: str) -> None:
    form = {"name": "Mine", "limit": "5", "unit": "kwh", "period": "day", "scope": "user", **change}
    answer = signed_in(researcher).post("/carbon/budgets/", form)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Budget.objects.exists()


def test_admins_set_those_of_the_lab_and_viewers_none(admin: User, db: None) -> None:
    form = {"name": "All", "limit": "5", "unit": "kwh", "period": "day", "scope": "lab", "scope_key": "ignored"}
    viewer = User.objects.create_user("vera", password="growing-moss-9", role=Role.VIEWER)
    assert signed_in(viewer).post("/carbon/budgets/", form).status_code == 403
    assert not Budget.objects.exists()
    assert "New budget" not in signed_in(viewer).get("/carbon/budgets/").content.decode()
    assert signed_in(admin).post("/carbon/budgets/", form).status_code == 302


def test_the_page_takes_few_statements(researcher: User, django_assert_max_num_queries: Callable[[int], Any]) -> None:
    for number in range(20):
        usage(strategy_type=f"s{number}", topic=f"run_{number}")
    client = signed_in(researcher)
    client.get("/carbon/")
    with django_assert_max_num_queries(25):
        client.get("/carbon/")
