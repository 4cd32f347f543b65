"""Pages of the carbon app."""

from __future__ import annotations

from django.urls import URLPattern, path

from apps.carbon.views import pages

app_name = "carbon"
urlpatterns: list[URLPattern] = [
    path("", pages.overview, name="overview"),
    path("budgets/", pages.budgets, name="budgets"),
    path("budgets/<str:budget_id>/delete/", pages.budget_delete, name="budget-delete"),
]
