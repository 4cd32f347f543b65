"""Pages of the lab app."""

from __future__ import annotations

from django.urls import URLPattern, path

from apps.lab import views

app_name = "lab"
urlpatterns: list[URLPattern] = [
    path("", views.observatory, name="observatory"),
    path("search/", views.search, name="search"),
    path("system/patterns/", views.patterns, name="patterns"),
]
